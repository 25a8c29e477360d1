"""The checks, by area. Importing this registers all of them."""

from contract_tests.checks import (
    authentication,
    batch,
    cancel,
    error,
    form,
    generated,
    routing,
    session,
    session_state,
    stream,
    texts,
)

__all__ = [
    "authentication",
    "batch",
    "cancel",
    "error",
    "form",
    "generated",
    "routing",
    "session",
    "session_state",
    "stream",
    "texts",
]
