"""What workflows make of sessions: the session that a run starts, joins and leaves."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mockserver.engine.merging import merge
from mockserver.engine.results import sum_metrics
from mockserver.engine.run import OF_THE_RUN, Run
from mockserver.script.model import Node, Workflow
from mockserver.sessions.records import Json, Session, new_session


def new_workflow_session(
    workflow: Workflow, session_id: str, user_id: str | None, now: int
) -> Session:
    """The session that a workflow's run makes. `now`: seconds since the epoch."""
    return _of_nobody(workflow)._replace(
        session_id=session_id, user_id=user_id, created_at=now, updated_at=now
    )


@lru_cache(maxsize=1000)
def _of_nobody(workflow: Workflow) -> Session:
    """What is the same in all sessions that a workflow's runs make."""
    state = workflow.source.get("session_state")
    return new_session(
        "",
        "workflow",
        None,
        0,
        workflow_id=workflow.id,
        data={} if state is None else {"session_state": state},
        workflow_data=workflow_data(workflow),
        metadata=workflow.source.get("metadata") or {},
    )


def joined(session: Session, workflow: Workflow) -> Session:
    """A session as a workflow's run finds it that joins it."""
    metadata = session.metadata or {}
    merge(metadata, copy.deepcopy(workflow.source.get("metadata") or {}))
    described = session.workflow_data or {}
    return session.changed(type="workflow", workflow_data=described, metadata=metadata)


def seeded(session: Session, workflow: Workflow) -> Session:
    """A session with what it does not have yet of a workflow: its id and its initial state."""
    columns: Json = {}
    if session.workflow_id is None:
        columns = {"workflow_id": workflow.id, "workflow_data": workflow_data(workflow)}
    data = session.data or {}
    state = {**workflow.session_state, **(data.get("session_state") or {})}
    return session.changed(**columns, data={**data, "session_state": state})


def left(session: Session, run: Run, body: Mapping[str, Any]) -> Session:
    """A session as a run leaves it that came to this body: with the run, its state without what was
    the run's own in it, and what its agents have used added up, unless it failed."""
    state = {key: value for key, value in run.session_state.items() if key not in OF_THE_RUN}
    data = {**(session.data or {}), "session_state": state}
    if run.status != "ERROR":
        data["session_metrics"] = _usage(data.get("session_metrics") or {}, body)
    return session.with_run(run.run_id, run.input, data=data)


def _usage(before: Json, body: Mapping[str, Any]) -> Json:
    """What was used before, and what the agents of a run have (Agno's SessionMetrics)."""
    by_step = body["metrics"]["steps"] if "metrics" in body else {}
    if not before and not by_step:
        return {}
    steps = [step["metrics"] or {} for step in by_step.values()]
    total = sum_metrics([{"metrics": used} for used in (before, *steps)]) or {}
    times = ("time_to_first_token", "duration")
    return {key: value for key, value in total.items() if key not in times}


def workflow_data(workflow: Workflow) -> Json:
    """What a session keeps of its workflow: the steps at the top, by name."""
    steps = [_step_data(node) for node in workflow.steps]
    if workflow.function is not None:
        about = "User-defined callable workflow"
        steps = [{"name": "Custom Function", "description": about, "type": "Callable"}]
    return {"workflow_id": workflow.id, "name": workflow.source.get("name"), "steps": steps}


def _step_data(node: Node) -> Json:
    data: Json = {"name": node.name, "description": node.description}
    return {**data, "type": type(node).__name__}
