"""How an observed server, Agno's AgentOS 2.5.6, departs from the contract: by hooks."""

from mockserver.agno import answers, run_requests, session_answers, sessions

__all__ = ["answers", "run_requests", "session_answers", "sessions"]
