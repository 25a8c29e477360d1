/**
 * Handlers for MSW that answer as a recorded server did: `agentos-mock record URL` records one, or
 * the mock itself with your scripts.
 */

import { http, HttpResponse, type HttpHandler } from "msw";
import { parseRecording, type Recording } from "./recording.js";

export { parseRecording, type Recording };

export interface HandlerOptions {
  /** Of the server that is stood in for; any without it. */
  baseUrl?: string;
  /** How much faster than recorded streams go; Infinity sends all at once. */
  speed?: number;
}

/** A handler of `POST /workflows/{workflow_id}/runs` that plays recordings. */
export function recordingHandlers(recordings: (Recording | string)[], options: HandlerOptions = {}): HttpHandler[] {
  const known = recordings.map((recording) => (typeof recording === "string" ? parseRecording(recording) : recording));
  const { baseUrl = "*", speed = 1 } = options;
  return [
    http.post(`${baseUrl}/workflows/:workflow_id/runs`, async ({ request, params }) => {
      const form = await formOf(request);
      const of = known.filter(({ workflow_id }) => workflow_id === params["workflow_id"]);
      const isStream = !["false", "0", "no", "off", "f", "n"].includes((form.get("stream") || "true").toLowerCase());
      const ofMode = of.filter((recording) => isStream === (recording.form.stream !== "false"));
      const recording = ofMode.find((each) => each.form.message === form.get("message")) ?? ofMode[0];
      if (!recording) {
        const detail = of.length ? `no ${isStream ? "stream" : "batch run"} of ${String(params["workflow_id"])} was recorded` : `Workflow '${String(params["workflow_id"])}' not found`;
        return HttpResponse.json({ detail, error_code: "NOT_FOUND" }, { status: 404 });
      }
      const renamed = renamer(recording, form.get("session_id"));
      if (!isStream || recording.status !== 200) return HttpResponse.json(renamed(recording.body) as null, { status: recording.status });
      return new HttpResponse(stream(recording, renamed, speed, request.signal), {
        headers: { "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache" },
      });
    }),
  ];
}

/** A run's form, as browsers send one: URL-encoded, or multipart. Its texts. */
async function formOf(request: Request): Promise<URLSearchParams> {
  const form = new URLSearchParams();
  const sent = await request.clone().formData().catch(() => new FormData());
  sent.forEach((value, name) => typeof value === "string" && form.append(name, value));
  return form;
}

function stream(recording: Recording, renamed: (value: unknown) => unknown, speed: number, signal: AbortSignal): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const frames = recording.frames.values();
  let last = 0;
  return new ReadableStream({
    async pull(controller) {
      const next = frames.next();
      if (next.done || signal.aborted) {
        controller.close();
        return;
      }
      const { at, event, data } = next.value;
      const wait = Math.max(0, at - last) / speed;
      last = at;
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait * 1000));
      controller.enqueue(encoder.encode(`event: ${event}\ndata: ${JSON.stringify(renamed(data))}\n\n`));
    },
  });
}

/** Puts fresh ids of the run and the session in the place of the recorded ones. */
function renamer(recording: Recording, sessionId: string | null): (value: unknown) => unknown {
  const first = (recording.frames[0]?.data ?? recording.body ?? {}) as Record<string, unknown>;
  const names = new Map<string, string>();
  if (typeof first["run_id"] === "string") names.set(first["run_id"], crypto.randomUUID());
  if (typeof first["session_id"] === "string") names.set(first["session_id"], sessionId || crypto.randomUUID());
  const rename = (value: unknown): unknown => {
    if (typeof value === "string") return names.get(value) ?? value;
    if (Array.isArray(value)) return value.map(rename);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, rename(inner)]));
  };
  return rename;
}
