"""What each operation of the control document does, by operationId."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from agentos_contract import __version__
from agentos_contract.deviations import load_deviations, nearest
from agentos_contract.document import Document
from agentos_contract.events import CUSTOM_EVENT, EVENTS
from agentos_contract.variations import load_variations
from mockserver.control.journal import Journal
from mockserver.control.operations import gates_of
from mockserver.control.rules import Rules
from mockserver.control.state import ReloadState
from mockserver.control.watch import Item, Trace, Watch
from mockserver.http.errors import ApiError
from mockserver.http.request import Answer, Catalogue
from mockserver.runner.runner import Runner
from mockserver.runner.scopes import SEPARATOR, MockScope
from mockserver.script.loader import load_text
from mockserver.script.problems import ScriptError, elided

Json = dict[str, Any]


class Sent(Protocol):
    """A body as it was sent."""

    @property
    def content(self) -> bytes: ...

    @property
    def media_type(self) -> str: ...


class ControlRequest(Protocol):
    """What an operation is asked, by whom ever."""

    @property
    def query(self) -> Mapping[str, Any]: ...

    @property
    def body(self) -> Any: ...

    @property
    def path(self) -> Mapping[str, Any]: ...

    @property
    def sent(self) -> Sent | None: ...


Handler = Callable[[ControlRequest], Awaitable[Answer]]

DEFAULT_TIMEOUT = 30.0
"""Seconds that a long poll waits, unless it says."""

YAML = "application/yaml"


@dataclass(frozen=True)
class Facts:
    """What the mock says of itself."""

    document: Document
    speed: float
    seed: int | None
    faults: frozenset[str]
    profile: str | None


class Handlers:
    """The control API's operations."""

    def __init__(
        self,
        runner: Runner,
        catalogue: Catalogue,
        rules: Rules,
        watch: Watch,
        journal: Journal,
        reload: ReloadState,
        facts: Facts,
    ) -> None:
        self._runner = runner
        self._scopes = runner.scopes
        self._catalogue = catalogue
        self._rules = rules
        self._watch = watch
        self._journal = journal
        self._reload = reload
        self._facts = facts

    def of(self, operation_id: str) -> Handler:
        handler: Handler = getattr(self, operation_id)
        return handler

    # -- the mock

    async def get_status(self, request: ControlRequest) -> Answer:
        facts = self._facts
        info = facts.document.content.get("info", {})
        return 200, {
            "version": __version__,
            "document": f"{info.get('title', '')} {info.get('version', '')}".strip(),
            "profile": facts.profile,
            "faults": sorted(facts.faults),
            "speed": facts.speed,
            "seed": facts.seed,
            "workflows": list(self._catalogue.workflows),
            "reload": self._reload.to_dict(),
        }

    async def list_departures(self, request: ControlRequest) -> Answer:
        return 200, {
            "faults": [{"name": each.id, "text": each.text} for each in load_deviations().values()],
            "variations": [
                {"name": each.id, "text": each.text} for each in load_variations().values()
            ],
            "scenarios": {
                id: [scenario.name for scenario in workflow.scenarios]
                for id, workflow in self._catalogue.workflows.items()
                if workflow.scenarios
            },
        }

    async def reset(self, request: ControlRequest) -> Answer:
        name = (request.body or {}).get("scope")
        if name is not None:
            await self._empty(self._scope(name))
            return 204, None
        for scope in self._scopes:
            await self._empty(scope)
            self._scopes.close(scope.name)
        await self._empty(self._scopes.unnamed)
        # A store that outlives the process may have sessions of scopes that are open no more.
        await self._scopes.unnamed.store.clear_all()
        self._catalogue.recordings.rewind()
        self._watch.happened("scopes", "")
        return 204, None

    async def _empty(self, scope: MockScope) -> None:
        """Make a scope as it was after the start; its runs under way are cancelled."""
        for active in self._runner.under_way(scope=scope):
            active.cancel()
        await scope.store.clear()
        self._scopes.renew(scope)
        self._rules.clear(scope.name)
        self._watch.forget(scope.name)
        self._journal.forget(scope.name)
        self._watch.happened("rules", scope.name)

    # -- scopes

    def _scope(self, name: str | None) -> MockScope:
        """An open scope. Raises ApiError(404)."""
        scope = self._scopes.get(name or "")
        if scope is None:
            are_open = elided(", ".join(scope.name for scope in self._scopes)) or "none"
            hint = f"open are: {are_open}; POST /__mock__/scopes opens one"
            raise ApiError(404, f"there is no scope {name!r}", hint=hint)
        return scope

    def _opened(self, name: str | None) -> MockScope:
        """A scope, which is opened where it is not. Raises ApiError(422)."""
        if name and SEPARATOR in name:
            raise ApiError(422, f"body.scope: {name!r} has a colon; expected a name without one")
        is_new = self._scopes.get(name or "") is None
        scope = self._scopes.of(name or "")
        if is_new:
            self._watch.happened("scopes", scope.name)
        return scope

    async def list_scopes(self, request: ControlRequest) -> Answer:
        return 200, [{"scope": scope.name} for scope in self._scopes]

    async def open_scope(self, request: ControlRequest) -> Answer:
        name = request.body["scope"]
        status = 201 if self._scopes.get(name) is None else 200
        return status, {"scope": self._opened(name).name}

    async def close_scope(self, request: ControlRequest) -> Answer:
        scope = self._scope(request.path["scope"])
        if not scope.name:
            raise ApiError(422, "scope: expected the name of one", hint="POST /__mock__/reset")
        report = {
            "unreleased_gates": list(
                dict.fromkeys(gate["gate"] for gate in self._gates(scope, None))
            ),
            "unused_rules": [
                rule.to_dict() for rule in self._rules.of(scope.name) if not rule.used
            ],
            "open_runs": [run.run.run_id for run in self._runner.under_way(scope=scope)],
        }
        await self._empty(scope)
        self._scopes.close(scope.name)
        self._watch.happened("scopes", scope.name)
        return 200, report

    # -- rules

    async def list_rules(self, request: ControlRequest) -> Answer:
        scope = self._scope(request.query.get("scope"))
        return 200, [rule.to_dict() for rule in self._rules.of(scope.name)]

    async def create_rule(self, request: ControlRequest) -> Answer:
        scope = self._opened(request.body.get("scope"))
        rule = self._rules.add(request.body, scope.over(self._catalogue.workflows))
        self._watch.happened("rules", scope.name)
        return 201, rule.to_dict()

    async def delete_rules(self, request: ControlRequest) -> Answer:
        scope = self._scope(request.query.get("scope"))
        self._rules.clear(scope.name)
        self._watch.happened("rules", scope.name)
        return 204, None

    async def get_rule(self, request: ControlRequest) -> Answer:
        return 200, self._rules.get(request.path["rule_id"]).to_dict()

    async def delete_rule(self, request: ControlRequest) -> Answer:
        rule = self._rules.get(request.path["rule_id"])
        self._rules.remove(rule)
        self._watch.happened("rules", rule.scope)
        return 204, None

    # -- gates

    async def list_gates(self, request: ControlRequest) -> Answer:
        scope, gate = self._scope(request.query.get("scope")), request.query.get("gate")

        def waiting() -> list[Json]:
            return self._gates(scope, gate)

        timeout = request.query.get("timeout")
        if timeout is None:
            return 200, waiting()
        found = await self._watch.changes.until(lambda: waiting() or None, timeout)
        if found is None:
            what = f"gate {gate!r}" if gate else "any gate"
            hint = f"{self._no_gate(scope, gate)}{self._so_far(scope)}"
            raise ApiError(408, f"no run waited at {what} within {timeout} s", hint=hint)
        return 200, found

    def _gates(self, scope: MockScope, gate: str | None, run_id: str | None = None) -> list[Json]:
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
            scope = self._scope(body.get("scope"))
            runs = self._runner.under_way(scope=scope)
        else:
            trace = self._trace(run_id)
            scope = self._scope(body.get("scope", trace.scope))
            runs = self._runner.under_way(run_id, scope)
            if scope.name != trace.scope:
                hint = f"it is one of scope {trace.scope!r}"
                raise ApiError(404, f"scope {scope.name!r} has no run {run_id!r}", hint=hint)
            if not runs:
                raise ApiError(409, f"the run {run_id!r} is over", hint=f"it is {trace.state}")
        waited = self._gates(scope, gate, run_id)
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
        scope = self._scope(request.query.get("scope"))
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
        scope = self._scope(query.get("scope"))
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
        raise ApiError(408, message, hint=f"{unknown}{self._so_far(scope)}")

    def _no_gate(self, scope: MockScope, gate: str | None) -> str:
        """What is wrong with a gate's name, if nothing leads to it."""
        held = [hold.gate for rule in self._rules.of(scope.name) for hold in rule.asked.holds]
        scripts = scope.over(self._catalogue.workflows).values()
        known = dict.fromkeys([*held, *(gate for each in scripts for gate in gates_of(each))])
        if gate is None or gate in known:
            return ""
        there_are = elided(", ".join(known)) or "none"
        return f"no rule and no script holds at it{nearest(gate, known)}; there are {there_are}; "

    def _so_far(self, scope: MockScope) -> str:
        """What the newest run of a scope has come to."""
        newest = next(self._watch.traces(scope.name), None)
        if newest is None:
            return f"scope {scope.name!r} has had no run" if scope.name else "there was no run"
        return f"the newest run, of {newest.workflow_id!r}: {_sent(newest)}"

    # -- the journal

    async def get_journal(self, request: ControlRequest) -> Answer:
        scope = self._scope(request.query.get("scope"))
        entries = self._journal.of(scope.name, request.query.get("since", 0))
        if request.query.get("format") == "har":
            return 200, self._journal.to_har(entries)
        return 200, [self._journal.to_dict(entry) for entry in entries]

    async def follow(self, scope: str | None, after: int | None) -> AsyncIterator[tuple[int, Json]]:
        """The document's FeedItems with their ids, from now on or from after an item on; none where
        nothing has happened for a while."""
        async for item in self._watch.follow(after):
            if item is None:
                yield 0, {}
            elif scope in (None, item.scope) or item.kind in ("scopes", "missed"):
                yield item.id, self.shown(item)

    def shown(self, item: Item) -> Json:
        """The document's FeedItem."""
        subject, shown = item.subject, {"kind": item.kind, "scope": item.scope}
        match item.kind:
            case "elsewhere":  # it comes from another process as it is shown
                return dict(subject)
            case "event":
                return {**shown, "run_id": subject.run_id, "event": subject.event(item.place)}
            case "run" | "end":
                return {**shown, "run": subject.to_dict()}
            case "gate":
                return {**shown, "gate": subject}
            case "released":
                return {**shown, **subject}
            case "request" | "response":
                return {**shown, "entry": {**self._journal.to_dict(subject), "frames": []}}
            case "reload":
                return {**shown, "reload": self._reload.to_dict()}
        return shown

    # -- the clock

    async def get_clock(self, request: ControlRequest) -> Answer:
        return 200, {"now": self._scope(request.query.get("scope")).clock()}

    async def set_clock(self, request: ControlRequest) -> Answer:
        body = request.body
        if "now" not in body and "advance" not in body:
            raise ApiError(422, "body: expected now or advance")
        scope = self._opened(body.get("scope"))
        if "now" in body:
            scope.clock.set(body["now"])
        if "advance" in body:
            scope.clock.advance(body["advance"])
            for active in self._runner.under_way(scope=scope):
                active.wake()
        return 200, {"now": scope.clock()}

    # -- workflows

    async def get_script(self, request: ControlRequest) -> Answer:
        scope = self._scope(request.query.get("scope"))
        workflows = scope.over(self._catalogue.workflows)
        workflow = workflows.get(request.path["id"])
        if workflow is None:
            there_are = ", ".join(workflows)
            raise ApiError(
                404, f"there is no workflow {request.path['id']!r}; there are {there_are}"
            )
        return 200, workflow.source

    async def put_script(self, request: ControlRequest) -> Answer:
        id, sent = request.path["id"], request.sent
        assert sent is not None
        scope = self._opened(request.query.get("scope"))
        try:
            text = sent.content.decode()
            workflow = load_text(text, id, is_json=sent.media_type != YAML)
        except UnicodeDecodeError as error:
            raise ApiError(422, f"the body is no UTF-8: {error.reason}") from error
        except ScriptError as error:
            raise ApiError(422, "; ".join(map(str, error.problems))) from error
        if workflow.id != id:
            raise ApiError(422, f"id: {workflow.id!r} is not the path's; expected {id!r}")
        scope.workflows[id] = workflow
        self._watch.happened("reload", scope.name)
        return 200, workflow.source

    async def delete_script(self, request: ControlRequest) -> Answer:
        scope, id = self._scope(request.query.get("scope")), request.path["id"]
        if id not in scope.over(self._catalogue.workflows):
            raise ApiError(404, f"there is no workflow {id!r}")
        if scope.workflows.pop(id, None) is None:
            scope.workflows[id] = None
        self._watch.happened("reload", scope.name)
        return 204, None


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
    return "" if event in known else f"there is no event {event!r}{nearest(event, known)}; "


def _sent(trace: Trace) -> str:
    """What a run has come to, in words."""
    names = [name for _, name, _, _ in trace.sent]
    shown = ", ".join(names[-12:]) or "nothing"
    more = f"{len(names) - 12} events and then " if len(names) > 12 else ""
    gates = ", ".join(gate["gate"] for gate in trace.gates)
    waits = f" and waits at {gates}" if gates else ""
    return f"it is {trace.state}, has sent {more}{shown}{waits}"
