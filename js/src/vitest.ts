/** A fixture for Vitest: a scope of the mock for each test. */

import { test as base, type TestAPI } from "vitest";
import { closeScope, openScope, type AgentOSMock } from "./fixture.js";
import { startMock, type RunningMock } from "./server.js";

export type { AgentOSMock } from "./fixture.js";

let starting: Promise<RunningMock> | undefined;

/** The mock of this worker: AGENTOS_MOCK_URL, or one that is started at the first test that asks. */
function mockOfWorker(): Promise<RunningMock> {
  return (starting ??= startMock());
}

export interface MockFixtures {
  agentosMock: AgentOSMock;
  /** Let a test leave gates unreleased and rules unused. */
  agentosMockLenient: boolean;
}

export const test: TestAPI<MockFixtures> = base.extend<MockFixtures>({
  agentosMockLenient: false,
  agentosMock: async ({ agentosMockLenient, task }, use) => {
    const { url } = await mockOfWorker();
    const scope = await openScope(url, task.name);
    await use(scope);
    const hasFailed = task.result?.state === "fail";
    if (hasFailed) console.error(`agentos-mock\n${await scope.timeline()}\n${scope.page}`);
    await closeScope(scope, agentosMockLenient || hasFailed);
  },
});
