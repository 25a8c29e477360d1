"""Fault selection: which faults a request asks for by `Prefer`, and which of them it can have.

With a token, departures from authentication are the command line's alone: whoever could ask for
one by a header could read or guess the token by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agentos_contract.deviations import load_deviations
from agentos_contract.names import did_you_mean
from agentos_contract.variations import load_variations
from mockserver.faults.applicability import Situation, possible_events, why_not
from mockserver.faults.exchange import Server
from mockserver.http.preferences import Preferences
from mockserver.script.model import Workflow

_AUTHENTICATION = "authentication."


def select(preferences: Preferences, server: Server) -> frozenset[str]:
    """The faults that a request asks for; none where one of them cannot be had.

    What is wrong, and what is right, is noted in the preferences.
    """
    if not preferences.are_some:
        return frozenset()
    asked = [*preferences.faults, *preferences.variations]
    problems = [
        *(_problem("fault", name, load_deviations(), server) for name in preferences.faults),
        *(_problem("vary", name, load_variations(), server) for name in preferences.variations),
    ]
    preferences.problem = next(filter(None, (preferences.problem, *problems)), None)
    if preferences.problem is not None:
        return frozenset()
    if asked:
        preferences.why_not = _checker(preferences, server)
    return frozenset(asked)


def _problem(key: str, name: str, known: Iterable[str], server: Server) -> str | None:
    """Why nobody can ask for a name, if so."""
    names = list(known)
    if name not in names:
        kind = "deviation" if key == "fault" else "variation"
        there_are = ", ".join(one for one in names if _can_be_asked(one, server))
        near = did_you_mean(name, names)
        return f"Prefer: {key}: there is no {kind} {name!r}{near}; there are {there_are}"
    if not _can_be_asked(name, server):
        return (
            f"Prefer: {key}={name}: with a token, departures from authentication are to be had by "
            f"the command line alone: mockserver serve --{key} {name}"
        )
    return None


def _can_be_asked(name: str, server: Server) -> bool:
    return server.token is None or not name.startswith(_AUTHENTICATION)


def _checker(
    preferences: Preferences, server: Server
) -> Callable[[str, Workflow | None, bool], str | None]:
    def check(operation_id: str, workflow: Workflow | None, is_stream: bool) -> str | None:
        is_scripted = workflow is not None and not server.is_recorded(workflow.id)
        situation = Situation(
            operation_id,
            workflow.id if workflow is not None else None,
            is_stream,
            server.token is not None,
            possible_events(workflow) if workflow is not None and is_scripted else None,
        )
        for key, names, known in (
            ("fault", preferences.faults, load_deviations()),
            ("vary", preferences.variations, load_variations()),
        ):
            for name in names:
                reason = why_not(name, situation)
                if reason is not None:
                    can = ", ".join(
                        one
                        for one in known
                        if _can_be_asked(one, server) and why_not(one, situation) is None
                    )
                    return f"Prefer: {key}={name} cannot apply here: {reason}; what can: {can}"
        return None

    return check
