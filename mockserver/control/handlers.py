"""What each operation of the control document does, by operationId."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from agentos_contract import __version__
from agentos_contract.deviations import load_deviations
from agentos_contract.document import Document
from agentos_contract.variations import load_variations
from mockserver.control.journal import Journal
from mockserver.control.requests import ControlRequest, Handler, scope_of
from mockserver.control.rules import Rules
from mockserver.control.run_handlers import RunHandlers
from mockserver.control.state import ReloadState
from mockserver.control.watch import Item, Watch
from mockserver.http.errors import ApiError
from mockserver.http.request import Answer, LoadedScripts
from mockserver.runner.runner import Runner
from mockserver.runner.scopes import SEPARATOR, MockScope
from mockserver.script.loader import load_text
from mockserver.script.problems import ScriptError

Json = dict[str, Any]

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
    """The control API's operations; those on runs are in `run_handlers`."""

    def __init__(
        self,
        runner: Runner,
        scripts: LoadedScripts,
        rules: Rules,
        watch: Watch,
        journal: Journal,
        reload: ReloadState,
        facts: Facts,
    ) -> None:
        self._runner = runner
        self._scopes = runner.scopes
        self._scripts = scripts
        self._rules = rules
        self._watch = watch
        self._journal = journal
        self._reload = reload
        self._facts = facts
        self._runs = RunHandlers(runner, scripts, rules, watch)

    def of(self, operation_id: str) -> Handler:
        """What carries out the operation of that id."""
        owner = self._runs if hasattr(self._runs, operation_id) else self
        handler: Handler = getattr(owner, operation_id)
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
            "workflows": list(self._scripts.workflows),
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
                for id, workflow in self._scripts.workflows.items()
                if workflow.scenarios
            },
        }

    async def reset(self, request: ControlRequest) -> Answer:
        name = (request.body or {}).get("scope")
        if name is not None:
            await self._empty(scope_of(self._scopes, name))
            return 204, None
        for scope in self._scopes:
            await self._empty(scope)
            self._scopes.close(scope.name)
        await self._empty(self._scopes.unnamed)
        # A store that outlives the process may have sessions of scopes that are open no more.
        await self._scopes.unnamed.store.clear_all()
        self._scripts.recordings.rewind()
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
        scope = scope_of(self._scopes, request.path["scope"])
        if not scope.name:
            raise ApiError(422, "scope: expected the name of one", hint="POST /__mock__/reset")
        report = {
            "unreleased_gates": list(
                dict.fromkeys(gate["gate"] for gate in self._runs.gates(scope, None))
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
        scope = scope_of(self._scopes, request.query.get("scope"))
        return 200, [rule.to_dict() for rule in self._rules.of(scope.name)]

    async def create_rule(self, request: ControlRequest) -> Answer:
        scope = self._opened(request.body.get("scope"))
        rule = self._rules.add(request.body, scope.over(self._scripts.workflows))
        self._watch.happened("rules", scope.name)
        return 201, rule.to_dict()

    async def delete_rules(self, request: ControlRequest) -> Answer:
        scope = scope_of(self._scopes, request.query.get("scope"))
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

    # -- the journal

    async def get_journal(self, request: ControlRequest) -> Answer:
        scope = scope_of(self._scopes, request.query.get("scope"))
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
        return 200, {"now": scope_of(self._scopes, request.query.get("scope")).clock()}

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

    async def list_scripts(self, request: ControlRequest) -> Answer:
        scope = scope_of(self._scopes, request.query.get("scope"))
        return 200, [
            {"id": each.id, "name": each.name, "description": each.description}
            for each in scope.over(self._scripts.workflows).values()
        ]

    async def get_script(self, request: ControlRequest) -> Answer:
        scope = scope_of(self._scopes, request.query.get("scope"))
        workflows = scope.over(self._scripts.workflows)
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
        scope, id = scope_of(self._scopes, request.query.get("scope")), request.path["id"]
        if id not in scope.over(self._scripts.workflows):
            raise ApiError(404, f"there is no workflow {id!r}")
        if scope.workflows.pop(id, None) is None:
            scope.workflows[id] = None
        self._watch.happened("reload", scope.name)
        return 204, None
