"""What goes between the runners of processes that share a store: cancelling a run that another
carries out, reading how far it has come, following its events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from mockserver.runner.peers import Json, Peers
from mockserver.runner.recent import StreamedRun
from mockserver.runner.scopes import MockScope, Scopes
from mockserver.sessions.records import SessionKey, StoredRun
from mockserver.sessions.store import Channel


class Subscriber(Protocol):
    """Who takes a run's events as they come."""

    async def send(self, index: int, text: str) -> None:
        """`index`: its place among the run's events; `text`: the event, with it in it."""


Follow = Callable[[str, MockScope, Subscriber], StreamedRun | None]
"""How a run of this process, by run_id and scope, is followed: what it has said so far."""

PassOn = Callable[[str, int, str], None]
"""What is done with an event of a run that is followed elsewhere: its run_id, index and text."""


class Local(Protocol):
    """The runner of this process."""

    scopes: Scopes

    def under_way(
        self, run_id: str | None = None, scope: MockScope | None = None
    ) -> Sequence[object]: ...

    def cancel_here(self, run_id: str, scope: MockScope | None) -> bool: ...

    def cancel_later(self, run_id: str, scope: MockScope | None, *, is_wanted: bool) -> None: ...

    def runs_so_far(self, scope: MockScope, key: SessionKey) -> dict[str, StoredRun]: ...


class _Elsewhere:
    """A process that takes a run's events."""

    def __init__(self, peers: Peers, id: str, run_id: str) -> None:
        self._peers = peers
        self._id = id
        self._run_id = run_id

    async def send(self, index: int, text: str) -> None:
        self._peers.tell("event", to=self._id, run_id=self._run_id, index=index, text=text)


class Sharing:
    """One runner's side of it."""

    def __init__(self, runner: Local, channel: Channel) -> None:
        self.peers = Peers(channel)
        self._runner = runner
        self.peers.on("cancel", self._cancel)
        self.peers.on("was cancelled", self._was_cancelled)
        self.peers.on("runs so far", self._runs_so_far)
        self.peers.on("under way", self._under_way)

    def on_follow(self, follow: Follow, pass_on: PassOn) -> None:
        """Have runs followed from elsewhere, and from here."""

        def followed(message: Json) -> Json | None:
            scope = self._runner.scopes.get(message["scope"])
            if scope is None:
                return None
            subscriber = _Elsewhere(self.peers, message["from"], message["run_id"])
            found = follow(message["run_id"], scope, subscriber)
            if found is None:
                return None
            return {"status": found.status, "events": [event.decode() for event in found.events]}

        def told(message: Json) -> None:
            pass_on(message["run_id"], message["index"], message["text"])

        self.peers.on("follow", followed)
        self.peers.on("event", told)

    async def open(self) -> None:
        """Be there for the others. Raises StoreError."""
        await self.peers.open()

    async def follow(self, run_id: str, scope: MockScope) -> StreamedRun | None:
        """What a run has said that is under way elsewhere, or was not long ago; what it says from
        then on is passed on. None: nobody knows it. Raises StoreError."""
        for answer in await self.peers.ask("follow", run_id=run_id, scope=scope.name):
            return StreamedRun(answer["status"], tuple(e.encode() for e in answer["events"]))
        return None

    async def is_under_way(self, run_id: str, scope: MockScope) -> bool:
        """Whether a run is under way elsewhere. Raises StoreError."""
        answers = await self.peers.ask(
            "under way", is_enough=lambda answer: True, run_id=run_id, scope=scope.name
        )
        return bool(answers)

    def _under_way(self, message: Json) -> Json | None:
        scope = self._runner.scopes.get(message["scope"])
        is_here = scope is not None and self._runner.under_way(message["run_id"], scope)
        return {} if is_here else None

    # -- cancelling

    async def cancel(self, run_id: str, scope: MockScope | None) -> bool:
        """Cancel the runs of that id that are under way elsewhere; whether there are any. Raises
        StoreError."""
        name = None if scope is None else scope.name
        answers = await self.peers.ask("cancel", run_id=run_id, scope=name)
        is_found = any(answer["is_found"] for answer in answers)
        if not is_found:
            # Whoever is the one to start it.
            self.peers.tell("cancel", run_id=run_id, scope=name, is_for_later=True)
        return is_found

    def was_cancelled(self, run_id: str, scope: MockScope) -> None:
        """A run was cancelled that had been asked for before it was started."""
        self.peers.tell("was cancelled", run_id=run_id, scope=scope.name)

    def _cancel(self, message: Json) -> Json | None:
        scope, is_known = self._scope(message)
        if not is_known:
            return None
        is_found = self._runner.cancel_here(message["run_id"], scope)
        if not is_found and message.get("is_for_later"):
            self._runner.cancel_later(message["run_id"], scope, is_wanted=True)
        return {"is_found": is_found}

    def _was_cancelled(self, message: Json) -> None:
        scope, is_known = self._scope(message)
        if is_known:
            self._runner.cancel_later(message["run_id"], scope, is_wanted=False)

    def _scope(self, message: Json) -> tuple[MockScope | None, bool]:
        """Whose run a message is about, None: anybody's; and whether that scope is known here."""
        name = message["scope"]
        scope = None if name is None else self._runner.scopes.get(name)
        return scope, name is None or scope is not None

    # -- reading

    async def runs_so_far(self, scope: MockScope, key: SessionKey) -> dict[str, StoredRun]:
        """The runs of a session that are under way elsewhere, as far as they have come, by run_id.
        Raises StoreError."""
        found: dict[str, StoredRun] = {}
        for answer in await self.peers.ask("runs so far", scope=scope.name, key=list(key)):
            for run_id, created_at, body, events in answer["runs"]:
                texts = tuple(event.encode() for event in events)
                found[run_id] = StoredRun(run_id, created_at, body.encode(), texts)
        return found

    def _runs_so_far(self, message: Json) -> Json | None:
        scope = self._runner.scopes.get(message["scope"])
        if scope is None:
            return None
        session_id, user_id = message["key"]
        runs: list[Any] = [
            [run.run_id, run.created_at, run.body.decode(), [e.decode() for e in run.events]]
            for run in self._runner.runs_so_far(scope, (session_id, user_id)).values()
        ]
        return {"runs": runs} if runs else None
