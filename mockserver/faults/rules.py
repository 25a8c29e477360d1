"""The interpreter of plain faults: what stands under `does` in the catalogues of deviations and
variations. `on` says what a rule changes:

    on: EVENT          events of a stream, by name (several: a list; `any`); without `on` each
                       event that has the members that are changed
    on: form           the form of a request for a run
    on: stream         a stream's bytes, its headers, or how far it comes
    on: batch          a batch run's status, headers and body, or how far it comes; so with
        error, cancel, response (each one), body (each that is no stream), or a status such as 404

**Events.** One of these, or changes alone (changes.py):

    drop: EVENT                         it is not sent
    repeat: EVENT                       it comes twice; once more there with `after|before: EVENT`
    rename: EVENT, to: NAME             it is called otherwise
    insert: NAME, before|after: EVENT   a copy of that event, called so
    move: EVENT, after: EVENT           it comes later, before the run's last event at the latest

Changes beside `rename` and `insert` are made to the renamed or inserted event. Where not all are
meant: `only: first`, `where: {PATH: VALUE}`, `within: Parallel` (directly in a container of the
workflow itself), `since: EVENT` (once that was sent).

**Forms.** `set`, `default: {FIELD: TEXT}` (where it is not there), `remove: FIELD`, and
`replace: {FIELD: REGEX}, by: TEXT`; `where` is about the fields.

**Responses.** `answer: {status, detail, error_code}` makes it an error; `status`, `headers` (null
for none), `body`, and changes of a JSON object make it another. `where` is about what was sent -
`run` (the workflow's id), `is_known` (whether there is such a workflow), `media_type`, `headers`,
`bearer`, `form`, `content` - and the `body` of the response.

**Streams.** `replace: REGEX, by: TEXT`, in Latin-1; `only: first` in the first piece alone.

**How far it comes.** `cut` closes the connection, `hang` sends nothing more: at the `start`, in the
`middle` of its first piece, `before-end` (of a stream's WorkflowCompleted), `after-end`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from agentos_contract.events import CUSTOM_EVENT, EVENTS, TERMINAL_EVENTS
from mockserver.engine.actions import Event
from mockserver.faults.changes import MISSING, Changes, Names, Rule, holds, value_at
from mockserver.faults.exchange import Request, Response, Wire
from mockserver.faults.memory import FaultState

ANY = "any"


class RuleError(ValueError):
    """A rule cannot be read; str() says which key is wrong, and what may stand there."""


class EventRule(Changes):
    """What becomes of a stream's events."""

    drop: Names = ()
    repeat: Names = ()
    rename: Names = ()
    to: str = ""
    insert: str = ""
    move: Names = ()
    on: Names = ()
    before: Names = ()
    after: Names = ()
    only: Literal["first"] | None = None
    where: dict[str, Any] = Field({})
    within: Literal["Parallel", "Condition", "Loop", "Router", "Steps"] | None = None
    since: str | None = None

    @field_validator("drop", "repeat", "rename", "move", "on", "before", "after", "since")
    @classmethod
    def _are_events(cls, value: Any) -> Any:
        for name in [value] if isinstance(value, str) else value or ():
            if name not in EVENTS and name not in (ANY, CUSTOM_EVENT):
                raise ValueError(f"there is no event {name!r} (agentos_contract/events.py)")
        return value

    @model_validator(mode="after")
    def _is_one_verb(self) -> EventRule:
        verbs = [verb for verb in _EVENT_VERBS if getattr(self, verb)]
        if len(verbs) > 1 or not (verbs or self.change_something):
            raise ValueError(f"expected one of {', '.join(_EVENT_VERBS)}, or changes of members")
        if self.on and verbs:
            raise ValueError(f"{verbs[0]} names its events itself, without `on`")
        if bool(self.rename) != bool(self.to):
            raise ValueError("rename and to belong together")
        if self.change_something and (self.drop or self.repeat or self.move):
            raise ValueError(f"nothing can be changed beside {verbs[0]}")
        if self.before and self.after:
            raise ValueError("before and after: expected one of them")
        if (self.before or self.after) and not (self.insert or self.move or self.repeat):
            raise ValueError("before and after belong to insert, move and repeat")
        if self.insert and not (self.before or self.after):
            raise ValueError("insert: expected before or after, and an event")
        if self.move and not self.after:
            raise ValueError("move: expected after, and an event")
        return self

    def __call__(self, event: Event, state: FaultState, notes: dict[str, Any]) -> Iterable[Event]:
        is_meant = self._is_meant(event, state, notes)
        if self.move:
            return self._moved(event, notes, is_meant)
        if self.repeat and self._place:
            return self._repeated_there(event, notes, is_meant)
        if not is_meant:
            return [event]
        if self.drop:
            return []
        if self.repeat:
            return [event, event]
        changed = self.changed(event)
        if not self.insert:
            return [{**changed, "event": self.to or event["event"]}]
        inserted = {**changed, "event": self.insert}
        return [inserted, event] if self.before else [event, inserted]

    def _moved(self, event: Event, notes: dict[str, Any], is_meant: bool) -> Iterable[Event]:
        if is_meant:
            notes.setdefault("held", []).append(event)
            return []
        if event["event"] in TERMINAL_EVENTS:
            return [*notes.pop("held", ()), event]
        return [event, *notes.pop("held", ())] if _are(self.after, event) else [event]

    def _repeated_there(
        self, event: Event, notes: dict[str, Any], is_meant: bool
    ) -> Iterable[Event]:
        if is_meant:
            notes["last"] = event
        if not _are(self._place, event) or "last" not in notes:
            return [event]
        # It is sent at this one's time, and of another one nobody spoke.
        again = notes["last"]
        if "created_at" in again and "created_at" in event:
            again = {**again, "created_at": event["created_at"]}
        return [again, event] if self.before else [event, again]

    def _is_meant(self, event: Event, state: FaultState, notes: dict[str, Any]) -> bool:
        if self.within is not None:
            is_start = event["event"] == f"{self.within}ExecutionStarted"
            if is_start and "parent_step_id" not in event:
                notes["container"] = event["step_id"]
            if event.get("parent_step_id", "") != notes.get("container"):
                return False
        if self._names and not _are(self._names, event):
            return False
        if not self._names and any(value_at(event, path) is MISSING for path in self.paths):
            return False
        if self.since is not None and self.since not in state.before:
            return False
        if not holds(event, self.where) or (self.only and "is_first_over" in notes):
            return False
        notes["is_first_over"] = True
        return True

    @property
    def _place(self) -> Names:
        return self.before or self.after

    @property
    def _names(self) -> Names:
        """The events that are meant; none: those with the members that are changed."""
        if self.insert:
            return self._place
        return self.drop or self.repeat or self.rename or self.move or self.on

    @property
    def members(self) -> frozenset[str]:
        """What an event must have, where none is named."""
        return frozenset(() if self._names else (path.partition(".")[0] for path in self.paths))

    @property
    def needs(self) -> list[Names]:
        """Of each of these a run must have an event, for the rule to change anything."""
        needed = [self._names, self._place if self.repeat else ()]
        if self.within is not None:
            needed.append((f"{self.within}ExecutionStarted",))
        if self.since is not None:
            needed.append((self.since,))
        return [names for names in needed if names and ANY not in names]


_EVENT_VERBS = ("drop", "repeat", "rename", "insert", "move")


def _are(names: Names, event: Event) -> bool:
    return event["event"] in names or ANY in names


class FormRule(Rule):
    """What becomes of a form's fields."""

    on: Literal["form"]
    set_to: dict[str, str] = Field({}, alias="set")
    default: dict[str, str] = Field({})
    remove: Names = ()
    replace: dict[str, re.Pattern[str]] = Field({})
    by: str = ""
    where: dict[str, Any] = Field({})

    def __call__(self, request: Request) -> None:
        given = dict(request.fields)
        if not request.is_form or not holds(given, self.where):
            return
        fields = [
            (name, self.replace[name].sub(self.by, text) if name in self.replace else text)
            for name, text in request.fields
            if name not in self.set_to and name not in self.remove
        ]
        fields += self.set_to.items()
        fields += [(name, text) for name, text in self.default.items() if name not in given]
        if fields != request.fields:
            request.fields = fields


ON_RESPONSE: dict[str, Callable[[Response], bool]] = {
    "response": lambda response: True,
    "batch": lambda response: response.is_batch,
    "error": lambda response: response.is_error,
    "cancel": lambda response: response.request.path.endswith("/cancel"),
    "stream": lambda response: response.is_stream,
    "body": lambda response: not response.is_stream,
}


class Refusal(Rule):
    """An error in the place of a response."""

    status: int
    detail: str
    error_code: str = "ERROR"


class ResponseRule(Changes):
    """What becomes of a response's status, headers and body."""

    on: str | int
    where: dict[str, Any] = Field({})
    answer: Refusal | None = None
    status: int | None = None
    headers: dict[str, str | list[str] | None] = Field({})
    body: str | None = None

    def __call__(self, response: Response) -> None:
        if not is_on(self.on, self.where, response):
            return
        if self.answer is not None:
            response.refuse(self.answer.status, self.answer.detail, self.answer.error_code)
        if self.status is not None:
            response.status = self.status
        for name, values in self.headers.items():
            response.set_header(name, None)
            for value in [values] if isinstance(values, str) else values or ():
                response.headers.append((name.lower().encode(), value.encode("latin-1")))
        if self.body is not None:
            response.body = self.body.encode()
        if self.change_something and isinstance(value := response.json, dict):
            response.json = self.changed(value)


class FrameRule(Rule):
    """What becomes of a stream's bytes."""

    on: Literal["stream"]
    replace: re.Pattern[str]
    by: str
    only: Literal["first"] | None = None

    @property
    def needs(self) -> list[Names]:
        """The events that the expression names."""
        return [(name,) for name in re.findall(r"event: (\w+)", self.replace.pattern)]

    def __call__(self, chunk: bytes, notes: dict[str, Any]) -> bytes:
        if self.only and "is_first_over" in notes:
            return chunk
        notes["is_first_over"] = True
        return self.replace.sub(self.by, chunk.decode("latin-1")).encode("latin-1")


Place = Literal["start", "middle", "before-end", "after-end"]


class ChunkRule(Rule):
    """How far a response comes."""

    on: Literal["stream", "batch", "error"]
    where: dict[str, Any] = Field({})
    cut: Place | None = None
    hang: Place | None = None

    async def __call__(self, chunk: bytes, is_last: bool, wire: Wire) -> None:
        place = self.cut or self.hang
        is_here = {
            "start": True,
            "middle": True,
            "before-end": wire.response.is_at_end,
            "after-end": is_last,
        }[place or "start"]
        if not is_here or not is_on(self.on, self.where, wire.response):
            await wire.write(chunk, is_last=is_last)
            return
        if place == "middle":
            await wire.write(chunk[: len(chunk) // 2])
        elif place == "after-end":
            await wire.write(chunk)
        elif wire.response.is_stream:
            await wire.write(b"")  # its head goes out
        if self.cut:
            wire.cut()
        await wire.hang()


def is_on(on: str | int, where: Mapping[str, Any], response: Response) -> bool:
    """Whether a response is one that a rule is about."""
    is_kind = response.status == on if isinstance(on, int) else ON_RESPONSE[on](response)
    return is_kind and (not where or holds(response.facts, where))


AnyRule = EventRule | FormRule | ResponseRule | FrameRule | ChunkRule


def read_rule(entry: Any) -> AnyRule:
    """A rule of the catalogue. Raises RuleError."""
    if not isinstance(entry, Mapping):
        raise RuleError(f"expected a verb and what it is done to, got {entry!r}")
    on = entry.get("on")
    kind: type[AnyRule]
    if on == "form":
        kind = FormRule
    elif isinstance(on, int) or on in ON_RESPONSE:
        is_of_bytes = "replace" in entry
        kind = FrameRule if is_of_bytes else ResponseRule
        if "cut" in entry or "hang" in entry:
            kind = ChunkRule
    else:
        kind = EventRule
    if not entry.keys() - {"on", "where", "by"}:
        raise RuleError(f"on: {on}: nothing is done to it; expected some of {_allowed(kind)}")
    try:
        return kind.model_validate(dict(entry))
    except ValidationError as error:
        raise RuleError("; ".join(_said(kind, one) for one in error.errors())) from error


def _said(kind: type[AnyRule], error: Any) -> str:
    key = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        return f"{key}: not known here; expected some of {_allowed(kind)}"
    message = error["msg"].removeprefix("Value error, ")
    return f"{key}: {message}" if key else message


def _allowed(kind: type[AnyRule]) -> str:
    return ", ".join(sorted(field.alias or name for name, field in kind.model_fields.items()))
