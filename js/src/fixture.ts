/** What the fixtures of Playwright and Vitest share. */

import { ControlError, MockScope, leftUndone } from "./control.js";
import type { EventName } from "./events.js";

/** An event by its name, or by its name and its step's. */
export type ExpectedEvent = EventName | [event: EventName, step: string];

export interface ExpectOptions {
  /** The run; without it the first that sends the first of the events. */
  run_id?: string;
  /** Seconds to wait for each; 30 without it. */
  timeout?: number;
}

/** A test's scope, with what a test expects of it. */
export interface AgentOSMock extends MockScope {
  /** Expect that a run sends these events, in this order, others between them. Waits for each. */
  expectEvents(events: ExpectedEvent[], options?: ExpectOptions): Promise<void>;
}

/**
 * Open a scope for a test of this title. It has the same name, and with the mock's `--seed` the same
 * ids, each time, unless a scope of that name is open: then it is another's.
 */
export async function openScope(url: string, title: string): Promise<AgentOSMock> {
  const plain = title.replace(/[^\w.-]+/g, "-").slice(-80).replace(/^-+|-+$/g, "");
  const name = `${plain}-${hash(title)}`;
  let scope = await MockScope.open(url, name, token());
  if (!scope.isNew) scope = await MockScope.open(url, `${name}-${crypto.randomUUID().slice(0, 8)}`, token());
  return Object.assign(scope, {
    expectEvents: (events: ExpectedEvent[], options = {}) => expectEvents(scope, events, options),
  });
}

/** Tells long titles apart that end alike (FNV-1a). */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (const char of text) value = Math.imul(value ^ char.codePointAt(0)!, 0x01000193) >>> 0;
  return value.toString(36);
}

function token(): { token?: string } {
  const given = process.env["AGENTOS_TOKEN"];
  return given ? { token: given } : {};
}

async function expectEvents(scope: MockScope, events: ExpectedEvent[], options: ExpectOptions): Promise<void> {
  const at: { run_id?: string; after?: number } = options.run_id === undefined ? {} : { run_id: options.run_id };
  for (const wanted of events) {
    const [event, step] = typeof wanted === "string" ? [wanted] : wanted;
    try {
      const found = await scope.wait(event, { ...at, ...(step !== undefined && { step }), ...(options.timeout !== undefined && { timeout: options.timeout }) });
      at.run_id = found.run_id;
      at.after = found.index!;
    } catch (error) {
      if (error instanceof ControlError) throw new Error(`${error.message}\n${await told(scope)}`, { cause: error });
      throw error;
    }
  }
}

/** What the runs of a scope have sent, and where it is shown. */
export async function told(scope: MockScope): Promise<string> {
  return `${await scope.timeline()}\n${scope.page}`;
}

/** Close a test's scope. Throws where the test has left something undone, unless it may. */
export async function closeScope(scope: MockScope, isLenient: boolean): Promise<void> {
  // Before it is closed, which forgets it.
  const timeline = isLenient ? "" : await scope.timeline();
  const problems = leftUndone(await scope.close());
  if (problems.length > 0 && !isLenient) throw new Error([...problems, timeline].join("\n").trimEnd());
}
