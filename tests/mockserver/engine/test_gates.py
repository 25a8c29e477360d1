"""Runs that are held: whatever is held, in whatever order it is released, the protocol is kept."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.engine.actions import RunCancelled, RunFailed, Wait
from mockserver.engine.gates import Gates, Hold
from tests.differential.servers import Case
from tests.differential.strategies import cases
from tests.mockserver.engine.test_engine import drive, judge, start
from tests.scripts import workflow_from

Json = dict[str, Any]


def starter(case: Case) -> Callable[..., Any]:
    """Starts a run of a case, which may be held at gates."""
    workflow = workflow_from({"id": "w", **case.script})
    message = json.loads(case.message) if workflow.input_validator else case.message
    return lambda gates=None: start(workflow, message, gates=gates)


def drive_held(
    engine: Any, gates: Gates, draw: random.Random, broken_by: Exception | None = None
) -> list[Json]:
    """The run's events; one gate is released wherever nothing else happens. `broken_by` is thrown
    in at the first gate instead."""
    actions = engine.actions()
    events: list[Json] = []
    answer: float | None = None
    now = 0.0
    while True:
        try:
            action = next(actions) if answer is None else actions.send(answer)
            if isinstance(action, Wait) and action.gates and broken_by is not None:
                action, broken_by = actions.throw(broken_by), None
        except StopIteration:
            return events
        answer = None
        if not isinstance(action, Wait):
            events.append(action)
            continue
        gates.announce()
        if action.gates and (action.until is None or draw.random() < 0.5):
            gates.release(draw.choice(sorted(action.gates)))
        else:
            assert action.until is not None
            now = max(now, action.until)
        answer = now


def holds_of(events: list[Json], draw: random.Random) -> list[Hold]:
    found = []
    for gate in ("a", "b", "c")[: draw.randint(1, 3)]:
        event = draw.choice(events)
        step = draw.choice([None, event.get("step_name")])
        found.append(Hold(draw.choice(["before", "after"]), event["event"], gate, step))
    return found


@given(cases(), st.integers(0, 10_000), st.sampled_from([RunCancelled(), RunFailed("gone")]))
@settings(max_examples=30)
def test_a_held_run_is_a_run_in_other_order_and_ends_where_it_is_broken_off(
    case: Case, seed: int, error: Exception
) -> None:
    engine_of = starter(case)
    free = drive(engine_of())
    draw = random.Random(seed)
    holds = holds_of(free, draw)
    gates = Gates(holds)
    held = drive_held(engine_of(gates), gates, draw)
    assert (judge(free).violations, judge(held).violations) == ([], [])
    assert held[-1]["event"] == free[-1]["event"]
    assert gates.waiting == []
    if "session_state" not in json.dumps(case.script):
        names = [sorted((e["event"], str(e.get("step_name"))) for e in run) for run in (free, held)]
        assert names[0] == names[1]

    gates = Gates(holds)
    broken = drive_held(engine_of(gates), gates, draw, error)
    wanted = {"WorkflowError"} if isinstance(error, RunFailed) else {"WorkflowCancelled"}
    assert broken[-1]["event"] in wanted | {free[-1]["event"]}
    assert judge(broken).violations == []
    assert gates.waiting == []
