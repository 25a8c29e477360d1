/** A run's stream, event by event. */

import { createParser } from "eventsource-parser";
import { isTerminal, type WorkflowRunEvent } from "./events.js";

/** A run could not be read: `reason` says what happened. */
export class RunStreamError extends Error {
  /**
   * `refused`: the answer is an error, `status` and `detail` say which. `cut`: the connection ended
   * before the run did. `unreadable`: an event's data is no JSON object.
   */
  readonly reason: "refused" | "cut" | "unreadable";
  readonly status: number;
  readonly detail: unknown;

  constructor(reason: RunStreamError["reason"], message: string, status: number, detail?: unknown, cause?: unknown) {
    super(message, { cause });
    this.name = "RunStreamError";
    this.reason = reason;
    this.status = status;
    this.detail = detail;
  }
}

/**
 * The events of a streamed run, as they come.
 *
 * It ends after the run's terminal event. It throws RunStreamError where the answer is an error, and
 * where the connection ends before the run: a run that is cut is told from one that is over. Where the
 * request is aborted it throws the abort's reason. Leaving the loop closes the connection, which ends
 * the run.
 */
export async function* readEvents(response: Response): AsyncGenerator<WorkflowRunEvent, void, void> {
  if (!response.ok || !response.body) throw await refusal(response);
  const waiting: WorkflowRunEvent[] = [];
  let wrong: RunStreamError | undefined;
  const parser = createParser({
    onEvent: ({ event, data }) => {
      try {
        const value: unknown = JSON.parse(data);
        if (typeof value !== "object" || value === null || Array.isArray(value)) throw new TypeError("no object");
        waiting.push({ event, ...value } as WorkflowRunEvent);
      } catch (cause) {
        wrong ??= new RunStreamError("unreadable", `the data of ${event ?? "an event"} is no JSON object`, response.status, data, cause);
      }
    },
  });
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  let isOver = false;
  try {
    while (true) {
      let piece;
      try {
        piece = await reader.read();
      } catch (cause) {
        // By the Fetch standard a network error is a TypeError; what else comes is the reason of an abort.
        if ((cause as Error | undefined)?.name !== "TypeError") throw cause;
        throw new RunStreamError("cut", "the connection was cut", response.status, undefined, cause);
      }
      if (piece.done) break;
      parser.feed(decoder.decode(piece.value, { stream: true }));
      for (const event of waiting.splice(0)) {
        isOver ||= isTerminal(event);
        yield event;
      }
      if (wrong) throw wrong;
    }
    if (!isOver) throw new RunStreamError("cut", "the stream ended before the run did", response.status);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function refusal(response: Response): Promise<RunStreamError> {
  const text = await response.text();
  let detail: unknown = text;
  try {
    detail = (JSON.parse(text) as { detail?: unknown }).detail ?? text;
  } catch {
    // It is no JSON: the text is the detail.
  }
  const said = typeof detail === "string" ? detail : JSON.stringify(detail);
  return new RunStreamError("refused", `${response.status}: ${said}`, response.status, detail);
}
