import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { HttpHandler } from "msw";
import { setupServer } from "msw/node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readEvents } from "../src/index.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SCRIPT = `id: greeter
name: Greeter
steps:
  - {type: Step, name: greet, mock: {content: "Hello, {{ input }}!"}}
`;
let folder = "";

// Within the package, whose own name a module there may import.
beforeAll(async () => {
  folder = await mkdtemp(join(ROOT, ".generated-"));
  await writeFile(join(folder, "greeter.yaml"), SCRIPT);
});

afterAll(() => rm(folder, { recursive: true }));

/** The command as it is built: `npm run build` comes first. */
const command = (...given: string[]) => promisify(execFile)(process.execPath, [join(ROOT, "dist/msw-command.js"), ...given], { cwd: folder });

test("the command needs no MSW", async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), "agentos-mock-"));
  await cp(join(ROOT, "dist"), elsewhere, { recursive: true });
  await writeFile(join(elsewhere, "package.json"), '{"type": "module"}');
  const { stdout } = await promisify(execFile)(process.execPath, [join(elsewhere, "msw-command.js"), "--help"], { cwd: elsewhere });
  expect(stdout).toMatch(/^usage: agentos-mock-msw/);
  await rm(elsewhere, { recursive: true });
});

test("the command of docs/javascript.md", async () => {
  const page = await readFile(new URL("../../docs/javascript.md", import.meta.url), "utf8");
  const words = /^npx agentos-mock-msw (.*)$/m.exec(page)?.[1]?.split(" ") ?? [];
  await mkdir(join(folder, "scripts"));
  await mkdir(join(folder, "src"));
  await writeFile(join(folder, "scripts", "greeter.yaml"), SCRIPT);
  const { stdout } = await command(...words);
  expect(stdout).toBe("src/handlers.ts: 4 recordings of greeter\n");
});

test("a folder of scripts becomes handlers that answer as the mock does on them", async () => {
  const { stdout } = await command(".", "--out", "handlers.js", "--message", "bees", "--message", "wasps", "--base-url", "http://api.example/", "--speed", "100");
  expect(stdout).toBe("handlers.js: 4 recordings of greeter\n");
  const { handlers } = (await import(pathToFileURL(join(folder, "handlers.js")).href)) as { handlers: HttpHandler[] };
  const server = setupServer(...handlers);
  server.listen({ onUnhandledRequest: "error" });
  try {
    const body = new URLSearchParams({ message: "wasps" });
    const events = [];
    for await (const event of readEvents(await fetch("http://api.example/workflows/greeter/runs", { method: "POST", body }))) events.push(event);
    expect(events.map(({ event }) => event)).toEqual(expect.arrayContaining(["WorkflowStarted", "StepStarted", "StepCompleted", "WorkflowCompleted"]));
    expect(events.at(-1)).toMatchObject({ content: "Hello, wasps!" });
  } finally {
    server.close();
  }
});

test("a module in TypeScript, of a running mock", async () => {
  await command(process.env["AGENTOS_MOCK_URL"]!, "--out", "handlers.ts", "--workflow", "content-pipeline");
  expect(await readFile(join(folder, "handlers.ts"), "utf8")).toContain("const recordings: Recording[] = [");
  await promisify(execFile)(join(ROOT, "node_modules/.bin/tsc"), ["--strict", "--noEmit", "--skipLibCheck", "--target", "es2022", "--module", "nodenext", "handlers.ts"], { cwd: folder });
});

test.each([
  [[], "expected one FROM, and --out FILE"],
  [["nowhere", "--out", "x.ts"], "nowhere: expected a folder or a URL"],
  [[".", "--out", "x.ts", "--workflow", "writer"], "writer"],
  [[".", "--out", "x.ts", "--speed", "0"], "--speed 0: expected a number above 0"],
  [[".", "--to", "x.ts"], "Unknown option '--to'"],
])("what is wrong is said: %j", async (given, said) => {
  await expect(command(...given)).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining(said) });
});

test("what the handlers will refuse is said", async () => {
  await mkdir(join(folder, "typed"));
  await writeFile(join(folder, "typed", "typed.yaml"), "id: typed\ninput_schema: {type: object, required: [topic]}\nsteps: [{type: Step, name: s, mock: {content: x}}]\n");
  const { stdout } = await command("typed", "--out", "typed.js", "--message", "bees");
  expect(stdout).toBe('typed.js: 2 recordings of typed\ntyped refused "bees" with 400, and so will its handlers; --message says what to ask\n');
});
