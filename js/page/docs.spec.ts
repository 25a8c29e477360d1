import type { Page } from "@playwright/test";
import { expect, test } from "../src/playwright.js";

// /docs: the document as Swagger UI shows it, tried on the mock itself.

/** Opens it; what goes wrong from then on, a request to another host too. */
async function open(page: Page, mock: string): Promise<string[]> {
  const wrong: string[] = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  page.on("request", (request) => !request.url().startsWith(`${mock}/`) && !/^(data|blob):/.test(request.url()) && wrong.push(`asked ${request.url()}`));
  await page.goto(`${mock}/docs`);
  await expect(page.getByRole("heading", { name: /^Agno API Reference/ })).toBeVisible();
  return wrong;
}

const operation = (page: Page, id: string) => page.locator(`[id^="operations-"][id$="-${id}"]`);

test("the operations are shown, and the schemas of their events", async ({ page, agentosMockUrl }) => {
  const wrong = await open(page, agentosMockUrl);
  for (const id of ["create_workflow_run", "get_workflows", "get_workflow_run", "cancel_workflow_run", "get_sessions", "get_config"]) {
    await expect(operation(page, id)).toBeVisible();
  }
  // Those in sight: the list is a long one.
  await expect(page.locator("section.models")).toContainText("BaseWorkflowRunOutputEvent");
  await expect(page.getByText(/parser error|failed to load|could not resolve/i)).toHaveCount(0);
  expect(wrong).toEqual([]);
});

test("a run is tried: its frames are shown, and how to ask with curl", async ({ page, agentosMock, agentosMockUrl }) => {
  const wrong = await open(page, agentosMockUrl);
  const run = operation(page, "create_workflow_run");
  await run.getByRole("button").first().click();
  await run.getByPlaceholder("workflow_id").fill("content-pipeline");
  await run.getByPlaceholder("message").first().fill("bees");
  await run.getByRole("button", { name: "Execute", exact: true }).click();
  const answer = run.locator(".live-responses-table");
  await expect(answer).toContainText("event: WorkflowStarted");
  await expect(answer).toContainText("event: WorkflowCompleted");
  await expect(answer).toContainText("text/event-stream");
  await expect(run.locator(".curl")).toContainText(`${agentosMockUrl}/workflows/content-pipeline/runs`);
  expect((await agentosMock.runs()).map((one) => one.state)).toEqual(["completed"]);
  expect(wrong).toEqual([]);
});

for (const scheme of ["light", "dark"] as const) {
  test(`where the browser asks for ${scheme} colours it has them, and its text stands out`, async ({ page, agentosMockUrl }) => {
    await page.emulateMedia({ colorScheme: scheme });
    await open(page, agentosMockUrl);
    await operation(page, "get_workflows").getByRole("button").first().click();
    // Its badges of methods have Swagger UI's own colours.
    const texts = page.locator("#document :is(h1, h2, h3, h4, h5, p, td, th, label, span, a):visible:not(.opblock-summary-method, .authorize *)");
    const [background, faint] = await texts.evaluateAll((elements) => {
      // Of WCAG 2: relative luminance, and the contrast of two colours.
      const parsed = (color: string) => color.match(/[\d.]+/g)!.map(Number);
      const linear = (channel: number) => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4);
      const luminance = (rgb: number[]) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => sum + weight * linear(rgb[i]! / 255), 0);
      const behind = (element: Element | null): number[] => {
        const color = parsed(element ? getComputedStyle(element).backgroundColor : "rgb(255, 255, 255)");
        const alpha = color[3] ?? 1;
        return alpha === 1 ? color : behind(element!.parentElement).map((part, i) => part * (1 - alpha) + color[i]! * alpha);
      };
      const contrast = (a: number, b: number) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const found = elements
        .filter((element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent!.trim()))
        .map((element) => ({ text: element.textContent!.slice(0, 40), value: contrast(luminance(parsed(getComputedStyle(element).color)), luminance(behind(element))) }));
      return [luminance(behind(document.body)), found.filter(({ value }) => value < 3).map(({ text, value }) => `${text}: ${value.toFixed(1)}`)] as const;
    });
    if (scheme === "dark") expect(background).toBeLessThan(0.1);
    else expect(background).toBeGreaterThan(0.9);
    expect(faint).toEqual([]);
  });
}
