"""Scenarios: what a run is answered with instead, where it is asked for or fits the request."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from mockserver.script.aside import aside
from mockserver.script.cel import CelError
from mockserver.script.model import Scenario, Workflow
from mockserver.sessions.keeping import find_session
from mockserver.sessions.store import SessionStore


def named_scenario(workflow: Workflow, name: str | None) -> Scenario | None:
    return next((one for one in workflow.scenarios if one.name == name), None)


async def fitting_scenario(
    workflow: Workflow, form: Mapping[str, Any], store: SessionStore
) -> Scenario | None:
    """The first whose `when` is true for a run that is asked for by this form."""
    if not workflow.scenarios:
        return None
    session_id, user_id = form.get("session_id"), form.get("user_id")
    session = await find_session(store, session_id or "", user_id)
    variables = {
        "input": form.get("message", ""),
        "session_state": (session.state if session else None) or {},
        "session_id": session_id,
        "user_id": user_id,
    }
    for scenario in workflow.scenarios:
        if isinstance(scenario.when, bool):
            if scenario.when:
                return scenario
            continue
        with contextlib.suppress(CelError):
            when = scenario.when
            if await aside(when, variables) if when.may_take_long else when(variables):
                return scenario
    return None
