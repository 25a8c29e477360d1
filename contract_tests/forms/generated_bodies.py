"""The body of a request that Schemathesis generated, as bytes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import requests
import schemathesis

from agentos_contract.document import FORM, Document


@lru_cache(maxsize=4)
def form_operation(document: Document) -> Any:
    """The run operation as Schemathesis has it, of which nothing but the form is left to be drawn:
    a path or a header that is drawn too takes as long, and is not sent."""
    run = document.run_operation
    definition = {
        "requestBody": run.definition["requestBody"],
        "responses": {"default": {"description": "any"}},
    }
    content = {**document.content, "paths": {"/runs": {run.method: definition}}}
    content.pop("security", None)
    return schemathesis.openapi.from_dict(content)["/runs"][run.method]


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
