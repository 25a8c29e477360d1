"""Where what is remembered may part from the contract: each method's default is the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mockserver.script.model import Workflow
from mockserver.sessions.records import Session, StoredRun
from mockserver.sessions.store import SessionStore
from mockserver.sessions.workflow_sessions import joined, seeded

Place = Literal["beside", "instead", "nowhere"]


class SessionHooks:
    """What is asked when sessions and runs are kept or read."""

    def joined(self, session: Session, workflow: Workflow) -> Session:
        """A session as the workflow's run finds it that joins it."""
        return seeded(joined(session, workflow), workflow)

    async def held(self, store: SessionStore, session: Session) -> Sequence[StoredRun] | None:
        """The runs that a run's end writes with itself, as the whole session, whatever is there.

        Asked when the run starts. None: its end adds it to the session as that is then.
        """
        return None

    def place(self, session: Session, other: Session) -> Place:
        """Where a session goes that is new, but whose session_id another user's has."""
        return "beside"

    def read_back(self, run: StoredRun) -> StoredRun:
        """A run that was read from the store, or whose session was written again since."""
        return run
