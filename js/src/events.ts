/** The payloads of a run's events, as the OpenAPI document has them. */

import type { components } from "./generated/agentos.js";

type Schemas = components["schemas"];

/** Any event of a run; `event` tells which. */
export type WorkflowRunEvent = Schemas["WorkflowRunEvent"];

/** The names that events have. */
export type EventName = WorkflowRunEvent["event"];

/** The event of a name: `EventOf<"StepCompleted">`. */
export type EventOf<Name extends EventName> = Extract<WorkflowRunEvent, { event: Name }>;

/** A whole run: the batch answer, and what is read back of a run. */
export type WorkflowRun = Schemas["WorkflowRunOutput"];

/** A step's result. */
export type StepOutput = Schemas["StepOutput"];

export type { components as AgentOS, paths as AgentOSPaths } from "./generated/agentos.js";

const TERMINAL = new Set<string>([
  "WorkflowCompleted",
  "WorkflowCancelled",
  "WorkflowError",
  "StepPaused",
  "ConditionPaused",
  "RouterPaused",
]);

/** Whether a run's stream ends with this event. */
export function isTerminal(event: { event: string }): boolean {
  return TERMINAL.has(event.event);
}
