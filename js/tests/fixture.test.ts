import { describe, expect } from "vitest";
import { ControlError, readEvents } from "../src/index.js";
import { test } from "../src/vitest.js";
import { closeScope, openScope } from "../src/fixture.js";

const RUN = { method: "POST", body: new URLSearchParams({ message: "bees" }) };
const PATH = "/workflows/content-pipeline/runs";

describe("the fixture", () => {
  test("reads a run that waits at a gate", async ({ agentosMock }) => {
    await agentosMock.hold("drafted", { before: "StepCompleted", step: "draft" });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of readEvents(await agentosMock.fetch(PATH, RUN))) seen.push(event.event);
    })();
    const { run_id, step } = await agentosMock.gate("drafted");
    expect(step).toBe("draft");
    expect((await agentosMock.sent(run_id)).at(-1)).toBe("StepOutput draft");
    await agentosMock.release("drafted");
    await reading;
    expect(seen.at(-1)).toBe("WorkflowCompleted");
    await agentosMock.expectEvents(["WorkflowStarted", ["StepCompleted", "outline"], ["StepCompleted", "headline"], "WorkflowCompleted"]);
  });

  test("fails the next request and then succeeds", async ({ agentosMock }) => {
    await agentosMock.fail(429, { headers: { "Retry-After": "3" } });
    const first = await agentosMock.fetch(PATH, RUN);
    expect([first.status, first.headers.get("retry-after")]).toEqual([429, "3"]);
    expect((await agentosMock.fetch(PATH, RUN)).status).toBe(200);
  });

  test("tells a cut run by the reader", async ({ agentosMock }) => {
    await agentosMock.rule({ cut: { after: 3 } }, { times: 1 });
    const events: string[] = [];
    const reading = (async () => {
      for await (const event of readEvents(await agentosMock.fetch(PATH, RUN))) events.push(event.event);
    })();
    await expect(reading).rejects.toMatchObject({ reason: "cut" });
    expect(events).toHaveLength(3);
  });

  test("lets time pass at once", async ({ agentosMock }) => {
    await agentosMock.script({ id: "slow", steps: [{ type: "Step", name: "s", mock: { content: "x", delay: 3000 } }] });
    const answer = agentosMock.fetch("/workflows/slow/runs", RUN);
    await agentosMock.wait("StepStarted");
    await agentosMock.clock({ now: 1_000_000 });
    await agentosMock.clock({ advance: 3001 });
    expect(await (await answer).text()).toContain("WorkflowCompleted");
    expect(await agentosMock.clock()).toBe(1_003_001);
  });

  test("says what was sent where what is waited for does not come", async ({ agentosMock }) => {
    await (await agentosMock.fetch(PATH, RUN)).text();
    await expect(agentosMock.wait("StepError", { timeout: 0 })).rejects.toThrow(/no run sent StepError.*WorkflowCompleted/s);
    await expect(agentosMock.expectEvents([["StepCompleted", "headline"], ["StepCompleted", "outline"]])).rejects.toThrow(/ended without StepCompleted of step 'outline' after its event \d+.*StepStarted outline/s);
    expect(await agentosMock.timeline()).toMatch(/StepCompleted draft/);
  });

  test("expects an event that comes again", async ({ agentosMock }) => {
    await agentosMock.hold("g", { before: "StepCompleted", step: "headline" });
    const answer = agentosMock.fetch(PATH, RUN);
    await agentosMock.expectEvents(["StepStarted", "StepStarted", ["StepStarted", "headline"]]);
    const expecting = agentosMock.expectEvents(["StepCompleted", "StepCompleted", "StepCompleted", "WorkflowCompleted"]);
    await agentosMock.gate("g");
    await agentosMock.release("g");
    await expecting;
    await (await answer).text();
  });

  test.for([[undefined, { name: "AbortError" }], [new Error("the user left"), { message: "the user left" }]] as const)("an aborted run ends, and its reader throws the reason: %j", async ([reason, expected], { agentosMock }) => {
    const leaving = new AbortController();
    await agentosMock.hold("g", { before: "StepCompleted", step: "draft" });
    const answer = await agentosMock.fetch(PATH, { ...RUN, signal: leaving.signal });
    const reading = (async () => {
      for await (const event of readEvents(answer)) expect(event.event).not.toBe("WorkflowCompleted");
    })();
    const { run_id } = await agentosMock.gate("g");
    leaving.abort(reason);
    await expect(reading).rejects.toMatchObject(expected);
    await agentosMock.ended(run_id);
    expect((await agentosMock.run(run_id)).state).toBe("cancelled");
    await agentosMock.release("g");
  });

  test("has a name that stays, and a scope of its own where that one is open", async ({ agentosMock }) => {
    const side = await Promise.all(Array.from({ length: 8 }, () => openScope(agentosMock.url, `${agentosMock.name} again`)));
    expect(new Set(side.map(({ name }) => name)).size).toBe(8);
    const first = side.find(({ name }) => side.every((other) => other.name.startsWith(name)))!;
    await Promise.all(side.map((scope) => scope.close()));
    const again = await openScope(agentosMock.url, `${agentosMock.name} again`);
    expect(again.name).toBe(first.name);
    await again.close();
  });

  test("says where no mock is", async () => {
    await expect(openScope("http://127.0.0.1:9", "nowhere")).rejects.toThrow(/no mock answers at http:..127.0.0.1:9 .*agentos-mock serve/);
  });

  test("refuses what there is not", async ({ agentosMock }) => {
    const refused = agentosMock.hold("g", { before: "StepStopped" as "StepStarted" });
    await expect(refused).rejects.toBeInstanceOf(ControlError);
    await expect(refused).rejects.toThrow(/no event 'StepStopped'/);
  });

  test("fails a test that leaves something undone", async ({ agentosMock }) => {
    const scope = await openScope(agentosMock.url, "left undone");
    await scope.rule({ status: 503 });
    await expect(closeScope(scope, false)).rejects.toThrow('the rule {"status":503} changed no request');
    const lenient = await openScope(agentosMock.url, "lenient");
    await lenient.rule({ status: 503 });
    await closeScope(lenient, true);
  });

  test("steers a run", async ({ agentosMock }) => {
    await agentosMock.hold("g", { before: "StepStarted", step: "outline" });
    const answer = agentosMock.fetch(PATH, RUN);
    const { run_id } = await agentosMock.gate("g");
    expect((await agentosMock.pause(run_id)).is_paused).toBe(true);
    await agentosMock.release("g");
    await agentosMock.step(run_id);
    await agentosMock.wait("StepStarted", { run_id });
    await agentosMock.resume(run_id);
    await agentosMock.ended(run_id);
    expect(await (await answer).text()).toContain("WorkflowCompleted");
  });
});
