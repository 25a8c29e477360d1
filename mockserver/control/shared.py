"""The control API of processes that share a store: whichever is asked answers for all.

What changes something (a scope, a rule, a gate, the clock, a script) is done here and then by each
of the others, and answered once all have. What is about one run is answered by the process that
carries it out. What lists, or waits, is asked of all.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mockserver.control.handlers import Handlers
from mockserver.control.journal import Journal
from mockserver.control.requests import ControlRequest, Handler
from mockserver.control.rules import Rule, Rules
from mockserver.control.run_handlers import DEFAULT_TIMEOUT
from mockserver.control.watch import Watch
from mockserver.http.errors import ApiError
from mockserver.http.request import Answer
from mockserver.runner.peers import Json, Peers
from mockserver.runner.scopes import Scopes, ids_of
from mockserver.script.loader import load_text
from mockserver.sessions.store import StoreError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Sent:
    content: bytes
    media_type: str


@dataclass(frozen=True)
class _Forwarded:
    """A request that another process was asked."""

    query: Mapping[str, Any]
    body: Any
    path: Mapping[str, Any]
    sent: _Sent | None


def _concatenated(here: Any, elsewhere: Sequence[Any]) -> Any:
    return [each for answer in (here, *elsewhere) for each in answer]


def _newest_first(here: Any, elsewhere: Sequence[Any]) -> Any:
    runs = _concatenated(here, elsewhere)
    return sorted(runs, key=lambda run: float(run["started"]), reverse=True)


def _entries(here: Any, elsewhere: Sequence[Any]) -> Any:
    """One journal of several: lists, or HTTP Archives."""
    if isinstance(here, list):
        return sorted(_concatenated(here, elsewhere), key=lambda entry: int(entry["id"]))
    entries = _concatenated(here["log"]["entries"], [each["log"]["entries"] for each in elsewhere])
    entries.sort(key=lambda entry: str(entry["startedDateTime"]))
    return {"log": {**here["log"], "entries": entries}}


def _report(here: Any, elsewhere: Sequence[Any]) -> Any:
    """What a scope that is closed has left: its rules are the same everywhere."""
    gates, runs = (
        _concatenated(here[name], [each[name] for each in elsewhere])
        for name in ("unreleased_gates", "open_runs")
    )
    return {**here, "unreleased_gates": list(dict.fromkeys(gates)), "open_runs": runs}


def _as_here(here: Any, elsewhere: Sequence[Any]) -> Any:
    return here


Merge = Callable[[Any, Sequence[Any]], Any]

EVERYWHERE: Mapping[str, Merge] = {
    "reset": _as_here,
    "open_scope": _as_here,
    "close_scope": _report,
    "create_rule": _as_here,
    "delete_rules": _as_here,
    "delete_rule": _as_here,
    "release_gate": _concatenated,
    "set_clock": _as_here,
    "put_script": _as_here,
    "delete_script": _as_here,
    "list_gates": _concatenated,
    "list_runs": _newest_first,
    "get_journal": _entries,
}
"""What is done, or asked, everywhere, and how the answers are made one."""

OF_A_RUN = frozenset(
    {
        "get_run",
        "pause_run",
        "step_run",
        "resume_run",
        "cut_run",
        "cancel_run",
        "wait_for_run",
    }
)
"""What is answered by the process that carries the run out."""

FIRST = frozenset({"wait_for", "get_feed"})
"""What is waited for everywhere at once; the feed by `follow`."""

ANYWHERE = frozenset(
    {
        "get_status",
        "list_departures",
        "list_scopes",
        "list_rules",
        "get_rule",
        "get_clock",
        "list_scripts",
        "get_script",
    }
)
"""What each process knows by itself."""


_HAPPENS_EVERYWHERE = frozenset({"elsewhere", "scopes", "rules", "released", "reload", "missed"})
"""What need not be told of elsewhere."""

SECONDS_TO_BE_TOLD = 15.0
"""For who follows elsewhere, unless it says that it still does."""


class SharedControl:
    """One process's side of it."""

    def __init__(
        self,
        handlers: Handlers,
        rules: Rules,
        watch: Watch,
        journal: Journal,
        scopes: Scopes,
        peers: Peers,
    ) -> None:
        self._handlers = handlers
        self._rules = rules
        self._watch = watch
        self._scopes = scopes
        self._peers = peers
        rules.place, rules.claim = f"-{peers.id[:8]}", self._claim
        rules.give_back = self._give_back
        self._giving_back: set[asyncio.Task[None]] = set()
        journal.is_shared = True
        peers.on("control", self._answer)
        peers.on("scope opened", self._open_scope)
        peers.on("rule used", self._note_use)
        peers.on("follow feed", self._be_followed)
        peers.on("happened", self._hear)
        self._followers: dict[str, float] = {}
        """Who follows elsewhere, and until when."""
        self._feed: asyncio.Task[None] | None = None
        peers.on("state", lambda message: self._state())

    def of(self, operation_id: str) -> Handler:
        """The operation, for all processes."""
        handler = self._handlers.of(operation_id)

        async def answered(request: ControlRequest) -> Answer:
            if operation_id in OF_A_RUN or (
                operation_id == "release_gate" and "run_id" in (request.body or {})
            ):
                return await self._where_it_is(operation_id, request)
            if operation_id in FIRST or (
                operation_id == "list_gates" and "timeout" in request.query
            ):
                return await self._first(operation_id, request)
            if operation_id in EVERYWHERE:
                return await self._everywhere(operation_id, request)
            return await handler(request)

        return answered

    # -- asking the others

    async def _everywhere(self, operation_id: str, request: ControlRequest) -> Answer:
        closed = {
            "reset": [scope.name for scope in self._scopes],
            "close_scope": [request.path.get("scope", "")],
        }.get(operation_id, [])
        status, body = await self._handlers.of(operation_id)(request)
        sent = request.body
        if operation_id == "create_rule":
            sent = {**sent, "id": body["id"]}
        answers = await self._ask(operation_id, request, body=sent)
        bodies = [answer["body"] for answer in answers if answer["status"] == status]
        if closed:
            await self._peers.forget(*map(_opening, closed), *map(ids_of, closed))
        if operation_id == "open_scope" and status == 201:
            # Of several who open it at the same time one is the first.
            status = 201 if await self._peers.count(_opening(body["scope"])) == 1 else 200
        return status, EVERYWHERE[operation_id](body, bodies)

    async def _where_it_is(self, operation_id: str, request: ControlRequest) -> Answer:
        try:
            return await self._handlers.of(operation_id)(request)
        except ApiError as error:
            if error.status != 404:
                raise
            seconds = float(request.query.get("timeout", DEFAULT_TIMEOUT))
            found = await self._ask(
                operation_id,
                request,
                waits=seconds,
                is_enough=lambda answer: answer["status"] != 404,
            )
            for answer in found:
                if answer["status"] != 404:
                    return _given(answer)
            raise

    async def _first(self, operation_id: str, request: ControlRequest) -> Answer:
        """The first answer that is no error; else what is found here."""
        seconds = float(request.query.get("timeout", DEFAULT_TIMEOUT))
        here = asyncio.ensure_future(self._handlers.of(operation_id)(request))
        elsewhere = asyncio.ensure_future(
            self._ask(
                operation_id,
                request,
                waits=seconds,
                is_enough=lambda answer: answer["status"] == 200,
            )
        )
        tasks = (here, elsewhere)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if here.done() and here.exception() is None:
                return here.result()
            answers = await elsewhere
            for answer in answers:
                if answer["status"] == 200:
                    return _given(answer)
            try:
                return await here
            except ApiError as error:
                for answer in answers:  # who has had a run tells more
                    if answer["status"] == error.status and "newest run" in answer["hint"]:
                        return _given(answer)
                raise
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, ApiError, StoreError):
                    await task

    async def _ask(
        self,
        operation_id: str,
        request: ControlRequest,
        *,
        body: Any = None,
        waits: float = 0.0,
        is_enough: Callable[[Json], bool] = lambda answer: False,
    ) -> list[Json]:
        sent = request.sent
        return await self._peers.ask(
            "control",
            waits=waits,
            is_enough=is_enough,
            operation_id=operation_id,
            query=dict(request.query),
            path=dict(request.path),
            body=request.body if body is None else body,
            content=base64.b64encode(sent.content).decode() if sent is not None else None,
            media_type=sent.media_type if sent is not None else "",
        )

    async def _answer(self, message: Json) -> Json:
        """What this process answers to what another was asked."""
        sent = None
        if message["content"] is not None:
            sent = _Sent(base64.b64decode(message["content"]), message["media_type"])
        request = _Forwarded(message["query"], message["body"], message["path"], sent)
        try:
            status, body = await self._handlers.of(message["operation_id"])(request)
        except ApiError as error:
            return {"status": error.status, "statement": error.statement, "hint": error.hint}
        return {"status": status, "body": body}

    # -- what there is before this process starts

    async def join(self) -> None:
        """Take over what the others have. Raises StoreError."""
        for state in await self._peers.ask("state", is_enough=lambda state: True):
            for each in state["scopes"]:
                scope = self._scopes.of(each["name"])
                scope.released.update(each["released"])
                scope.clock.follow(each["clock"])
                for id, source in each["scripts"].items():
                    scope.workflows[id] = None
                    if source is not None:
                        scope.workflows[id] = load_text(json.dumps(source), id, is_json=True)
                known = {rule.id for rule in self._rules.of(scope.name)}
                for rule in each["rules"]:
                    if rule["id"] not in known:
                        used = rule.pop("used")
                        self._rules.add(rule, None).used = used
            return

    def _state(self) -> Json:
        return {
            "scopes": [
                {
                    "name": scope.name,
                    "released": sorted(scope.released),
                    "clock": scope.clock.to_dict(),
                    "scripts": {
                        id: None if workflow is None else workflow.source
                        for id, workflow in scope.workflows.items()
                    },
                    "rules": [rule.to_dict() for rule in self._rules.of(scope.name)],
                }
                for scope in (self._scopes.unnamed, *self._scopes)
            ]
        }

    # -- the feed

    async def begin_to_follow(self) -> None:
        """Have the others tell what happens there. Raises StoreError."""
        await self._peers.ask("follow feed")

    async def follow(self, scope: str | None, after: int | None) -> AsyncIterator[tuple[int, Json]]:
        """As Handlers.follow, with what happens elsewhere."""
        # Where it goes on it may have followed another process, which counts otherwise.
        after = None if after is None else sys.maxsize
        renewed = asyncio.create_task(self._renew())
        try:
            async for item in self._handlers.follow(scope, after):
                yield item
        finally:
            renewed.cancel()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(SECONDS_TO_BE_TOLD / 3)
            self._peers.tell("follow feed")

    def _be_followed(self, message: Json) -> None:
        self._followers[message["from"]] = asyncio.get_running_loop().time() + SECONDS_TO_BE_TOLD
        if self._feed is None or self._feed.done():
            self._feed = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        """Tell those who follow elsewhere what happens here, as long as they ask for it."""
        async with contextlib.aclosing(self._watch.follow()) as items:
            async for item in items:
                now = asyncio.get_running_loop().time()
                self._followers = {to: end for to, end in self._followers.items() if end > now}
                if not self._followers:
                    return
                if item is None or item.kind in _HAPPENS_EVERYWHERE:
                    continue
                shown = self._handlers.shown(item)
                for follower in self._followers:
                    self._peers.tell("happened", to=follower, scope=item.scope, shown=shown)

    def _hear(self, message: Json) -> None:
        self._watch.happened("elsewhere", message["scope"], message["shown"])

    # -- scopes

    async def open_scope(self, name: str) -> None:
        """A request names a scope: the others are to know it before it goes on."""
        self._scopes.of(name)
        try:
            await self._peers.ask("scope opened", scope=name)
        except StoreError as error:
            logger.warning("the others do not know of scope %r: %s", name, error)

    def _open_scope(self, message: Json) -> None:
        if self._scopes.get(message["scope"]) is None:
            self._scopes.of(message["scope"])
            self._watch.happened("scopes", message["scope"])

    # -- rules

    async def _claim(self, rule: Rule) -> bool:
        """Use a rule once; whether it may be."""
        times = rule.source.get("times")
        if times is not None:
            try:
                if await self._peers.count(f"rule {rule.id}") > times:
                    await self._peers.count(f"rule {rule.id}", -1)
                    return False
            except StoreError as error:
                logger.warning("rule %s is not used: %s", rule.id, error)
                return False
        rule.used += 1
        self._peers.tell("rule used", rule_id=rule.id, more=1)
        return True

    def _give_back(self, rule: Rule) -> None:
        """Use a rule once less."""
        rule.used -= 1
        self._peers.tell("rule used", rule_id=rule.id, more=-1)
        if "times" in rule.source:
            task = asyncio.create_task(self._count_back(rule))
            self._giving_back.add(task)
            task.add_done_callback(self._giving_back.discard)

    async def _count_back(self, rule: Rule) -> None:
        try:
            await self._peers.count(f"rule {rule.id}", -1)
        except StoreError as error:
            logger.warning("rule %s counts as used: %s", rule.id, error)

    def _note_use(self, message: Json) -> None:
        try:
            rule = self._rules.get(message["rule_id"])
        except ApiError:
            return
        rule.used += message["more"]
        self._watch.happened("rules", rule.scope)


def _opening(scope: str) -> str:
    """Under what it is counted who has opened a scope."""
    return f"scope {scope}"


def _given(answer: Json) -> Answer:
    """Another's answer. Raises ApiError where it was an error."""
    if "statement" in answer:
        raise ApiError(answer["status"], answer["statement"], hint=answer["hint"])
    return answer["status"], answer["body"]
