"""How Agno's operations on sessions, and its websocket, depart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mockserver.faults.registry import departure
from mockserver.http.errors import ApiError
from mockserver.http.hooks import HttpHooks
from mockserver.sessions.records import Session, SessionType, StoredRun
from mockserver.sessions.store import column_text

PYDANTIC = "2.14"
PYDANTIC_SHOWS = 50
"""Characters of a value that pydantic tells in full."""


@departure("session.empty-id-fails")
class EmptyIdFails(HttpHooks):
    def check_session_id(self, session_id: str) -> None:
        if not session_id:
            raise ApiError(500, "No session_id provided", is_crash=True)


@departure("session.ties-oldest-first")
class TiesOldestFirst(HttpHooks):
    ties_newest_first = False


@departure("session.name-matches-data")
class NameMatchesData(HttpHooks):
    def name_matches(self, session: Session, shown: str, wanted: str) -> bool:
        return _like(f"%{wanted}%").fullmatch(column_text(session.data)) is not None


def _like(pattern: str) -> re.Pattern[str]:
    """SQLite's LIKE: % is any text, _ any character, ASCII letters of either case."""
    wildcards = {"%": ".*", "_": "."}
    parts = (wildcards.get(letter) or re.escape(letter) for letter in pattern)
    # What is searched is ASCII: nothing else has cases there.
    return re.compile("".join(parts), re.DOTALL | re.IGNORECASE | re.ASCII)


@departure("session.conflict-fails")
class ConflictFails(HttpHooks):
    def check_owner(self, session: Session, there: Session) -> None:
        raise ApiError(500, "Failed to create session: 500: Failed to create session")


@departure("session.post-replaces")
class PostReplaces(HttpHooks):
    def created(self, session: Session, there: Session, changed: Session) -> Session:
        return session


@departure("session.summary-fails")
class SummaryFails(HttpHooks):
    def check_changes(self, changes: Mapping[str, Any]) -> None:
        """Raises ApiError(500) for what Agno's SessionSummary cannot be made of."""
        summary = changes.get("summary")
        if summary is None:
            return
        for name in summary:
            if name not in ("summary", "topics", "updated_at"):
                what = f"got an unexpected keyword argument '{name}'"
                raise ApiError(500, f"SessionSummary.__init__() {what}", is_crash=True)
        if "summary" not in summary:
            what = "missing 1 required positional argument: 'summary'"
            raise ApiError(500, f"SessionSummary.__init__() {what}", is_crash=True)


@departure("session.type-drops-runs")
class TypeDropsRuns(HttpHooks):
    def updated(self, session: Session, as_type: SessionType) -> Session:
        """It is read, and written back, as a session of the type that the request says."""
        if as_type != "workflow":
            return session.changed(type=as_type, first_run=None, first_input=None)
        return session.changed(
            type=as_type,
            data=session.data or {},
            metadata=session.metadata or {},
            workflow_data=session.workflow_data or {},
            summary=None,
        )


@departure("session.list-content-fails")
class ListContentFails(HttpHooks):
    def check_listed(self, stored: StoredRun, form: str) -> None:
        """Raises ApiError(500) for a run that came to neither a text nor a mapping."""
        content = stored.to_dict().get("content")
        if isinstance(content, str | dict | None):
            return
        kind = type(content).__name__
        shown = repr(content)
        if len(shown) > PYDANTIC_SHOWS:
            shown = f"{shown[:25]}...{shown[-24:]}"
        faults = "\n".join(
            f"content.{place}\n  Input should be a valid {what} [type={code}, input_value={shown}, "
            f"input_type={kind}]\n    For further information visit "
            f"https://errors.pydantic.dev/{PYDANTIC}/v/{code}"
            for place, what, code in (
                ("str", "string", "string_type"),
                ("dict[any,any]", "dictionary", "dict_type"),
            )
        )
        raise ApiError(500, f"2 validation errors for {form}\n{faults}", is_crash=True)


# -- the websocket


@departure("websocket.broken-text-fatal")
class BrokenTextFatal(HttpHooks):
    broken_text_is_answered = False


@departure("websocket.failure-silent")
class FailureSilent(HttpHooks):
    hides_failures = True


@departure("websocket.stored-run-unreadable")
class StoredRunUnreadable(HttpHooks):
    def check_stored(self, stored: StoredRun) -> None:
        raise ApiError(500, "Subscription failed: 'str' object has no attribute 'value'")
