/** A recorded run, and how its file is read. */

/** A recorded run, as a file of `agentos-mock record` has it. */
export interface Recording {
  workflow_id: string;
  form: { message: string; stream: string; [field: string]: string };
  status: number;
  /** A stream's events; `at` is in seconds since the request. */
  frames: { at: number; event: string; data: Record<string, unknown> }[];
  /** Of a batch run, or of an error. */
  body?: unknown;
}

/** A recording from the text of its file (JSON Lines). Throws where it was cut. */
export function parseRecording(text: string): Recording {
  const lines = text.split("\n").filter((line) => line.trim());
  const [head, ...rest] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const end = rest.pop();
  if (!head || head["recording"] !== 1 || !end || !("end" in end)) throw new Error("no whole recording: expected the lines that agentos-mock record writes");
  const frames = rest.filter((line) => "event" in line) as unknown as Recording["frames"];
  if (end["frames"] !== frames.length) throw new Error(`the recording says that it has ${String(end["frames"])} events, and has ${frames.length}`);
  const body = rest.find((line) => "body" in line)?.["body"];
  const { recording: _, ...about } = head;
  return { ...(about as unknown as Omit<Recording, "frames">), frames, ...(body !== undefined && { body }) };
}
