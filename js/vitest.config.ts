import { defineConfig } from "vitest/config";
// @ts-expect-error a script without types
import { mockCommand } from "./scripts/mock.mjs";

process.env["AGENTOS_MOCK_COMMAND"] = mockCommand as string;

export default defineConfig({
  test: { include: ["tests/*.test.ts", "snippets/*.test.ts"], globalSetup: "./src/global-setup.ts", testTimeout: 30_000, maxWorkers: 2 },
});
