// A page that runs a workflow and shows it as it streams: what a front end has to cope with.

import { readEvents, RunStreamError, type WorkflowRunEvent } from "../src/index.js";

const mock = new URLSearchParams(location.search).get("mock") ?? "http://localhost:7777";
const MAX_TRIES = 4;

const form = element<HTMLFormElement>("ask");
const state = element("state");
const steps = element("steps");
const text = element("text");
const cancel = element<HTMLButtonElement>("cancel");
const again = element<HTMLButtonElement>("again");

let runId = "";

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void write();
});
again.addEventListener("click", () => void write());
cancel.addEventListener("click", () => {
  state.textContent = "Cancelling";
  void fetch(`${mock}/workflows/${workflow()}/runs/${runId}/cancel`, { method: "POST" });
});

/** Run the workflow; once more in the same session where the server is busy, or the connection is cut. */
async function write(): Promise<void> {
  again.hidden = true;
  for (let attempt = 1; attempt <= MAX_TRIES; attempt += 1) {
    try {
      await once();
      return;
    } catch (error) {
      const wait = retryAfter(error);
      if (wait === null || attempt === MAX_TRIES) {
        state.textContent = error instanceof Error ? `Failed: ${error.message}` : "Failed";
        again.hidden = false;
        return;
      }
      state.textContent = error instanceof RunStreamError && error.reason === "cut" ? "Connection lost, trying again" : "Busy, trying again";
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    } finally {
      cancel.disabled = true;
    }
  }
}

async function once(): Promise<void> {
  steps.replaceChildren();
  text.textContent = "";
  state.textContent = "Asking";
  const sessionId = sessionStorage.getItem("session_id");
  const body = new URLSearchParams({ message: String(new FormData(form).get("message")) });
  if (sessionId) body.set("session_id", sessionId);
  const response = await fetch(`${mock}/workflows/${workflow()}/runs`, { method: "POST", body });
  if (response.status === 503 || response.status === 429) throw new Busy(Number(response.headers.get("Retry-After") ?? 0));
  for await (const event of readEvents(response)) show(event);
}

class Busy extends Error {
  constructor(readonly seconds: number) {
    super("the server is busy");
  }
}

function retryAfter(error: unknown): number | null {
  if (error instanceof Busy) return error.seconds;
  if (error instanceof RunStreamError && error.reason === "cut") return 0;
  if (error instanceof TypeError) return 0; // fetch: there was no answer
  return null;
}

function show(event: WorkflowRunEvent): void {
  switch (event.event) {
    case "WorkflowStarted":
      runId = event.run_id;
      sessionStorage.setItem("session_id", event.session_id);
      sessionStorage.setItem("run_id", event.run_id);
      state.textContent = "Writing";
      cancel.disabled = false;
      break;
    case "StepStarted":
      mark(event.step_id, "running", event.step_name);
      text.textContent = "";
      break;
    case "StepCompleted":
      mark(event.step_id, event.step_response.success ? "done" : "failed");
      if (typeof event.content === "string" && !text.textContent) text.textContent = event.content;
      break;
    case "StepError":
      mark(event.step_id, "failed");
      break;
    case "RunContent":
      if (typeof event.content === "string") text.textContent += event.content;
      break;
    case "WorkflowCompleted":
      state.textContent = "Done";
      if (typeof event.content === "string") text.textContent = event.content;
      break;
    case "WorkflowCancelled":
      state.textContent = "Cancelled";
      break;
    case "WorkflowError":
      state.textContent = `Failed: ${event.error}`;
      again.hidden = false;
      break;
    default:
  }
}

function mark(id: string, to: string, name?: string): void {
  let item = steps.querySelector<HTMLElement>(`[data-id="${id}"]`);
  if (!item) {
    item = document.createElement("li");
    item.dataset["id"] = id;
    item.textContent = name ?? "";
    steps.append(item);
  }
  item.dataset["state"] = to;
}

/** What a reload finds: the last run of the session, as far as it has come. */
async function restore(): Promise<void> {
  const [sessionId, lastRun] = [sessionStorage.getItem("session_id"), sessionStorage.getItem("run_id")];
  if (!sessionId || !lastRun) return;
  const query = new URLSearchParams({ session_id: sessionId });
  const response = await fetch(`${mock}/workflows/${workflow()}/runs/${lastRun}?${query}`);
  if (!response.ok) return;
  const run = (await response.json()) as { status: string; content?: unknown; events?: WorkflowRunEvent[] };
  for (const event of run.events ?? []) show(event);
  state.textContent = run.status === "COMPLETED" ? "Restored" : `Restored: ${run.status.toLowerCase()}`;
  cancel.disabled = true;
}

function workflow(): string {
  return String(new FormData(form).get("workflow"));
}

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`there is no #${id}`);
  return found as T;
}

void restore();
