"""Performs deviations and variations on request: a module for each site where servers go wrong.

Each is a small function, found by its name through the register. A request without any costs
nothing. Those of `agentos_contract/deviations/*.yaml`, which a real server has, are performed where
the mock's own code parts from the rule.
"""

from mockserver.faults import (
    engine,
    request,
    response,
    state,
    transport,
    variations,
)

__all__ = ["engine", "request", "response", "state", "transport", "variations"]
