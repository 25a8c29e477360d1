// What the tests in the browser need: the mock, and the example page on a free port.

import { createServer } from "vite";
import startMock from "../src/global-setup.js";

export default async function setup(): Promise<() => Promise<void>> {
  const stopMock = await startMock();
  const vite = await createServer({ root: new URL("../example", import.meta.url).pathname, server: { port: 0, hmr: false }, logLevel: "warn" });
  await vite.listen();
  process.env["EXAMPLE_URL"] = vite.resolvedUrls?.local[0] ?? "";
  return async () => {
    await vite.close();
    await stopMock();
  };
}
