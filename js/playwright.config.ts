import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

const own = new URL("../.venv/bin/agentos-mock", import.meta.url).pathname;
if (existsSync(own)) process.env["AGENTOS_MOCK_COMMAND"] ??= own;

// Debian's Chromium: nothing is downloaded.
const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export default defineConfig({
  testDir: ".",
  testMatch: ["example/*.spec.ts", "page/*.spec.ts"],
  globalSetup: "./src/global-setup.ts",
  fullyParallel: true,
  workers: Number(process.env["WORKERS"] ?? 2),
  timeout: 30_000,
  reporter: [["line"]],
  webServer: { command: "npx vite example --port 5188 --strictPort --logLevel warn", url: "http://localhost:5188", reuseExistingServer: false },
  use: { baseURL: "http://localhost:5188", launchOptions: { executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args } },
});
