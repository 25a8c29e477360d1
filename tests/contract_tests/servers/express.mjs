// Express by Node's own server: HTTP/1.1, chunked, and compressed where it is told to.
// It shares nothing with the others here: another hand's reading of the document.
// node express.mjs /PATH/TO/node_modules [compressed] [held]; it says its URL. `held`: compression
// holds the stream back, which takes its time.

import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, ...how] = process.argv.slice(2);
const load = createRequire(join(modules, "index.js"));
const express = load("express");
const app = express();
app.disable("x-powered-by");
if (how.includes("compressed")) app.use(load("compression")({ threshold: 0 }));

const workflow = { id: "errand", name: "Errand", description: "Two errands, one after the other" };
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const refuse = (status, detail) => Object.assign(new Error(detail), { status });

function known(request) {
  if (request.params.id !== workflow.id) throw refuse(404, `no workflow ${request.params.id}`);
}

/** The run that a form asks for. Of a field that is given twice the last one counts. */
function asked(request) {
  known(request);
  if (!request.is("application/x-www-form-urlencoded")) throw refuse(422, "a form is expected");
  const form = Object.fromEntries(Object.entries(request.body ?? {}).map(([name, value]) => [name, [value].flat().at(-1)]));
  if (form.message === undefined) throw refuse(422, "message: required");
  const stream = { true: true, 1: true, on: true, yes: true, t: true, y: true, false: false, 0: false, off: false, no: false, f: false, n: false }[(form.stream ?? "true").toLowerCase()];
  if (stream === undefined) throw refuse(422, "stream: a boolean is expected");
  if (form.version && form.version !== "null" && !/^[+-]?\d+$/.test(form.version)) throw refuse(422, "version: an integer is expected");
  return { stream, message: form.message, ids: { workflow_id: workflow.id, workflow_name: workflow.name, run_id: randomUUID(), session_id: form.session_id || randomUUID() }, user: form.user_id ? { user_id: form.user_id } : {} };
}

const now = () => Math.floor(Date.now() / 1000);

async function* events({ ids, message }) {
  const event = (name, more = {}) => ({ event: name, created_at: now(), ...ids, ...more });
  const results = [];
  yield event("WorkflowStarted");
  for (const [index, name] of ["fetch", "carry"].entries()) {
    const place = { step_index: index, step_name: name, step_id: randomUUID() };
    const result = { step_name: name, step_id: place.step_id, step_type: "Step", content: `${name}: ${index ? results[0].content.length : "…"}`, success: true, error: null, stop: false };
    yield event("StepStarted", place);
    await pause(how.includes("held") ? 800 : 15);
    yield event("StepOutput", { step_index: index, step_name: name, step_output: result });
    results.push(result);
    yield event("StepCompleted", { ...place, content: result.content, step_response: result });
  }
  yield event("WorkflowCompleted", { content: results.at(-1).content, step_results: results });
}

app.get("/workflows", (_, response) => response.json([workflow]));
app.get("/workflows/:id", (request, response) => {
  known(request);
  response.json(workflow);
});

app.post("/workflows/:id/runs", express.urlencoded({ extended: false, limit: "8mb" }), async (request, response) => {
  const run = asked(request);
  if (run.stream) {
    response.type("text/event-stream").set({ "Cache-Control": "no-cache" });
    for await (const event of events(run)) {
      response.write(`event: ${event.event}\ndata: ${JSON.stringify(event)}\n\n`);
      if (!how.includes("held")) response.flush?.();
    }
    response.end();
    return;
  }
  let last;
  for await (const event of events(run)) last = event;
  const { event, ...body } = last;
  response.json({ ...body, ...run.user, status: "COMPLETED", input: run.message });
});

const only = (methods) => (_, response) => {
  response.set("Allow", methods);
  throw refuse(405, `only ${methods}`);
};
app.all("/workflows", only("GET"));
app.all("/workflows/:id", only("GET"));
app.all("/workflows/:id/runs", only("POST"));
app.use(() => {
  throw refuse(404, "not here");
});

app.use((error, _request, response, _next) => {
  response.status(error.status ?? 500).json({ detail: error.message });
});

const server = app.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
