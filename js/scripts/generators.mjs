// The generators of types that docs/document.md names, run by the lines that stand there, make a union
// of the events that narrows by `event`: a user's file (tests/user.ts.txt) compiles with each, by
// tsc --strict.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mockCommand } from "./mock.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(root, ".generated-"));
const bin = (name) => join(root, "node_modules", ".bin", name);
const run = (cwd, command, ...parameters) => execFileSync(command, parameters, { cwd, encoding: "utf8", maxBuffer: 1 << 26 });

const page = readFileSync(new URL("../../docs/document.md", import.meta.url), "utf8");
const lines = page.split("\n").filter((line) => line.startsWith("npx "));
const HEADS = {
  "openapi-typescript": 'import type { components } from "./agentos";\ntype WorkflowRunEvent = components["schemas"]["WorkflowRunEvent"];\n',
  "openapi-ts": 'import type { WorkflowRunEvent } from "./agentos";\n',
  orval: 'import type { WorkflowRunEvent } from "./agentos";\n',
};

let failed = 0;
try {
  const document = run(folder, mockCommand, "openapi");
  const files = [];
  const user = readFileSync(new URL("../tests/user.ts.txt", import.meta.url), "utf8");
  for (const [name, head] of Object.entries(HEADS)) {
    const [line] = lines.filter((line) => line.startsWith(`npx ${name} `));
    if (line === undefined) throw new Error(`docs/document.md has no line "npx ${name} …"`);
    const own = join(folder, name);
    mkdirSync(own);
    writeFileSync(join(own, "openapi.json"), document);
    run(own, bin(name), ...line.split(" ").slice(2));
    writeFileSync(join(own, "user.ts"), head + user);
    files.push(join(name, "user.ts"));
  }
  try {
    run(folder, bin("tsc"), "--strict", "--noEmit", "--skipLibCheck", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler", ...files);
    console.log(`${Object.keys(HEADS).join(", ")}: a user's file compiles`);
  } catch (error) {
    console.error(error.stdout ?? error);
    failed = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}
process.exit(failed);
