"""How an observed server, Agno's AgentOS 2.5.6, departs from the contract: by hooks."""

from mockserver.agno import (
    answers,
    forms,
    order,
    run_requests,
    session_answers,
    sessions,
    values,
)

__all__ = ["answers", "forms", "order", "run_requests", "session_answers", "sessions", "values"]
