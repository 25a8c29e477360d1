"""Whichever of the observed departures come together, and wherever a run is cancelled, it ends."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

import mockserver.agno  # noqa: F401 - its departures are registered
from agentos_contract.events import TERMINAL_EVENTS
from agentos_contract.profiles import load_profile
from mockserver.engine.hooks import EngineHooks
from mockserver.faults.registry import resolve
from tests.mockserver.engine.test_engine import SCRIPTS, drive, start, step
from tests.scripts import workflow_from

NAMES = sorted(
    name
    for name in load_profile("agno-2.5.6").deviations
    if resolve(frozenset({name})).runner.engine is not EngineHooks
)
# In batch nothing is queued: who waits for the branches goes on when all have ended.
BRANCHES = {"type": "Parallel", "name": "p", "steps": [step("a"), step("b", delay=0.1)]}


@settings(max_examples=40, deadline=None)
@given(
    script=SCRIPTS,
    names=st.sets(st.sampled_from(NAMES)) | st.just(set(NAMES)),
    share=st.floats(0, 1),
    is_streamed=st.booleans(),
)
@example({"id": "any", "steps": [BRANCHES]}, {"cancel.noticed-late"}, 0.75, False)
def test_a_run_ends(
    script: dict[str, Any], names: set[str], share: float, is_streamed: bool
) -> None:
    workflow = workflow_from(script)
    hooks = resolve(frozenset(names)).runner.engine

    def events_of(cancel_after: int | None) -> list[dict[str, Any]]:
        engine = start(workflow, is_streamed=is_streamed, hooks=hooks())
        events = drive(engine, cancel_after=cancel_after)
        assert events[-1]["event"] in TERMINAL_EVENTS
        assert engine.run.status != "RUNNING"
        json.dumps(engine.run.to_dict())
        return events

    events = events_of(None)
    assert json.dumps(events_of(None)) == json.dumps(events)
    events_of(1 + int(share * (len(events) - 1)))
