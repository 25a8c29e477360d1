"""Performs deviations and variations on request.

The plain ones are data, under `does` in the catalogues, for the interpreter in `rules`; the rest
are a function each in the module of the site where a server goes wrong. Both are found by name in
`registry`. Those of `agentos_contract/deviations/*.yaml`, which a real server has, are hooks
classes in `mockserver.agno`. A request without any costs nothing.
"""

from mockserver.faults import (
    engine,
    registry,
    request,
    response,
    session_ids,
    session_views,
    state,
    transport,
    typed_input,
    variations,
)

registry.register_rules()

__all__ = [
    "engine",
    "registry",
    "request",
    "response",
    "session_ids",
    "session_views",
    "state",
    "transport",
    "typed_input",
    "variations",
]
