"""Sessions and their runs as the API shows them: the forms of agno.os.schema, 2.5.6.

Every form has all its members; where the API leaves out those without a value, `without_none` is
applied to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mockserver.sessions.records import Json, Session, SessionType, StoredRun


def iso(moment: int) -> str:
    """Seconds since the epoch as the API writes a time: 2026-11-24T03:38:27Z."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def without_none(body: Mapping[str, Any]) -> Json:
    return {key: value for key, value in body.items() if value is not None}


def session_name(session: Session, as_type: SessionType) -> str:
    """The name that was given, else what its first run was asked."""
    given = (session.data or {}).get("session_name")
    if given is not None:
        return str(given)
    if session.first_run is None:
        return ""
    asked = session.first_input
    if isinstance(asked, str):
        return asked
    if as_type != "workflow":
        return _input_text(asked)
    if isinstance(asked, Mapping):
        return json.dumps(asked)
    name = (session.workflow_data or {}).get("name")
    return f"New {name} Session" if name else ""


def session_summary(session: Session) -> Json:
    """A session as GET /sessions lists it."""
    return without_none(
        {
            "session_id": session.session_id,
            "session_name": session_name(session, session.type),
            "session_state": session.state,
            **_times(session),
        }
    )


def session_detail(session: Session, as_type: SessionType) -> Json:
    """A session as GET /sessions/{session_id} shows it, in the form of the type asked for."""
    if as_type == "workflow":
        return {
            "user_id": session.user_id,
            "workflow_id": session.workflow_id,
            "workflow_name": None,
            "session_id": session.session_id,
            "session_name": session_name(session, "workflow"),
            "session_data": session.data or {},
            "session_state": session.state,
            "workflow_data": session.workflow_data or {},
            "metadata": session.metadata or {},
            **_times(session),
        }
    # A workflow's runs are not an agent's: there is nothing of them to see.
    name = (session.data or {}).get("session_name")
    metrics = session.data.get("session_metrics", {}) if session.data else None
    used = (metrics or {}).get("total_tokens")
    if as_type == "agent":
        return {
            "user_id": session.user_id,
            "agent_session_id": session.session_id,
            "session_id": session.session_id,
            "session_name": "" if name is None else name,
            "session_summary": session.summary,
            "session_state": session.state,
            "agent_id": session.agent_id or None,
            "total_tokens": used,
            "agent_data": None,
            "metrics": metrics,
            "metadata": session.metadata,
            "chat_history": [],
            **_times(session),
        }
    return {
        "session_id": session.session_id,
        "session_name": "" if name is None else name,
        "user_id": session.user_id,
        "team_id": session.team_id,
        "session_summary": session.summary or None,
        "session_state": session.state,
        "metrics": metrics,
        "team_data": None,
        "metadata": session.metadata,
        "chat_history": [],
        **_times(session),
        "total_tokens": used,
    }


def session_run(stored: StoredRun) -> Json:
    """A run as GET /sessions/{session_id}/runs shows it."""
    body = stored.to_dict()
    return {
        "run_id": stored.run_id,
        "run_input": _input_text(body.get("input", "")),
        "events": stored.event_payloads(),
        "workflow_id": body["workflow_id"],
        "user_id": body.get("user_id", ""),
        "content": body.get("content", ""),
        "content_type": body["content_type"],
        "status": body["status"],
        "step_results": body.get("step_results", []),
        "step_executor_runs": body.get("step_executor_runs", []),
        "metrics": body["metrics"],
        "created_at": iso(body["created_at"]),
        "reasoning_content": "",
        "reasoning_steps": [],
        "references": [],
        "citations": None,
        "reasoning_messages": [],
        **_media(body),
        "response_audio": None,
    }


def agent_run(stored: StoredRun) -> Json:
    """A workflow's run in the form of an agent's (`type=agent`)."""
    body = stored.to_dict()
    return {
        "run_id": stored.run_id,
        "parent_run_id": "",
        "agent_id": "",
        "user_id": body.get("user_id", ""),
        "status": body["status"],
        "run_input": "",
        "content": body.get("content", ""),
        "run_response_format": "text" if body["content_type"] == "str" else "json",
        "reasoning_content": "",
        "reasoning_steps": [],
        "metrics": body["metrics"],
        "messages": None,
        "tools": None,
        "events": stored.event_payloads() or None,
        "created_at": iso(body["created_at"]),
        "references": [],
        "citations": None,
        "reasoning_messages": [],
        "session_state": None,
        **_media(body),
        "response_audio": None,
        "input_media": {"images": [], "videos": [], "audios": [], "files": []},
    }


def _media(body: Mapping[str, Any]) -> Json:
    return {name: body.get(name, []) for name in ("images", "videos", "audio", "files")}


def _times(session: Session) -> Json:
    return {"created_at": iso(session.created_at), "updated_at": iso(session.updated_at)}


def _input_text(value: Any) -> str:
    """A run's input as a text (Agno's `stringify_input_content`)."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return json.dumps(value, indent=2)
    return str(value)
