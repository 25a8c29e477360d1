/** What the fixtures of Playwright and Vitest share. */

import { MockScope, leftUndone } from "./control.js";
import type { EventName } from "./events.js";

/** A test's scope, with what a test expects of it. */
export interface AgentOSMock extends MockScope {
  /** Expect that a run sends these events, in this order, others between them. Waits for each. */
  expectEvents(events: (EventName | [EventName, string])[], options?: { timeout?: number }): Promise<void>;
}

let count = 0;

/** Open a scope for a test of this title. */
export async function openScope(url: string, title: string): Promise<AgentOSMock> {
  count += 1;
  const plain = title.replace(/[^\w.-]+/g, "-").slice(-80).replace(/^-+|-+$/g, "");
  const scope = await MockScope.open(url, `${plain}-${process.pid}-${count}`, token());
  return Object.assign(scope, {
    expectEvents: (events: (EventName | [EventName, string])[], options = {}) => expectEvents(scope, events, options),
  });
}

function token(): { token?: string } {
  const given = process.env["AGENTOS_TOKEN"];
  return given ? { token: given } : {};
}

async function expectEvents(scope: MockScope, events: (EventName | [EventName, string])[], options: { timeout?: number }): Promise<void> {
  let after = -1;
  let runId: string | undefined;
  for (const wanted of events) {
    const [event, step] = typeof wanted === "string" ? [wanted] : wanted;
    const found = await scope.wait(event, { ...options, ...(step !== undefined && { step }), ...(runId !== undefined && { run_id: runId }) });
    runId = found.run_id;
    const sent = await scope.run(runId);
    const place = sent.events.findIndex(({ index, name, data }) => index > after && name === event && (step === undefined || (data as { step_name?: string } | null)?.step_name === step));
    if (place < 0) {
      throw new Error(`${event}${step ? ` of ${step}` : ""} came before ${events[events.indexOf(wanted) - 1]}; the run has sent:\n${await scope.timeline()}`);
    }
    after = place;
  }
}

/** Close a test's scope. Throws where the test has left something undone, unless it may. */
export async function closeScope(scope: MockScope, isLenient: boolean): Promise<void> {
  const report = await scope.close();
  const problems = leftUndone(report);
  if (problems.length > 0 && !isLenient) throw new Error(problems.join("\n"));
}
