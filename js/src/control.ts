/** A client of the mock's control API: one scope of a mock. */

import type { components } from "./generated/control.js";
import type { EventName } from "./events.js";

type Schemas = components["schemas"];
export type Answer = Schemas["Answer"];
export type Gate = Schemas["Gate"];
export type JournalEntry = Schemas["JournalEntry"];
export type MockRun = Schemas["Run"];
export type MockRunWithEvents = Schemas["RunWithEvents"];
export type Rule = Schemas["Rule"];
export type ScopeReport = Schemas["ScopeReport"];
export type Waited = Schemas["Waited"];

export interface RuleFor {
  /** CEL over the request: `input.contains("bees")`. */
  when?: string;
  workflow_id?: string;
  operation_id?: string;
  /** How often it is used; always without it. */
  times?: number;
}

export interface WaitOptions {
  step?: string;
  workflow_id?: string;
  run_id?: string;
  /** With a run_id: only events beyond this index count. */
  after?: number;
  /** Seconds; 30 without it. */
  timeout?: number;
}

/** The mock refused what was asked of it, or what was waited for did not come. */
export class ControlError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ControlError";
    this.status = status;
  }
}

type Query = Record<string, string | number | undefined>;

/**
 * One scope of a mock.
 *
 * Requests of the AgentOS API belong to it by `headers`, or by a session_id from `sessionId()`.
 */
export class MockScope {
  readonly url: string;
  readonly name: string;
  readonly #token: string | undefined;
  #sessions = 0;
  #isNew = false;

  private constructor(url: string, name: string, token: string | undefined) {
    this.url = url;
    this.name = name;
    this.#token = token;
  }

  /** Open a scope of the mock at `url`; one that is open stays as it is. */
  static async open(url: string, name: string, options: { token?: string } = {}): Promise<MockScope> {
    const scope = new MockScope(url.replace(/\/+$/, ""), name, options.token);
    const { status } = await scope.#ask("POST", "scopes", {}, { scope: name });
    scope.#isNew = status === 201;
    return scope;
  }

  /** Whether `open` has opened it: it was not open before. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /** What a request needs to belong to the scope. */
  get headers(): Record<string, string> {
    return { "Mock-Scope": this.name, ...this.#authorization };
  }

  /** The page that shows the scope in a browser. */
  get page(): string {
    return `${this.url}/__mock__/#${new URLSearchParams({ scope: this.name })}`;
  }

  /** A session_id by which requests belong to the scope. */
  sessionId(name?: string): string {
    this.#sessions += 1;
    return `${this.name}:${name ?? this.#sessions}`;
  }

  /** `fetch` of the AgentOS API, for the scope. `path` begins with a slash. */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(this.headers)) headers.set(name, value);
    return fetch(`${this.url}${path}`, { ...init, headers });
  }

  /** Answer requests with something else. */
  rule(answer: Answer, about: RuleFor = {}): Promise<Rule> {
    return this.#call("POST", "rules", {}, { scope: this.name, ...about, answer });
  }

  /** Answer the next requests with an error. */
  fail(status: number, about: RuleFor & Omit<Answer, "status"> = {}): Promise<Rule> {
    const { when, workflow_id, operation_id, times = 1, ...answer } = about;
    const rule: RuleFor = { times };
    if (when !== undefined) rule.when = when;
    if (workflow_id !== undefined) rule.workflow_id = workflow_id;
    if (operation_id !== undefined) rule.operation_id = operation_id;
    return this.rule({ ...answer, status }, rule);
  }

  /** Have runs wait at a gate before, or after, an event. */
  hold(gate: string, at: { before?: EventName; after?: EventName; step?: string }, about: RuleFor = {}): Promise<Rule> {
    return this.rule({ hold: { ...at, gate } }, about);
  }

  rules(): Promise<Rule[]> {
    return this.#get("rules");
  }

  async remove(rule: Rule): Promise<void> {
    await this.#call("DELETE", `rules/${encodeURIComponent(rule.id)}`);
  }

  /** Where runs wait now. */
  gates(): Promise<Gate[]> {
    return this.#get("gates");
  }

  /** Where a run waits at a gate, as soon as one does. `timeout`: seconds. */
  async gate(gate: string, timeout = 30): Promise<Gate> {
    const [first] = await this.#get<Gate[]>("gates", { gate, timeout });
    return first!;
  }

  /** Let runs go on that wait at a gate, or come to it later; those that waited there. */
  release(gate: string, runId?: string): Promise<Gate[]> {
    const body = { scope: this.name, ...(runId && { run_id: runId }) };
    return this.#call("POST", `gates/${encodeURIComponent(gate)}/release`, {}, body);
  }

  /** Return when a run has sent an event, at once where it has. */
  wait(event: EventName, options: WaitOptions = {}): Promise<Waited> {
    const { run_id, workflow_id, step, after, timeout } = options;
    if (run_id !== undefined) return this.#call("GET", `runs/${encodeURIComponent(run_id)}/wait`, { event, step, after, timeout });
    return this.#get("wait", { event, step, workflow_id, timeout });
  }

  /** Return when a run is over. `timeout`: seconds. */
  async ended(runId: string, timeout?: number): Promise<void> {
    await this.#call("GET", `runs/${encodeURIComponent(runId)}/wait`, { timeout });
  }

  /** The scope's runs, the newest first. */
  runs(): Promise<MockRun[]> {
    return this.#get("runs");
  }

  /** A run with all that it has sent. */
  run(runId: string): Promise<MockRunWithEvents> {
    return this.#call("GET", `runs/${encodeURIComponent(runId)}`);
  }

  pause(runId: string): Promise<MockRun> {
    return this.#steer(runId, "pause");
  }

  /** Let a paused run send one event more. */
  step(runId: string): Promise<MockRun> {
    return this.#steer(runId, "step");
  }

  resume(runId: string): Promise<MockRun> {
    return this.#steer(runId, "resume");
  }

  /** Cut a run's connection. */
  cut(runId: string): Promise<MockRun> {
    return this.#steer(runId, "cut");
  }

  cancel(runId: string): Promise<MockRun> {
    return this.#steer(runId, "cancel");
  }

  /** The scope's requests with their answers, the oldest first. */
  journal(): Promise<JournalEntry[]> {
    return this.#get("journal");
  }

  /** Set the clock (seconds since the epoch), move it on, or read it; what it says then. */
  async clock(change?: { now?: number; advance?: number }): Promise<number> {
    const { now } = change
      ? await this.#call<Schemas["Clock"]>("POST", "clock", {}, { scope: this.name, ...change })
      : await this.#get<Schemas["Clock"]>("clock");
    return now;
  }

  /** Serve a workflow script in this scope, in place of the one with its id. */
  async script(script: { id: string; [key: string]: unknown }): Promise<void> {
    await this.#call("PUT", `workflows/${encodeURIComponent(script.id)}`, { scope: this.name }, script);
  }

  /** Make the scope as it was when it was opened. */
  async reset(): Promise<void> {
    await this.#call("POST", "reset", {}, { scope: this.name });
  }

  /** Close the scope: what its test has left undone. */
  close(): Promise<ScopeReport> {
    return this.#call("DELETE", `scopes/${encodeURIComponent(this.name)}`);
  }

  /** The names of the events that a run has sent, each with the step that it is about. */
  async sent(runId: string): Promise<string[]> {
    const { events } = await this.run(runId);
    return events.map(({ name, about }) => (about ? `${name} ${about.label}` : name));
  }

  /** What the scope's runs have sent, in lines. */
  async timeline(): Promise<string> {
    const lines: string[] = [];
    for (const { run_id } of (await this.runs()).reverse()) {
      const run = await this.run(run_id);
      lines.push(`${run.workflow_id} ${run.run_id}: ${run.state}`);
      for (const { time, name, about, violations } of run.events) {
        lines.push(`  ${time.toFixed(3).padStart(8)}  ${name} ${about?.label ?? ""}`.trimEnd());
        for (const violation of violations) lines.push(`            against the contract: ${violation}`);
      }
      for (const { gate, step } of run.gates) lines.push(`  waits at ${gate}${step ? ` (step ${step})` : ""}`);
    }
    return lines.join("\n");
  }

  get #authorization(): Record<string, string> {
    return this.#token ? { Authorization: `Bearer ${this.#token}` } : {};
  }

  #steer(runId: string, verb: string): Promise<MockRun> {
    return this.#call("POST", `runs/${encodeURIComponent(runId)}/${verb}`);
  }

  #get<T>(path: string, query: Query = {}): Promise<T> {
    return this.#call("GET", path, { scope: this.name, ...query });
  }

  async #call<T>(method: string, path: string, query: Query = {}, body?: unknown): Promise<T> {
    const { text } = await this.#ask(method, path, query, body);
    return (text ? JSON.parse(text) : undefined) as T;
  }

  async #ask(method: string, path: string, query: Query, body: unknown): Promise<{ status: number; text: string }> {
    const url = new URL(`${this.url}/__mock__/${path}`);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
    const init: RequestInit = { method, headers: { ...this.#authorization } };
    if (body !== undefined) {
      init.headers = { ...this.#authorization, "Content-Type": "application/json" };
      init.body = JSON.stringify(body);
    }
    let response;
    try {
      response = await fetch(url, init);
    } catch (cause) {
      const reason = cause instanceof Error ? ((cause.cause as Error | undefined)?.message || cause.message) : String(cause);
      throw new Error(`no mock answers at ${this.url} (${reason}); agentos-mock serve starts one`, { cause });
    }
    const text = await response.text();
    if (response.ok) return { status: response.status, text };
    let detail = text;
    try {
      detail = (JSON.parse(text) as { detail: string }).detail;
    } catch {
      // It is no JSON: shown as it came.
    }
    throw new ControlError(response.status, `${method} ${url.pathname}: ${detail}`);
  }
}

/** What a scope's report says was left undone, in sentences. */
export function leftUndone(report: ScopeReport): string[] {
  return [
    ...report.unreleased_gates.map((gate) => `nobody released the gate ${JSON.stringify(gate)}`),
    ...report.unused_rules.map(({ answer }) => `the rule ${JSON.stringify(answer)} changed no request`),
  ];
}
