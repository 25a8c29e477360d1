"""Sessions and runs as they are remembered: immutable records, as rows of a table are.

A session belongs to a session_id and a user_id: who names another user gets a session of their
own. Whoever names none finds the one that was made first. Its parts have the names of the columns
of Agno's table of sessions, `session_data` called `data`. Its runs are records of their own, so
that to add one to ten thousand costs what the first did.

JSON is kept as text. It cannot be changed from outside, what is read of it is the reader's own, its
size is known, and the garbage collector has nothing to look at (it was 40 % of the time of a batch
request). Tuples are records that are cheap to make, and that it leaves alone too.
"""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple

from agentos_contract.json_values import to_json

Json = dict[str, Any]
SessionType = Literal["agent", "team", "workflow"]
SessionKey = tuple[str, str | None]
"""A session's session_id and user_id."""

_JSON_COLUMNS = frozenset({"data", "workflow_data", "metadata", "summary", "first_input"})


def to_kept_json(value: Any) -> bytes:
    """`value` as JSON in a bytes object of its own length; orjson's buffers are ten times that."""
    return bytes(memoryview(to_json(value)))


class StoredRun(NamedTuple):
    """One run of a session."""

    run_id: str
    created_at: int
    """Seconds since the epoch."""
    body: bytes
    """The batch body, as JSON."""
    events: tuple[bytes, ...] = ()
    """Where it was streamed: its events' payloads, as JSON."""
    version: int = 0
    """Its session's when it was written; given by the store."""
    is_under_way: bool = False
    """Whether the process that wrote it is still to write its end."""

    def to_dict(self) -> Json:
        """The batch body."""
        body: Json = json.loads(self.body)
        return body

    def event_payloads(self) -> list[Json]:
        return [json.loads(event) for event in self.events]

    @property
    def size(self) -> int:
        """Bytes of memory, about: the texts, and what Python needs for the objects."""
        events = sum(map(len, self.events)) + _OF_TEXT * len(self.events)
        return _OF_RUN + len(self.run_id) + len(self.body) + events


INTERRUPTED = "the server that carried this run out has ended before it"


def interrupted(run: StoredRun) -> StoredRun:
    """A run that was under way as its process ended, and now never ends by itself: it has failed,
    as those have that a server ends as it shuts down."""
    body = {**run.to_dict(), "status": "ERROR"}
    ended = {"input": body.pop("input", None), "content": INTERRUPTED, **body}
    return run._replace(body=to_kept_json(ended), is_under_way=False)


class Session(NamedTuple):
    """One conversation, without its runs."""

    session_id: str
    type: SessionType
    user_id: str | None
    created_at: int
    """Seconds since the epoch."""
    updated_at: int
    agent_id: str | None = None
    team_id: str | None = None
    workflow_id: str | None = None
    data_json: bytes = b"null"
    workflow_data_json: bytes = b"null"
    metadata_json: bytes = b"null"
    summary_json: bytes = b"null"
    first_run: str | None = None
    """The run_id of the run that names the session; None: it never had one."""
    first_input_json: bytes = b"null"
    version: int = 0
    """Grows with each write, over all sessions of a store; 0: it was not written yet."""
    serial: int = 0
    """Its place in the order in which sessions were made: the version of its first write."""

    @property
    def key(self) -> SessionKey:
        return self.session_id, self.user_id

    @property
    def data(self) -> Json | None:
        """session_state, session_metrics and session_name, in the order in which they came."""
        return _read(self.data_json)

    @property
    def state(self) -> Json | None:
        """Its session_state; None where it never had one."""
        return (self.data or {}).get("session_state")

    @property
    def workflow_data(self) -> Json | None:
        return _read(self.workflow_data_json)

    @property
    def metadata(self) -> Json | None:
        return _read(self.metadata_json)

    @property
    def summary(self) -> Json | None:
        return _read(self.summary_json)

    @property
    def first_input(self) -> Any:
        """What its first run was asked."""
        return json.loads(self.first_input_json)

    @property
    def size(self) -> int:
        """Bytes of memory, about, without its runs."""
        texts = (self.data_json, self.workflow_data_json, self.metadata_json, self.summary_json)
        return (
            _OF_SESSION + len(self.session_id) + len(self.first_input_json) + sum(map(len, texts))
        )

    def changed(self, **columns: Any) -> Session:
        """Another with these columns; JSON columns are given as values: `data={…}`."""
        return self._replace(**_with_texts(columns))

    def with_run(self, run_id: str, asked: Any, **columns: Any) -> Session:
        """Another that is named by what this run was asked, where it is its first; columns as
        `changed`."""
        if self.first_run in (None, run_id):
            columns |= {"first_run": run_id, "first_input": asked}
        return self.changed(**columns) if columns else self


def new_session(
    session_id: str, of_type: SessionType, user_id: str | None, now: int, **columns: Any
) -> Session:
    """A session that was not written yet. `now`: seconds since the epoch; columns as `changed`."""
    return Session(session_id, of_type, user_id, now, now, **_with_texts(columns))


def _with_texts(columns: Json) -> Json:
    """Columns by name, those of JSON as their texts."""
    for name in _JSON_COLUMNS.intersection(columns):
        columns[f"{name}_json"] = to_kept_json(columns.pop(name))
    return columns


def _read(text: bytes) -> Json | None:
    if text == b"{}":  # as that of each new session
        return {}
    value: Json | None = json.loads(text.decode())  # of bytes it would look for UTF-16 first
    return value


# What CPython 3.11 needs beside the letters, with the entries of the dictionaries that lead there.
_OF_TEXT = 48
_OF_RUN = 400
_OF_SESSION = 1200
