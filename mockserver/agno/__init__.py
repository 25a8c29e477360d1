"""How an observed server, Agno's AgentOS 2.5.6, departs from the contract: by hooks.

A departure is registered by its name when its module is imported.
"""

from mockserver.agno import (
    agents,
    answers,
    forms,
    order,
    run,
    run_requests,
    session_answers,
    sessions,
    values,
)

__all__ = [
    "agents",
    "answers",
    "forms",
    "order",
    "run",
    "run_requests",
    "session_answers",
    "sessions",
    "values",
]
