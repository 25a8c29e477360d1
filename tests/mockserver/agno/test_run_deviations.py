"""Each deviation of a run, performed alone: it breaks what it says, and nothing else."""

from __future__ import annotations

import random
from typing import Any

import pytest

from agentos_contract.deviations import load_deviations
from agentos_contract.json_values import to_json
from agentos_contract.judge import RunJudge
from agentos_contract.sse import EventStreamDecoder, encode_json_event
from mockserver.engine.actions import RunCancelled, Wait
from mockserver.engine.engine import Engine
from mockserver.engine.ids import Ids
from mockserver.engine.run import Run
from mockserver.faults.registry import resolve
from mockserver.script.model import Workflow
from tests.scripts import workflow_from

FAILS: dict[str, Any] = {"fails": 9, "error": "boom"}


def step(name: str, settings: dict[str, Any] | None = None, **mock: Any) -> dict[str, Any]:
    if "chunks" not in mock:
        mock.setdefault("content", f"{name} done")
    return {"type": "Step", "name": name, "max_retries": 0, "mock": mock, **(settings or {})}


def group(kind: str, name: str, *steps: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, "steps": list(steps), **settings}


SKIP = {"skip_on_failure": True}
NESTED = group("Steps", "outer", group("Parallel", "both", step("a"), step("b")))
LATE_FIRST = group("Parallel", "both", step("late", delay=0.2), step("early"))
CANCELLED = [step("slow", delay=1.0), step("next")]

# The workflow in which each deviation shows.
SHOWN_BY: dict[str, list[dict[str, Any]]] = {
    "step.failure-skipped": [step("bad", **FAILS), step("next")],
    "step.failure-left-open": [group("Parallel", "both", step("bad", **FAILS), step("good"))],
    "step.skip-left-open": [step("bad", SKIP, **FAILS)],
    "step.stop-left-open": [step("last", stop=True)],
    "parallel.stop-left-open": [group("Parallel", "both", step("last", stop=True))],
    "loop.failure-left-open": [group("Steps", "all", group("Loop", "l", step("bad", **FAILS)))],
    "steps.failure-left-open": [group("Steps", "all", step("bad", **FAILS))],
    "result.failure-anonymous": [group("Parallel", "both", step("bad", **FAILS), step("good"))],
    "result.skip-anonymous": [step("bad", SKIP, **FAILS)],
    "run.error-twice": [step("bad", **FAILS)],
    "run.unnamed": [step("a")],
    "parallel.other-result-id": [group("Parallel", "both", step("a"), step("b"))],
    "parallel.results-as-completed": [LATE_FIRST],
    "condition.unmet-without-result": [group("Condition", "if", step("a"), evaluator=False)],
    "condition.else-forgotten": [
        group("Condition", "if", step("a"), evaluator=False, else_steps=[step("b")])
    ],
    "condition.all-counted": [
        group("Condition", "if", step("bad", **FAILS), step("next"), evaluator=True)
    ],
    "router.empty-without-result": [group("Router", "pick", step("a"), selector="'zebra'")],
    "router.id-repeated": [
        group("Router", "pick", step("a"), step("b"), mock={"selects": ["a", "b", "a"]})
    ],
    "function.contents-alone": [
        step("asks", runs=[{"agent": {"id": "in", "name": "In"}, "passes_on": "content"}])
    ],
    "pause.forgotten": [step("a", {"requires_confirmation": True})],
    "pause.error-alone": [step("bad", {"on_error": "pause"}, **FAILS)],
    "loop.last-continues": [group("Loop", "twice", step("a"), max_iterations=2)],
    "step-index.shared": [NESTED],
    "cancel.noticed-late": CANCELLED,
    "cancel.step-skipped": CANCELLED,
    "cancel.partial-result": [
        group(
            "Steps",
            "talk",
            step("say", {"agent": {"id": "a", "name": "A"}}, chunks=["so "]),
            step("slow", delay=1.0),
        ),
        step("next"),
    ],
    "cancel.completed-too": CANCELLED,
}
NEEDS = {
    "cancel.step-skipped": {"cancel.noticed-late", "cancel.completed-too"},
    "cancel.partial-result": {"cancel.completed-too"},
}
# What each breaks besides, in the workflow above, because of what it breaks.
CONSEQUENCES = {
    name: {"order.one-terminal-event"} for name in ("cancel.step-skipped", "cancel.partial-result")
}
# What the runner and the companions make of a run: test_companions.py.
OUTSIDE_THE_ENGINE = {
    "run.background-any-text",
    "run.background-stream-fails",
    "run.background-fresh-id",
    "run.own-parameters-fail",
    "run.reshaped",
}
RUN_DEVIATIONS = [
    name
    for name, deviation in load_deviations().items()
    if deviation.is_observed
    and (
        (
            name not in OUTSIDE_THE_ENGINE
            and name.partition(".")[0]
            in {
                "step",
                "steps",
                "loop",
                "parallel",
                "condition",
                "router",
                "function",
                "pause",
                "result",
                "run",
                "cancel",
            }
        )
        or name == "step-index.shared"
    )
]


def events_of(
    workflow: Workflow,
    deviations: set[str],
    *,
    cancel_at: float | None = None,
    streamed: bool = True,
) -> list[dict[str, Any]]:
    """A run's events, its waits taken at once; cancelled in the first wait past `cancel_at`."""
    record = Run(workflow, "run", "session", None, "tea", {}, 1)
    engine = Engine(
        record,
        ids=Ids(random.Random(7)),
        clock=lambda: 1.0,
        hooks=resolve(frozenset(deviations)).runner.engine(),
    )
    actions = engine.actions()
    events: list[dict[str, Any]] = []
    try:
        action = next(actions)
        while True:
            if not isinstance(action, Wait):
                events.append(action)
                action = next(actions)
                continue
            assert action.until is not None
            moment = action.until
            if cancel_at is not None and moment > cancel_at:
                cancel_at = None
                action = actions.throw(RunCancelled())
            else:
                action = actions.send(moment)
    except StopIteration:
        return events


def broken_by(events: list[dict[str, Any]]) -> set[str]:
    judge = RunJudge()
    decoder = EventStreamDecoder()
    for event in events:
        for frame in decoder.feed(encode_json_event(event["event"], to_json(event))):
            judge.receive(frame)
    judge.end()
    return {violation.requirement for violation in judge.violations}


def test_every_deviation_of_a_run_is_shown_here() -> None:
    assert set(SHOWN_BY) == set(RUN_DEVIATIONS)


@pytest.mark.parametrize("name", SHOWN_BY)
def test_a_deviation_breaks_what_it_says_and_nothing_else(name: str) -> None:
    workflow = workflow_from({"id": "w", "steps": SHOWN_BY[name]})
    cancel_at = 0.5 if name.startswith("cancel.") else None
    without = events_of(workflow, set(), cancel_at=cancel_at)
    assert broken_by(without) == set()
    base = NEEDS.get(name, set())
    with_it = events_of(workflow, {name, *base}, cancel_at=cancel_at)
    if name != "cancel.noticed-late":  # it shows in time only
        assert with_it != events_of(workflow, base, cancel_at=cancel_at)
    # What batch and stream have in common is no matter of one stream.
    expected = set(load_deviations()[name].breaks) - {"batch.equals-stream", "event.schema"}
    # A contract test on cancelling names it so; a stream's judge sees two terminal events.
    if "cancel.one-terminal-event" in expected:
        expected = {"order.one-terminal-event"}
    assert broken_by(with_it) - {"event.schema"} == expected | CONSEQUENCES.get(name, set())
