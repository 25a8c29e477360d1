"""A session's state: kept from run to run in either mode, and nobody else's.

Which workflows keep a state shows after their streams, where the server tells a session's state;
what the state means nobody knows. So runs are compared: the second run in a session of streams with
the second one in a session of batch runs, and the states that the four leave.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from agentos_contract.json_values import mapping, parse_object, unlike
from contract_tests.checks.context import Context
from contract_tests.checks.registry import check
from contract_tests.checks.session_overlap import TAKES_TIME, were_together
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.judging.batches import BatchRun
from contract_tests.judging.outcomes import (
    RunOutcome,
    difference,
    outcome_of_batch,
    outcome_of_stream,
)
from contract_tests.judging.streams import StreamedRun
from contract_tests.target.exchange import Exchange
from contract_tests.target.operations import read_state
from contract_tests.target.target import Workflow

MOST_SECONDS = 3.0
"""A workflow that takes longer is left alone: four runs of it are made."""


@check(Stage.BATCHES, "session.kept-state", "session.fresh-state", runs=4)
def session_state(context: Context) -> None:
    """Two runs in each of two sessions of a workflow that keeps a state: streams, batch runs."""
    workflow = _stateful(context)
    runs: dict[str, list[StreamedRun | BatchRun]] = {"stream": [], "batch": []}
    states = []
    for mode in ("stream", "batch"):
        session_id = context.ids.fresh(f"session-{mode}")
        for _ in range(2):
            run: StreamedRun | BatchRun | None
            if mode == "stream":
                run = context.runs.stream(workflow, session_id=session_id)
            else:
                run = context.runs.batch(workflow, session_id=session_id)
            if run is None or _outcome(run) is None:
                raise CannotDecide(f"a run of {workflow.id} in a session did not complete")
            runs[mode].append(run)
            states.append(_state(context, session_id))
    exchanges = [run.exchange for mode in ("stream", "batch") for run in runs[mode]]
    _judge_fresh(context, workflow, states, exchanges)
    _judge_kept(context, workflow, runs)


@check(Stage.BATCHES, "session.isolation", runs=6)
def states_beside(context: Context) -> None:
    """Two runs at the same time in two sessions leave the state that one alone leaves. What differs
    is asked again, as it may differ from run to run."""
    workflow = _stateful(context, TAKES_TIME)
    if workflow.deterministic is False:
        raise CannotDecide("what the workflow that keeps a state does differs from run to run")
    alone: list[Mapping[str, Any] | None] = []
    for _ in range(2):
        session_id = context.ids.fresh("session")
        context.runs.stream(workflow, session_id=session_id)
        alone.append(_state(context, session_id))
        if alone[0] is None or alone[-1] != alone[0]:
            raise CannotDecide("what state a workflow leaves differs from run to run")
        sessions = [context.ids.fresh(name) for name in ("session-a", "session-b")]
        started = [context.runs.start_stream(workflow, session_id=one) for one in sessions]
        exchanges = [future.result() for future in started]
        if not were_together(*exchanges):
            raise CannotDecide("two runs in two sessions were never under way at the same time")
        left = [_state(context, one) for one in sessions]
        is_kept = all(state == alone[0] for state in left)
        if is_kept:
            break
    other = next((state for state in left if state != alone[0]), None)
    here, there = unlike(other, alone[0])
    context.findings.require(
        "session.isolation",
        is_kept,
        f"{workflow.id}: the state is {here} after a run beside one of another session, and "
        f"{there} after one alone",
        *exchanges,
    )


def _stateful(context: Context, at_least: float = 0.0) -> Workflow:
    """The quickest workflow whose sessions have a state. `at_least`: seconds that its run takes.
    Raises CannotDecide."""
    candidates = sorted(
        (run.seconds, position)
        for position, workflow in enumerate(context.target.workflows)
        if (run := context.history.streams.get(workflow.id)) is not None
        and run.is_completed
        and at_least <= run.seconds <= MOST_SECONDS
    )
    for _, position in candidates:
        workflow = context.target.workflows[position]
        session_id = context.history.streams[workflow.id].judge.payloads[0].get("session_id")
        if isinstance(session_id, str) and _state(context, session_id):
            return workflow
    raise CannotDecide("no quick workflow's session has a state that the server tells")


def _state(context: Context, session_id: str) -> Mapping[str, Any] | None:
    """The state of a session of ours; None where the server does not tell."""
    if "get_session_by_id" not in context.document.operations:
        return None
    exchange = context.client.send(read_state(context.document, session_id))
    body = parse_object(exchange.body) or {}
    return mapping(body.get("session_state")) if exchange.succeeded else None


def _judge_fresh(
    context: Context,
    workflow: Workflow,
    states: Sequence[Mapping[str, Any] | None],
    exchanges: Sequence[Exchange],
) -> None:
    """A number that goes on by the same from run to run, as if there was no other session, is of
    no fresh state."""
    if not all(states) or workflow.deterministic is False:
        return
    numbers = [dict(_numbers(state)) for state in states]
    counted = {}
    for path in numbers[0]:
        values = [state[path] for state in numbers if path in state]
        steps = {later - earlier for earlier, later in pairwise(values)}
        if len(values) == len(states) and len(steps) == 1 and min(steps) > 0:
            counted[path] = values
    said = ", ".join(f"{path}: {values}" for path, values in counted.items())
    context.findings.require(
        "session.fresh-state",
        not counted,
        f"{workflow.id}: of two runs each in two sessions the state goes on and on ({said})",
        *exchanges,
    )


def _numbers(value: Any, path: str = "") -> Iterator[tuple[str, int]]:
    if isinstance(value, int) and not isinstance(value, bool):
        yield path, value
    members = value.items() if isinstance(value, Mapping) else ()
    for key, member in members:
        yield from _numbers(member, f"{path}/{key}")


def _judge_kept(
    context: Context, workflow: Workflow, runs: Mapping[str, list[StreamedRun | BatchRun]]
) -> None:
    """The second run's outcome depends on the state that the first left, in both modes alike."""
    first, second = ([_outcome(runs[mode][n]) for mode in ("stream", "batch")] for n in (0, 1))
    if workflow.deterministic is False or first[0] != first[1]:
        reason = "answers of the workflow that keeps a state differ from run to run"
        context.findings.cannot(["session.kept-state"], reason)
        return
    exchanges = [run.exchange for mode in ("stream", "batch") for run in runs[mode]]
    message = ""
    if second[0] != second[1]:
        where = ("of streams", "of batch runs")
        message = (
            f"{workflow.id}: first runs in a session are alike, second ones are not: "
            f"{difference(second[0], second[1], where)}"
        )
    context.findings.require("session.kept-state", not message, message, *exchanges)


def _outcome(run: StreamedRun | BatchRun) -> RunOutcome:
    return outcome_of_batch(run) if isinstance(run, BatchRun) else outcome_of_stream(run)
