/** A fixture for Playwright: a scope of the mock for each test. */

import { test as base, type TestInfo } from "@playwright/test";
import { closeScope, openScope, told, type AgentOSMock } from "./fixture.js";
import { startMock } from "./server.js";

export type { AgentOSMock, ExpectedEvent } from "./fixture.js";
export { expect } from "@playwright/test";

export interface MockFixtures {
  /** The test's scope. The page's requests to the mock belong to it. */
  agentosMock: AgentOSMock;
  /** Let a test leave gates unreleased and rules unused. */
  agentosMockLenient: boolean;
}

export interface MockWorkerFixtures {
  /** Where the mock is: AGENTOS_MOCK_URL, or one that each worker starts. */
  agentosMockUrl: string;
}

export const test = base.extend<MockFixtures, MockWorkerFixtures>({
  agentosMockUrl: [
    async ({}, use) => {
      const mock = await startMock();
      await use(mock.url);
      await mock.stop();
    },
    { scope: "worker" },
  ],
  agentosMockLenient: [false, { option: true }],
  agentosMock: async ({ agentosMockUrl, agentosMockLenient, context }, use, info) => {
    const scope = await openScope(agentosMockUrl, title(info));
    // To the mock alone: another host would have to answer a preflight for the header.
    await context.route(`${agentosMockUrl}/**`, (route) => route.continue({ headers: { ...route.request().headers(), ...lowerCase(scope.headers) } }));
    await use(scope);
    if (info.status !== info.expectedStatus) {
      await info.attach("agentos-mock timeline", { body: await told(scope), contentType: "text/plain" });
      await info.attach("agentos-mock journal", { body: JSON.stringify(await scope.journal(), null, 2), contentType: "application/json" });
    }
    await context.unrouteAll({ behavior: "ignoreErrors" });
    await closeScope(scope, agentosMockLenient || info.status !== info.expectedStatus);
  },
});

/** What tells a test from all that run beside it. */
function title(info: TestInfo): string {
  const { project, titlePath, repeatEachIndex, retry } = info;
  return [project.name, ...titlePath, repeatEachIndex || "", retry ? `retry ${retry}` : ""].join(" ").trim();
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
