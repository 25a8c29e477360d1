// The pictures of the mock's page in docs/images: three sizes, light and dark. `npm run pictures`.

import { mkdirSync } from "node:fs";
import { chromium } from "@playwright/test";
import { mockCommand } from "./mock.mjs";

process.env.AGENTOS_MOCK_COMMAND ??= mockCommand;
const { startMock } = await import("../dist/server.js");
const { MockScope } = await import("../dist/index.js");

const folder = new URL("../../docs/images/", import.meta.url);
mkdirSync(folder, { recursive: true });
const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
const mock = await startMock({ args: ["--seed", "1"] });
const scope = await MockScope.open(mock.url, "trip-page");
await scope.hold("worked-out", { before: "TeamRunCompleted" }, { workflow_id: "trip-desk" });
const answer = scope.fetch("/workflows/trip-desk/runs", { method: "POST", body: new URLSearchParams({ message: "Porto" }) });
await scope.gate("worked-out");
const sizes = { wide: [1440, 900], tablet: [820, 1180], phone: [390, 844] };
for (const [name, [width, height]] of Object.entries(sizes)) {
  for (const colorScheme of name === "wide" ? ["light", "dark"] : [name === "tablet" ? "dark" : "light"]) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme });
    // On a phone the form would stand before the run.
    await page.goto(name === "phone" ? scope.page : `${scope.page}&workflow=trip-desk`);
    await page.getByText("Held at gate").first().waitFor();
    await page.waitForTimeout(500);
    await page.screenshot({ path: new URL(`page-${name}-${colorScheme}.png`, folder).pathname });
    await page.close();
  }
}
await scope.release("worked-out");
await (await answer).text();
await scope.close();
await browser.close();
await mock.stop();
