import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { startMock } from "../src/server.js";

test("a mock ends with the process that started it, however that ends", async () => {
  // A process of its own, as a test runner's worker is: it is killed before it can stop its mock.
  const program = "import { startMock } from './dist/server.js'; console.log((await startMock()).url); setInterval(() => {}, 1000);";
  const { AGENTOS_MOCK_URL: _, ...env } = process.env;
  const worker = spawn(process.execPath, ["--input-type=module", "-e", program], { env, stdio: ["ignore", "pipe", "inherit"] });
  const [url] = (await once(worker.stdout.setEncoding("utf8"), "data")) as [string];
  const feed = await fetch(`${url.trim()}/__mock__/feed`);
  worker.kill("SIGKILL");
  // The connection ends when the mock does.
  await expect(feed.text().then(() => "ended", () => "ended")).resolves.toBe("ended");
  await expect.poll(() => fetch(`${url.trim()}/config`).then(() => "there", () => "gone"), { timeout: 20_000 }).toBe("gone");
});

test("a command that cannot be started says how to get it", async () => {
  const given = process.env["AGENTOS_MOCK_URL"];
  delete process.env["AGENTOS_MOCK_URL"];
  try {
    await expect(startMock({ command: "no-such-mock" })).rejects.toThrow(/no-such-mock cannot be started.*pip install agentos-contract-kit/);
    await expect(startMock({ args: ["--as", "nobody"] })).rejects.toThrow(/ended with 2: .*nobody/s);
  } finally {
    process.env["AGENTOS_MOCK_URL"] = given;
  }
});
