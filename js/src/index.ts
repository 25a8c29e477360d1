export * from "./control.js";
export * from "./events.js";
export * from "./reader.js";
