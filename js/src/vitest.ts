/** A fixture for Vitest: a scope of the mock for each test. */

import { test as base } from "vitest";
import { closeScope, openScope, told, type AgentOSMock } from "./fixture.js";
import { startMock } from "./server.js";

export type { AgentOSMock, ExpectedEvent } from "./fixture.js";

export interface MockFixtures {
  /** Where the mock is: AGENTOS_MOCK_URL, or one that each worker starts. */
  agentosMockUrl: string;
  /** Let a test leave gates unreleased and rules unused. */
  agentosMockLenient: boolean;
  /** The test's scope. */
  agentosMock: AgentOSMock;
}

export const test = base.extend<MockFixtures>({
  agentosMockUrl: [
    async ({}, use) => {
      const mock = await startMock();
      await use(mock.url);
      await mock.stop();
    },
    { scope: "worker" },
  ],
  agentosMockLenient: false,
  agentosMock: async ({ agentosMockUrl, agentosMockLenient, task }, use) => {
    const scope = await openScope(agentosMockUrl, [task.file.projectName, ...names(task)].join(" "));
    await use(scope);
    const hasFailed = task.result?.state === "fail";
    if (hasFailed) console.error(`agentos-mock\n${await told(scope)}`);
    await closeScope(scope, agentosMockLenient || hasFailed);
  },
});

/** The names of a test's file, suites and itself. */
function names(task: { name: string; file: { name: string }; suite?: { name: string; suite?: unknown } | undefined }): string[] {
  const found = [];
  for (let each: typeof task.suite = task; each; each = each.suite as typeof task.suite) found.unshift(each.name);
  return [task.file.name, ...found];
}
