import { defineConfig } from "@playwright/test";
// @ts-expect-error a script without types
import { mockCommand } from "./scripts/mock.mjs";

process.env["AGENTOS_MOCK_COMMAND"] = mockCommand as string;

// Debian's Chromium: nothing is downloaded.
const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export default defineConfig({
  testDir: ".",
  testMatch: ["example/*.spec.ts", "page/*.spec.ts", "snippets/*.spec.ts"],
  globalSetup: "./scripts/browser-setup.ts",
  fullyParallel: true,
  workers: Number(process.env["WORKERS"] ?? 2),
  // For a machine that does something else beside it.
  timeout: 60_000,
  expect: { timeout: 20_000 },
  reporter: [["line"]],
  use: { baseURL: process.env["EXAMPLE_URL"] ?? "", launchOptions: { executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args } },
});
