"""Where a run may part from the contract: each method's default is the contract."""

from __future__ import annotations


class EngineHooks:
    """What the engine asks of one run; subclasses (`mockserver.agno`) are how servers depart."""
