"""Where what is remembered may part from the contract: each method's default is the contract."""

from __future__ import annotations

from typing import Literal

from mockserver.script.model import Workflow
from mockserver.sessions.records import Session, StoredRun
from mockserver.sessions.workflow_sessions import joined, seeded

Place = Literal["beside", "instead", "nowhere"]


class SessionHooks:
    """What is asked when sessions and runs are kept or read."""

    writes_whole = False
    """Whether a run's end writes its session as that was when the run started, itself added,
    whatever has become of the session since."""
    keeps_runs = True
    """Whether a session keeps its earlier runs when another is added."""

    def joined(self, session: Session, workflow: Workflow) -> Session:
        """A session as the workflow's run finds it that joins it."""
        return seeded(joined(session, workflow), workflow)

    def place(self, session: Session, other: Session) -> Place:
        """Where a session goes that is new, but whose session_id another user's has."""
        return "beside"

    def read_back(self, run: StoredRun) -> StoredRun:
        """A run that was read from the store, or whose session was written again since."""
        return run
