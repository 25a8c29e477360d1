import type { Page } from "@playwright/test";
import { expect, test } from "../src/playwright.js";

// The page asks the control API, which has no scope of its own: it shows the one in its address.
test.use({ agentosMockLenient: true });

async function open(page: Page, url: string): Promise<string[]> {
  const wrong: string[] = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  page.on("request", (request) => !request.url().startsWith(url.split("/__mock__")[0]!) && !request.url().startsWith("data:") && wrong.push(`asked ${request.url()}`));
  await page.goto(url);
  await expect(page.getByText("live", { exact: true })).toBeVisible();
  return wrong;
}

const choose = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click();
const timeline = (page: Page) => page.getByRole("treegrid", { name: "Timeline of the run" });

test("a run is started, and its events come on a timeline", async ({ page, agentosMock }) => {
  const wrong = await open(page, agentosMock.page);
  await choose(page, "Content Pipeline");
  await page.getByRole("textbox", { name: "Message" }).fill("bees");
  await choose(page, "Run");
  await expect(timeline(page).getByRole("row")).toHaveText([/Content Pipeline/, /outline/, /draft/, /headline/]);
  await expect(page.getByRole("heading", { name: /content-pipeline\s+completed/ })).toBeVisible();
  await page.getByRole("button", { name: /WorkflowCompleted/ }).click();
  await expect(page.getByText('"event": "WorkflowCompleted"')).toBeVisible();
  expect(wrong).toEqual([]);
});

test("a front end's run is shown as it comes, held and released by click", async ({ page, agentosMock }) => {
  const wrong = await open(page, agentosMock.page);
  await choose(page, "Content Pipeline");
  await page.locator("summary", { hasText: "Step draft" }).click();
  await choose(page, "Hold before its end");
  await expect(page.getByText("The rule was made")).toBeVisible();
  const answer = agentosMock.fetch("/workflows/content-pipeline/runs", { method: "POST", body: new URLSearchParams({ message: "bees" }) });
  await agentosMock.gate("draft");
  await expect(page.getByText("Held at gate draft in step draft").first()).toBeVisible();
  await expect(timeline(page).getByRole("row", { name: /draft running/ })).toBeVisible();
  await page.getByRole("button", { name: "Release draft" }).first().click();
  await expect(page.getByRole("heading", { name: /completed/ })).toBeVisible();
  expect((await answer).status).toBe(200);
  await expect(timeline(page).getByRole("row")).toHaveCount(4);
  expect(wrong).toEqual([]);
});

test("a rule is made and taken away by click, and its request is in the journal", async ({ page, agentosMock }) => {
  await open(page, agentosMock.page);
  await page.getByRole("tab", { name: /Gates and rules/ }).click();
  await choose(page, "Fail the next request: 503");
  await expect(page.getByRole("row", { name: /any request/ })).toContainText("0 of 1");
  expect((await agentosMock.fetch("/sessions")).status).toBe(503);
  await expect(page.getByRole("row", { name: /any request/ })).toContainText("1 of 1");
  await choose(page, "Remove");
  await expect(page.getByText("No rules.")).toBeVisible();
  await page.getByRole("tab", { name: "Journal" }).click();
  await expect(page.getByRole("row", { name: /GET \/sessions/ })).toContainText("503");
});

test("a wrong rule is told what would be right", async ({ page, agentosMock }) => {
  await open(page, agentosMock.page);
  await page.getByRole("tab", { name: /Gates and rules/ }).click();
  await page.getByText("Any other rule").click();
  await page.getByRole("textbox", { name: /^Answer/ }).fill('{"faults": ["order.bare-ned"]}');
  await choose(page, "Add the rule");
  await expect(page.getByRole("alert")).toContainText("did you mean 'order.bare-end'");
});

test("two runs are compared", async ({ page, agentosMock }) => {
  const run = async (message: string) => (await agentosMock.fetch("/workflows/content-pipeline/runs", { method: "POST", body: new URLSearchParams({ message }) })).text();
  await run("bees");
  await run("ants");
  await open(page, agentosMock.page);
  for (const box of await page.getByRole("checkbox", { name: /^Compare the run/ }).all()) await box.check();
  await page.getByRole("tab", { name: /Compare/ }).click();
  await expect(page.getByText(/of 11 places differ/)).toBeVisible();
  await expect(page.getByText(/bees.*became.*ants|ants.*became.*bees/).first()).toBeVisible();
});

test("what breaks the contract is marked", async ({ page, agentosMock }) => {
  await open(page, agentosMock.page);
  await choose(page, "Content Pipeline");
  await page.getByText("What to answer with").click();
  await page.getByRole("combobox", { name: "Fault" }).fill("order.step-completed-twice");
  await page.getByRole("combobox", { name: "Fault" }).blur();
  await choose(page, "Run");
  await expect(page.getByText(/had ended before/).first()).toBeVisible();
});

test("a refused run says why", async ({ page, agentosMock }) => {
  await open(page, agentosMock.page);
  await choose(page, "Rush Hour");
  await page.getByText("What to answer with").click();
  await page.getByRole("textbox", { name: "Status" }).fill("429");
  await page.getByRole("textbox", { name: "Status" }).blur();
  await choose(page, "Run");
  await expect(page.getByRole("alert")).toContainText("429:");
});

test("the timeline is read and closed by keys", async ({ page, agentosMock }) => {
  await (await agentosMock.fetch("/workflows/everything/runs", { method: "POST", body: new URLSearchParams({ message: "bees" }) })).text();
  await open(page, agentosMock.page);
  const rows = timeline(page).getByRole("row");
  await expect(rows.first()).toBeVisible();
  const count = await rows.count();
  await rows.first().focus();
  await page.keyboard.press("ArrowDown");
  await expect(rows.nth(1)).toBeFocused();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowLeft");
  await expect(rows).toHaveCount(1);
  await page.keyboard.press("ArrowRight");
  await expect(rows).toHaveCount(count);
  await page.keyboard.press("Enter");
  await expect(rows.first()).toHaveAttribute("aria-selected", "true");
});

for (const [width, height] of [[1440, 900], [820, 1100], [390, 844]] as const) {
  test(`nothing is wider than a page of ${width} pixels`, async ({ page, agentosMock }) => {
    await page.setViewportSize({ width, height });
    await (await agentosMock.fetch("/workflows/trip-desk/runs", { method: "POST", body: new URLSearchParams({ message: "Porto" }) })).text();
    await open(page, agentosMock.page);
    await expect(timeline(page).getByRole("row").first()).toBeVisible();
    for (const tab of await page.getByRole("tab").all()) {
      await tab.click();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    }
  });
}
