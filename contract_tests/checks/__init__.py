"""The checks, by area. Importing this registers all of them."""

from contract_tests.checks import (  # noqa: F401
    authentication,
    batch,
    browser,
    cancel,
    clients,
    error,
    form,
    generated,
    routing,
    session,
    session_ids,
    session_overlap,
    session_state,
    session_users,
    session_views,
    stream,
    texts,
)
