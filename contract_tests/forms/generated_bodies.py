"""The body of a request that Schemathesis generated, as bytes."""

from __future__ import annotations

from typing import Any

import requests

from agentos_contract.document import FORM


def body_of(case: Any, session_prefix: str) -> tuple[bytes, str | None] | None:
    """Body and content type of a case; None for what cannot be sent. The case is changed.

    A session is given a name that begins with `session_prefix`: what was generated might be
    somebody's.
    """
    case.path_parameters = {"workflow_id": "any"}
    case.body = _with_own_session(case.body, session_prefix)
    content_type = str((case.headers or {}).get("Content-Type", "")) or case.media_type
    try:
        arguments = case.as_transport_kwargs(base_url="http://target.invalid")
        message = requests.Request("POST", "http://target.invalid/", data=arguments.get("data"))
        body: Any = message.prepare().body
    except (UnicodeError, ValueError):
        return None
    content = body.encode("utf-8") if isinstance(body, str) else body or b""
    if content_type and not content_type.isprintable():
        return None
    if content_type is None and not content:
        content_type = FORM
    return content, content_type


def _with_own_session(body: Any, prefix: str) -> Any:
    if not isinstance(body, dict) or body.get("session_id", "") == "":
        return body
    value = "null" if body["session_id"] is None else body["session_id"]
    own = [f"{prefix}{one}" for one in value] if isinstance(value, list) else f"{prefix}{value}"
    return {**body, "session_id": own}
