import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { setupServer } from "msw/node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readEvents, type WorkflowRunEvent } from "../src/index.js";
import { parseRecording, recordingHandlers } from "../src/msw.js";
import { recordingsIn } from "../src/recordings.js";
// @ts-expect-error a script without types
import { mockCommand } from "../scripts/mock.mjs";

const server = setupServer();
let recordings: string[] = [];
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "recorded-"));
  await promisify(execFile)(mockCommand as string, ["record", process.env["AGENTOS_MOCK_URL"]!, "--workflow", "article-writer", "--message", "bees", "--out", folder]);
  recordings = await recordingsIn(folder);
  server.listen({ onUnhandledRequest: "bypass" });
});

afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

async function run(url: string, form: Record<string, string>): Promise<Response> {
  return fetch(`${url}/workflows/article-writer/runs`, { method: "POST", body: new URLSearchParams(form) });
}

async function events(response: Response): Promise<WorkflowRunEvent[]> {
  const found = [];
  for await (const event of readEvents(response)) found.push(event);
  return found;
}

const plain = (found: WorkflowRunEvent[]) =>
  found.map((event) => JSON.stringify(event, (name, value: unknown) => (/_id$|created_at|duration|time/.test(name) ? undefined : value)));

test("handlers answer what the mock does", async () => {
  const [real, url] = [process.env["AGENTOS_MOCK_URL"]!, "http://recorded.example"];
  const expected = await events(await run(real, { message: "bees" }));
  server.use(...recordingHandlers(recordings, { baseUrl: url, speed: Infinity }));
  const answer = await run(url, { message: "bees", session_id: "mine" });
  expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  const played = await events(answer);
  expect(plain(played)).toEqual(plain(expected));
  expect(new Set(played.flatMap((event) => ("session_id" in event ? [event.session_id] : [])))).toEqual(new Set(["mine"]));
  const again = await events(await run(url, { message: "bees" }));
  expect(again[0]).not.toMatchObject({ run_id: (played[0] as { run_id: string }).run_id });
});

test("a form as a browser's FormData sends it", async () => {
  const url = "http://recorded.example";
  server.use(...recordingHandlers(recordings, { baseUrl: url, speed: Infinity }));
  const body = new FormData();
  for (const [name, value] of Object.entries({ message: "bees", stream: "false", session_id: "mine" })) body.set(name, value);
  const answer = await fetch(`${url}/workflows/article-writer/runs`, { method: "POST", body });
  expect(await answer.json()).toMatchObject({ status: "COMPLETED", session_id: "mine" });
});

test("a batch run, and a workflow that was not recorded", async () => {
  const url = "http://recorded.example";
  server.use(...recordingHandlers(recordings, { baseUrl: url }));
  const batch = (await (await run(url, { message: "bees", stream: "false" })).json()) as { status: string };
  expect(batch.status).toBe("COMPLETED");
  const unknown = await fetch(`${url}/workflows/nothing/runs`, { method: "POST", body: new URLSearchParams({ message: "x" }) });
  expect(unknown.status).toBe(404);
});

test("a recording that was cut is refused", () => {
  const lines = recordings[0]!.trimEnd().split("\n");
  expect(() => parseRecording(lines.slice(0, -1).join("\n"))).toThrow("no whole recording");
  expect(() => parseRecording([...lines.slice(0, 2), lines.at(-1)].join("\n"))).toThrow(/has 1/);
});
