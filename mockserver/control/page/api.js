// The mock's two interfaces as this page uses them: the control API beside the page, and the
// AgentOS API above it. All addresses are relative, so that a path prefix changes nothing.

import { createParser } from "./vendor/eventsource-parser.js";

const TOKEN = "agentos-mock.token";

export function token() {
  return sessionStorage.getItem(TOKEN) ?? "";
}

export function rememberToken(text) {
  sessionStorage.setItem(TOKEN, text);
}

/** An answer that is no success. `status` 0: there was none. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

function headers(scope, more = {}) {
  const found = { ...more };
  if (token()) found.Authorization = `Bearer ${token()}`;
  if (scope) found["Mock-Scope"] = scope;
  return found;
}

async function send(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "the mock does not answer");
  }
}

async function problemOf(response) {
  const text = await response.text();
  try {
    const { detail } = JSON.parse(text);
    if (detail) return new Problem(response.status, typeof detail === "string" ? detail : JSON.stringify(detail));
  } catch {
    // It is no JSON: shown as it came.
  }
  return new Problem(response.status, text || `status ${response.status}`);
}

/** Call an operation of the control API; its JSON, or null. Throws Problem. */
export async function control(method, path, body) {
  const more = body === undefined ? {} : { "Content-Type": "application/json" };
  const response = await send(path, {
    method,
    headers: headers("", more),
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) throw await problemOf(response);
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

/**
 * The workflows of a scope; with an id, that one's script. A scope that is not open has those that
 * all have. Throws Problem.
 *
 * By the control API: what the page looks up takes no rule from a front end, and no line of its journal.
 */
export async function workflows(scope, id) {
  const path = id === undefined ? "workflows" : `workflows/${encodeURIComponent(id)}`;
  try {
    return await control("GET", scope ? `${path}?scope=${encodeURIComponent(scope)}` : path);
  } catch (error) {
    if (scope && error.status === 404) return control("GET", path);
    throw error;
  }
}

/**
 * Start a run; `form` has the fields of the document. What the run says comes by the feed; this ends
 * with the answer, which is given as {status, text}. Throws Problem where there is none.
 */
export async function startRun(workflowId, form, { scope, prefer }) {
  const fields = new URLSearchParams();
  for (const [name, value] of Object.entries(form)) if (value !== "") fields.set(name, value);
  const response = await send(`../workflows/${encodeURIComponent(workflowId)}/runs`, {
    method: "POST",
    headers: headers(scope, prefer ? { Prefer: prefer } : {}),
    body: fields,
  });
  let text = "";
  try {
    text = await response.text();
  } catch {
    text = "the connection was cut";
  }
  return { status: response.status, text, isStream: (response.headers.get("content-type") ?? "").startsWith("text/event-stream") };
}

/** The feed's items of a scope as they come, from after `lastId` on. Ends where the connection does. */
export async function* feed(scope, lastId, signal) {
  const more = { Accept: "text/event-stream" };
  if (lastId) more["Last-Event-ID"] = lastId;
  const response = await send(`feed?scope=${encodeURIComponent(scope)}`, { headers: headers("", more), signal, cache: "no-store" });
  if (!response.ok) throw await problemOf(response);
  const found = [];
  const parser = createParser({ onEvent: (event) => found.push(event) });
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  yield { kind: "connected" };
  while (true) {
    const { done, value } = await reader.read();
    if (done) return;
    parser.feed(decoder.decode(value, { stream: true }));
    for (const event of found.splice(0)) yield { id: event.id, ...JSON.parse(event.data) };
  }
}
