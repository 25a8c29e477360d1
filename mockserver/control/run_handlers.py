"""The operations of the control document on runs: gates, steering, waiting for what they send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentos_contract.events import CUSTOM_EVENT, EVENTS
from agentos_contract.names import did_you_mean
from mockserver.control.requested import gates_of, step_names
from mockserver.control.requests import ControlRequest, scope_of
from mockserver.control.rules import Rules
from mockserver.control.watch import Trace, Watch
from mockserver.http.errors import ApiError
from mockserver.http.request import Answer, LoadedScripts
from mockserver.runner.runner import Runner
from mockserver.runner.scopes import MockScope
from mockserver.script.problems import elided

Json = dict[str, Any]

DEFAULT_TIMEOUT = 30.0
"""Seconds that a long poll waits, unless it says."""


class RunHandlers:
    """Those operations, by operationId."""

    def __init__(self, runner: Runner, scripts: LoadedScripts, rules: Rules, watch: Watch) -> None:
        self._runner = runner
        self._scopes = runner.scopes
        self._scripts = scripts
        self._rules = rules
        self._watch = watch

    # -- gates

    async def list_gates(self, request: ControlRequest) -> Answer:
        scope, gate = scope_of(self._scopes, request.query.get("scope")), request.query.get("gate")

        def waiting() -> list[Json]:
            return self.gates(scope, gate)

        timeout = request.query.get("timeout")
        if timeout is None:
            return 200, waiting()
        found = await self._watch.changes.until(lambda: waiting() or None, timeout)
        if found is None:
            what = f"gate {gate!r}" if gate else "any gate"
            hint = f"{self._no_gate(scope, gate)}{self._so_far(scope)}"
            raise ApiError(408, f"no run waited at {what} within {timeout} s", hint=hint)
        return 200, found

    def gates(self, scope: MockScope, gate: str | None, run_id: str | None = None) -> list[Json]:
        return [
            each
            for trace in self._watch.traces(scope.name)
            if run_id in (None, trace.run_id)
            for each in trace.gates
            if gate in (None, each["gate"])
        ]

    async def release_gate(self, request: ControlRequest) -> Answer:
        gate, body = request.path["gate"], request.body or {}
        run_id = body.get("run_id")
        if run_id is None:
            scope = scope_of(self._scopes, body.get("scope"))
            runs = self._runner.under_way(scope=scope)
        else:
            trace = self._trace(run_id)
            scope = scope_of(self._scopes, body.get("scope", trace.scope))
            runs = self._runner.under_way(run_id, scope)
            if scope.name != trace.scope:
                hint = f"it is one of scope {trace.scope!r}"
                raise ApiError(404, f"scope {scope.name!r} has no run {run_id!r}", hint=hint)
            if not runs:
                raise ApiError(409, f"the run {run_id!r} is over", hint=f"it is {trace.state}")
        waited = self.gates(scope, gate, run_id)
        if run_id is None:
            scope.released.add(gate)
        for active in runs:
            if run_id is None:
                active.wake()
            else:
                active.release(gate)
        self._watch.happened("released", scope.name, {"gate": gate, "run_id": run_id})
        return 200, waited

    # -- runs

    def _trace(self, run_id: str) -> Trace:
        trace = self._watch.of_run(run_id)
        if trace is None:
            hint = "GET /__mock__/runs lists those of a scope"
            raise ApiError(404, f"there is no run {run_id!r}", hint=hint)
        return trace

    async def list_runs(self, request: ControlRequest) -> Answer:
        scope = scope_of(self._scopes, request.query.get("scope"))
        workflow_id = request.query.get("workflow_id")
        return 200, [
            trace.to_dict()
            for trace in self._watch.traces(scope.name)
            if workflow_id in (None, trace.workflow_id)
        ]

    async def get_run(self, request: ControlRequest) -> Answer:
        return 200, self._trace(request.path["run_id"]).with_events()

    async def pause_run(self, request: ControlRequest) -> Answer:
        return self._steer(request, lambda active: active.pause())

    async def step_run(self, request: ControlRequest) -> Answer:
        return self._steer(request, lambda active: active.step(), is_of_paused=True)

    async def resume_run(self, request: ControlRequest) -> Answer:
        return self._steer(request, lambda active: active.resume(), is_of_paused=True)

    async def cut_run(self, request: ControlRequest) -> Answer:
        return self._steer(request, lambda active: active.cut())

    async def cancel_run(self, request: ControlRequest) -> Answer:
        return self._steer(request, lambda active: active.cancel())

    def _steer(
        self, request: ControlRequest, steer: Callable[[Any], None], *, is_of_paused: bool = False
    ) -> Answer:
        trace = self._trace(request.path["run_id"])
        if trace.active is None:
            raise ApiError(409, f"the run {trace.run_id!r} is over", hint=f"it is {trace.state}")
        if is_of_paused and not trace.active.is_paused:
            hint = f"POST /__mock__/runs/{trace.run_id}/pause comes first"
            raise ApiError(409, f"the run {trace.run_id!r} is not paused", hint=hint)
        steer(trace.active)
        self._watch.happened("run", trace.scope, trace)
        return 200, trace.to_dict()

    # -- waiting

    async def wait_for_run(self, request: ControlRequest) -> Answer:
        query = request.query
        trace = self._trace(request.path["run_id"])
        event, step = query.get("event"), query.get("step")
        if event is None and step is not None:
            raise ApiError(422, "query.step: expected an event beside it, such as StepCompleted")

        after = query.get("after")

        def find() -> Json | None:
            found = _waited(trace, event, step, after)
            return found if found is not None or trace.active is not None else {}

        found = await self._watch.changes.until(find, query.get("timeout", DEFAULT_TIMEOUT))
        if found:
            return 200, found
        ended = "the run ended without" if found is not None else "the run did not send"
        what = "its end" if event is None else f"{event}{f' of step {step!r}' if step else ''}"
        if after is not None:
            what += f" after its event {after}"
        unknown = "" if event is None else _no_event(event)
        raise ApiError(408, f"{ended} {what}", hint=f"{unknown}{_sent(trace)}")

    async def wait_for(self, request: ControlRequest) -> Answer:
        query = request.query
        scope = scope_of(self._scopes, query.get("scope"))
        event, step, gate = query.get("event"), query.get("step"), query.get("gate")
        workflow_id = query.get("workflow_id")
        if (event is None) == (gate is None):
            raise ApiError(422, "query: expected either an event or a gate to wait for")
        if gate is not None and step is not None:
            raise ApiError(422, "query.step: a gate has a name of its own; expected no step")

        def find() -> Json | None:
            for trace in self._watch.traces(scope.name):
                if workflow_id not in (None, trace.workflow_id):
                    continue
                if gate is None:
                    found = _waited(trace, event, step)
                else:
                    waits = (each for each in trace.gates if each["gate"] == gate)
                    found = next(waits, None)
                if found is not None:
                    return found
            return None

        timeout = query.get("timeout", DEFAULT_TIMEOUT)
        found = await self._watch.changes.until(find, timeout)
        if found is not None:
            return 200, found
        what = f"waited at gate {gate!r}" if event is None else f"sent {event}"
        about = f" of step {step!r}" if step else ""
        message = f"no run {what}{about} within {timeout} s"
        unknown = self._no_gate(scope, gate) if event is None else _no_event(event)
        unknown += self._no_step(scope, step)
        raise ApiError(408, message, hint=f"{unknown}{self._so_far(scope)}")

    def _no_step(self, scope: MockScope, step: str | None) -> str:
        """What is wrong with a step's name, if no script has it. A recording's steps none has."""
        known = step_names(scope.over(self._scripts.workflows).values())
        if step is None or step in known or self._scripts.recordings:
            return ""
        return f"there is no step {step!r}{did_you_mean(step, known)}; "

    def _no_gate(self, scope: MockScope, gate: str | None) -> str:
        """What is wrong with a gate's name, if nothing leads to it."""
        held = [hold.gate for rule in self._rules.of(scope.name) for hold in rule.answer.holds]
        scripts = scope.over(self._scripts.workflows).values()
        known = dict.fromkeys([*held, *(gate for each in scripts for gate in gates_of(each))])
        if gate is None or gate in known:
            return ""
        there_are = elided(", ".join(known)) or "none"
        hint = did_you_mean(gate, known)
        return f"no rule and no script holds at it{hint}; there are {there_are}; "

    def _so_far(self, scope: MockScope) -> str:
        """What the newest run of a scope has come to."""
        newest = next(self._watch.traces(scope.name), None)
        if newest is None and not scope.name:
            return "there was no run"
        if newest is None:
            runs = "no run"
            if next(self._watch.traces(""), None) is not None:
                runs += (
                    ", but there were some of no scope; a request of it has the header Mock-Scope, "
                    f"or a session_id that begins with {scope.name}:"
                )
            return f"scope {scope.name!r} has had {runs}"
        return f"the newest run, of {newest.workflow_id!r}: {_sent(newest)}"


def _waited(
    trace: Trace, event: str | None, step: str | None, after: int | None = None
) -> Json | None:
    """The document's Waited; None where it is still to come."""
    if event is None:
        return {"run_id": trace.run_id} if trace.active is None else None
    index = trace.find(event, step, -1 if after is None else after)
    if index is None:
        return None
    return {
        "run_id": trace.run_id,
        "event": event,
        "step": trace.step(index),
        "index": index,
        "data": trace.data(index),
    }


def _no_event(event: str) -> str:
    """What is wrong with an event's name, if it is none of the document's."""
    known = (*EVENTS, CUSTOM_EVENT)
    return "" if event in known else f"there is no event {event!r}{did_you_mean(event, known)}; "


def _sent(trace: Trace) -> str:
    """What a run has come to, in words."""
    names = trace.names
    shown = ", ".join(names[-12:]) or "nothing"
    more = f"{len(names) - 12} events and then " if len(names) > 12 else ""
    gates = ", ".join(gate["gate"] for gate in trace.gates)
    waits = f" and waits at {gates}" if gates else ""
    return f"it is {trace.state}, has sent {more}{shown}{waits}"
