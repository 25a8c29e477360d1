// What the page looks up is its own business; what it compares is told where it differs.

import { expect, test } from "../src/playwright.js";

const run = (message: string) => ({ method: "POST", body: new URLSearchParams({ message }) });

test("the page takes no rule from a front end, and no line of its journal", async ({ page, agentosMock }) => {
  await agentosMock.fail(503, { times: 1 });
  await page.goto(agentosMock.page);
  await page.getByRole("button", { name: "Content Pipeline", exact: true }).click();
  await expect(page.getByText("draft", { exact: false }).first()).toBeVisible();
  await page.getByRole("tab", { name: /Gates and rules/ }).click();
  await expect(page.getByRole("row", { name: /any request/ })).toContainText("0 of 1");
  expect(await agentosMock.journal()).toEqual([]);
  expect((await agentosMock.fetch("/workflows/content-pipeline/runs", run("bees"))).status).toBe(503);
});

test("the older of two runs is at the left, and what differs is shown alone", async ({ page, agentosMock }) => {
  for (const message of ["bees", "ants"]) await (await agentosMock.fetch("/workflows/article-writer/runs", run(message))).text();
  await page.setViewportSize({ width: 820, height: 1180 });
  await page.goto(agentosMock.page);
  const boxes = page.getByRole("checkbox", { name: /^Compare the run/ });
  await expect(boxes).toHaveCount(2);
  // A column is as wide as its longest word.
  expect((await page.getByRole("columnheader", { name: "Workflow" }).boundingBox())!.width).toBeGreaterThan(50);
  for (const box of await boxes.all()) await box.check();
  await page.getByRole("tab", { name: /Compare/ }).click();
  const changes = page.locator(".compare .bad");
  await expect(changes.first()).toHaveText(/^content: ".*bees.*" became ".*ants/);
  for (const text of await changes.allTextContents()) expect(text).toMatch(/bees.*became.*ants/);
});
