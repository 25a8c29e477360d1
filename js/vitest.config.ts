import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["tests/**/*.test.ts"], globalSetup: "./src/global-setup.ts", testTimeout: 30_000, maxWorkers: 2 },
});
