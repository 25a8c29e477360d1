"""Where carrying out a run may part from the contract: each method's default is the contract."""

from __future__ import annotations

from mockserver.engine.hooks import EngineHooks
from mockserver.sessions.hooks import SessionHooks


class RunnerHooks:
    """What the runner asks when it starts a run, passes its events on, and remembers it."""

    engine: type[EngineHooks] = EngineHooks
    """One is made for each run."""
    sessions: SessionHooks = SessionHooks()
