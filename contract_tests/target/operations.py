"""Requests for the document's operations: the run operation, and companions that have no body."""

from __future__ import annotations

from urllib.parse import quote

from agentos_contract.document import Document
from contract_tests.target.exchange import Request


def run_path(document: Document, workflow_id: str) -> str:
    """The run operation's path for a workflow, percent-encoded."""
    return document.run_operation.path.replace("{workflow_id}", quote(workflow_id, safe=""))


def companion_request(
    document: Document, operation_id: str, query: str = "", **parameters: str
) -> Request:
    """A request for a companion operation that the document has; `parameters` of its path."""
    operation = document.operations[operation_id]
    path = operation.path
    for name, value in parameters.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return Request(operation.method.upper(), path + query)


def read_run(document: Document, workflow_id: str, session_id: str, run_id: str) -> Request:
    """Reads a run back."""
    query = f"?session_id={quote(session_id, safe='')}"
    return companion_request(
        document, "get_workflow_run", query, workflow_id=workflow_id, run_id=run_id
    )


def read_session(document: Document, session_id: str, user_id: str | None = None) -> Request:
    """Lists a session's runs; those of that user, where one is named."""
    query = _of_user(user_id)
    return companion_request(document, "get_session_runs", query, session_id=session_id)


def read_state(document: Document, session_id: str, user_id: str | None = None) -> Request:
    """Reads a session, with its state."""
    query = _of_user(user_id)
    return companion_request(document, "get_session_by_id", query, session_id=session_id)


def list_sessions(document: Document, user_id: str | None = None) -> Request:
    """Lists sessions, the newest first; those of that user, where one is named."""
    return companion_request(document, "get_sessions", _of_user(user_id))


def delete_session(document: Document, session_id: str) -> Request:
    """Deletes a session, if there is such."""
    return companion_request(document, "delete_session", _of_user(None), session_id=session_id)


def _of_user(user_id: str | None) -> str:
    of_user = f"&user_id={quote(user_id, safe='')}" if user_id is not None else ""
    return f"?type=workflow{of_user}"


RUN_IS_OVER = (404, 409, 410)
"""How a server may answer a cancelling of a run that is over."""


def cancel_run(document: Document, workflow_id: str, run_id: str) -> Request:
    """Cancels a run."""
    return companion_request(
        document, "cancel_workflow_run", workflow_id=workflow_id, run_id=run_id
    )
