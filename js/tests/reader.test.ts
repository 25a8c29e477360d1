import { describe, expect, test } from "vitest";
import { readEvents, RunStreamError, type WorkflowRunEvent } from "../src/index.js";

const BASE = { created_at: 1, workflow_id: "w", session_id: "s", run_id: "r" };
const STARTED = frame("WorkflowStarted", BASE);
const ENDED = frame("WorkflowCompleted", { ...BASE, content: "ü 東 🐝", step_results: [] });

function frame(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify({ event, ...data })}\n\n`;
}

function answer(pieces: Iterable<Uint8Array | string>, init: ResponseInit = {}): Response {
  const encoder = new TextEncoder();
  const source = [...pieces].values();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = source.next();
      if (next.done) controller.close();
      else controller.enqueue(typeof next.value === "string" ? encoder.encode(next.value) : next.value);
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" }, ...init });
}

async function all(response: Response): Promise<WorkflowRunEvent[]> {
  const found: WorkflowRunEvent[] = [];
  for await (const event of readEvents(response)) found.push(event);
  return found;
}

describe("readEvents", () => {
  test.each([1, 2, 3, 7, 1000])("gives the same events in pieces of %i bytes", async (size) => {
    const bytes = new TextEncoder().encode(`: hello\n\n${STARTED}: keep-alive\n\n${ENDED.replaceAll("\n", "\r\n")}`);
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.slice(at * size, (at + 1) * size));
    const events = await all(answer(pieces));
    expect(events.map(({ event }) => event)).toEqual(["WorkflowStarted", "WorkflowCompleted"]);
    expect(events[1]).toMatchObject({ content: "ü 東 🐝" });
  });

  test("tells a stream that is cut from one that is over", async () => {
    await expect(all(answer([STARTED]))).rejects.toMatchObject({ reason: "cut" });
    await expect(all(answer([STARTED, ENDED.slice(0, -2)]))).rejects.toMatchObject({ reason: "cut" });
    await expect(all(answer([STARTED, ENDED]))).resolves.toHaveLength(2);
  });

  test("gives what came before the connection broke", async () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(STARTED));
      },
      pull(controller) {
        controller.error(new TypeError("terminated"));
      },
    });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of readEvents(new Response(body))) seen.push(event.event);
    })();
    await expect(reading).rejects.toMatchObject({ reason: "cut", cause: expect.any(TypeError) });
    expect(seen).toEqual(["WorkflowStarted"]);
  });

  test.each([
    [{ detail: "try later", error_code: "X" }, "try later"],
    [{ detail: [{ msg: "field required" }] }, [{ msg: "field required" }]],
  ])("tells why it was refused: %j", async (body, detail) => {
    const refused = all(Response.json(body, { status: 503 }));
    await expect(refused).rejects.toMatchObject({ reason: "refused", status: 503, detail });
  });

  test("an error that is no JSON is told as it came", async () => {
    const refused = all(new Response("<html>", { status: 502 }));
    await expect(refused).rejects.toMatchObject({ reason: "refused", detail: "<html>" });
  });

  test.each(["nothing", "[]", "null", "1"])("data that is no object is unreadable: %s", async (data) => {
    const reading = all(answer([STARTED, `event: StepStarted\ndata: ${data}\n\n`, ENDED]));
    await expect(reading).rejects.toBeInstanceOf(RunStreamError);
    await expect(all(answer([`event: StepStarted\ndata: ${data}\n\n`]))).rejects.toMatchObject({ reason: "unreadable" });
  });

  test("leaving the loop closes the connection", async () => {
    let isClosed = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode(STARTED)),
      cancel: () => {
        isClosed = true;
      },
    });
    for await (const event of readEvents(new Response(body))) {
      expect(event.event).toBe("WorkflowStarted");
      break;
    }
    expect(isClosed).toBe(true);
  });
});
