import type { Page } from "@playwright/test";
import { expect, test } from "../src/playwright.js";

async function open(page: Page, mock: string, workflow = "article-writer"): Promise<void> {
  await page.goto(`/?mock=${encodeURIComponent(mock)}`);
  await page.getByLabel("Workflow").fill(workflow);
}

const write = (page: Page) => page.getByRole("button", { name: "Write" }).click();
const article = (page: Page) => page.getByLabel("Article");
const state = (page: Page) => page.getByRole("status");
const steps = (page: Page) => page.getByLabel("Steps").getByRole("listitem");

test("tokens show one by one", async ({ page, agentosMock }) => {
  await agentosMock.hold("first", { after: "RunContent", step: "write" });
  await open(page, agentosMock.url);
  await write(page);
  const { run_id } = await agentosMock.gate("first");
  await expect(article(page)).toHaveText("# bees");
  await agentosMock.release("first", run_id);
  await expect(article(page)).toHaveText(/it is now everywhere/);
  await expect(state(page)).toHaveText("Done");
  await agentosMock.expectEvents(["WorkflowStarted", ["StepStarted", "research"], ["StepCompleted", "write"], "WorkflowCompleted"]);
});

test("a step that is held is shown as running", async ({ page, agentosMock }) => {
  await agentosMock.hold("writing", { before: "StepCompleted", step: "write" });
  await open(page, agentosMock.url);
  await write(page);
  await agentosMock.gate("writing");
  await expect(steps(page).nth(0)).toHaveAttribute("data-state", "done");
  await expect(steps(page).nth(1)).toHaveAttribute("data-state", "running");
  await agentosMock.release("writing");
  await expect(steps(page).nth(1)).toHaveAttribute("data-state", "done");
});

test("a failing step is shown, and tried again on a click", async ({ page, agentosMock }) => {
  const rule = await agentosMock.rule({ fail: { after: 6, error: "the model is gone" } });
  await open(page, agentosMock.url);
  await write(page);
  await expect(state(page)).toHaveText("Failed: the model is gone");
  await agentosMock.remove(rule);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(state(page)).toHaveText("Done");
});

test("a busy server is asked again", async ({ page, agentosMock }) => {
  await agentosMock.fail(503, { times: 2, operation_id: "create_workflow_run", headers: { "Retry-After": "0" } });
  await open(page, agentosMock.url);
  await write(page);
  await expect(state(page)).toHaveText("Done");
  expect((await agentosMock.journal()).filter(({ request }) => request.method === "POST").map(({ response }) => response?.status)).toEqual([503, 503, 200]);
});

test("a connection that is cut is taken up again in the same session", async ({ page, agentosMock }) => {
  await agentosMock.rule({ cut: { after: 7 } }, { times: 1 });
  await open(page, agentosMock.url);
  await write(page);
  await expect(state(page)).toHaveText("Done");
  const runs = await agentosMock.runs();
  expect(runs.map((run) => run.state)).toEqual(["completed", "cancelled"]);
  expect(new Set(runs.map((run) => run.session_id)).size).toBe(1);
});

test("a run is cancelled", async ({ page, agentosMock }) => {
  await agentosMock.hold("writing", { before: "StepStarted", step: "write" });
  await open(page, agentosMock.url);
  await write(page);
  await agentosMock.gate("writing");
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(state(page)).toHaveText("Cancelled");
  await agentosMock.release("writing");
});

test("what was written is there after a reload", async ({ page, agentosMock }) => {
  await open(page, agentosMock.url);
  await write(page);
  await expect(state(page)).toHaveText("Done");
  const said = await article(page).textContent();
  await page.reload();
  await expect(state(page)).toHaveText("Restored");
  await expect(article(page)).toHaveText(said ?? "");
});

test("a run that the page left is shown as far as it came", async ({ page, agentosMock }) => {
  await agentosMock.hold("writing", { before: "StepCompleted", step: "write" });
  await open(page, agentosMock.url);
  const address = page.url();
  await write(page);
  const { run_id } = await agentosMock.gate("writing");
  await page.goto("about:blank");
  await agentosMock.ended(run_id);
  await page.goto(address);
  await expect(state(page)).toHaveText("Restored: cancelled");
  await agentosMock.release("writing");
});

test("an answer that is no JSON is an error, not a hang", async ({ page, agentosMock }) => {
  await agentosMock.rule({ status: 502, body: "<html>Bad gateway</html>", headers: { "Content-Type": "text/html" } }, { operation_id: "create_workflow_run" });
  await open(page, agentosMock.url);
  await write(page);
  await expect(state(page)).toHaveText(/Failed: 502/);
});
