/**
 * One mock for all workers, as `globalSetup` of Playwright's and Vitest's configuration:
 * `globalSetup: "agentos-mock/global-setup"`. AGENTOS_MOCK_ARGS has more options of `serve`.
 */

import { startMock } from "./server.js";

export default async function setup(): Promise<() => Promise<void>> {
  const args = process.env["AGENTOS_MOCK_ARGS"]?.split(" ").filter(Boolean) ?? [];
  const before = process.env["AGENTOS_MOCK_URL"];
  const mock = await startMock({ args });
  process.env["AGENTOS_MOCK_URL"] = mock.url;
  return async () => {
    if (before === undefined) delete process.env["AGENTOS_MOCK_URL"];
    await mock.stop();
  };
}
