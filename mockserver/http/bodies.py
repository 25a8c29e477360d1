"""Bodies of requests, from the wire to values that can be judged.

By the document a body is a form (URL standard) or JSON (RFC 8259) of the media type that it says,
and anything else is refused. The deviations `form.*` and `values.pydantic` read it as a FastAPI
server does; Starlette's own parser does that for forms.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from email.message import Message as EmailMessage
from typing import Any

from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope
from werkzeug.http import parse_options_header

from agentos_contract.deviations import Deviations
from agentos_contract.document import FORM
from agentos_contract.json_values import read_json
from mockserver.agno.pydantic_types import ABSENT
from mockserver.http.errors import ApiError
from mockserver.http.forms import UnreadableForm, parse_form

MULTIPART = "multipart/form-data"

# Starlette's own, which the real server does not change.
MAX_FIELDS = 1000
MAX_FIELD_BYTES = 1024 * 1024

Fields = list[tuple[str, Any]]
"""A form's fields in order: texts, or Starlette's UploadFile for a multipart form's files."""


class ClientDisconnected(Exception):
    """The client went away before its request was whole: there is nobody to answer."""


def limited(receive: Receive, limit: int) -> Receive:
    """`receive`, raising ApiError(413) for a body beyond `limit` bytes, or ClientDisconnected."""
    received = 0

    async def receive_within_limit() -> Message:
        nonlocal received
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        received += len(message.get("body", b""))
        if received > limit:
            raise ApiError(413, f"the body is longer than {limit} bytes")
        return message

    return receive_within_limit


async def read_body(receive: Receive) -> bytes:
    """The whole body."""
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


async def read_form(scope: Scope, receive: Receive, deviations: Deviations) -> Fields:
    """The fields of a form.

    Raises ApiError: 415 for another media type, 422 or 400 for what is no form.
    """
    media_type = _media_type(scope)
    like_starlette = {FORM: "form.any-bytes", MULTIPART: "form.multipart"}
    if like_starlette.get(media_type) in deviations:
        return await _read_form_as_starlette(scope, receive, deviations)
    raw = b""
    if media_type == FORM or "form.any-media-type" not in deviations:
        raw = await read_body(receive)
    if media_type != FORM and (raw or media_type):
        if "form.any-media-type" in deviations:
            return []
        _refuse_media_type(media_type, [FORM])
    try:
        fields: Fields = list(parse_form(raw))
    except UnreadableForm as error:
        raise ApiError(422, f"the body is no readable form: {error}") from error
    if "form.limits" in deviations and any(
        len(name) + len(value) > MAX_FIELD_BYTES for name, value in fields
    ):
        raise ApiError(400, f"Field exceeded maximum size of {MAX_FIELD_BYTES // 1024}KB.")
    return fields


async def _read_form_as_starlette(scope: Scope, receive: Receive, deviations: Deviations) -> Fields:
    limits: Mapping[str, Any] = {}
    if "form.limits" not in deviations:
        limits = dict.fromkeys(("max_files", "max_fields", "max_part_size"), float("inf"))
    request = Request({"type": "http", "headers": scope["headers"]}, receive)
    try:
        form = await request.form(**limits)
    except MultiPartException as error:
        raise ApiError(400, error.message) from error
    except (ApiError, ClientDisconnected):
        raise
    except Exception as error:  # whatever the parser trips over, as FastAPI has it
        raise ApiError(400, "There was an error parsing the body") from error
    fields = form.multi_items()
    await form.close()
    return fields


async def read_json_body(
    scope: Scope,
    receive: Receive,
    deviations: Deviations,
    *,
    media_types: Sequence[str],
    is_required: bool,
) -> Any:
    """The value of a JSON body; ABSENT where there is none and none is needed.

    With `form.any-media-type` the bytes of a body that does not say that it is JSON. Raises
    ApiError: 415 for another media type, 422 or 400 for what is no JSON.
    """
    raw = await read_body(receive)
    media_type = _media_type(scope)
    if "form.any-media-type" in deviations:
        if raw and not _is_json(scope):
            return raw
    elif (raw or media_type) and media_type not in media_types:
        _refuse_media_type(media_type, media_types)
    as_pydantic = "values.pydantic" in deviations
    if not raw and (as_pydantic or not is_required):
        return ABSENT
    return _load_json(raw) if as_pydantic else _read_json(raw)


def _read_json(raw: bytes) -> Any:
    try:
        return read_json(raw)
    except ValueError as error:
        raise ApiError(422, f"the body is no JSON: {error}") from error


def _load_json(raw: bytes) -> Any:
    """JSON as the standard library reads it, and FastAPI's words for what it refuses."""
    try:
        return json.loads(raw)
    except json.JSONDecodeError as error:
        entry = {
            "type": "json_invalid",
            "loc": ("body", error.pos),
            "msg": "JSON decode error",
            "input": {},
            "ctx": {"error": error.msg},
        }
        raise ApiError(422, f"the body is no JSON: {error}", entries=[entry]) from error
    except Exception as error:
        raise ApiError(400, "There was an error parsing the body") from error


def _content_type(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"content-type":
            return bytes(value).decode("latin-1")
    return ""


def _media_type(scope: Scope) -> str:
    return parse_options_header(_content_type(scope))[0].lower()


def _is_json(scope: Scope) -> bool:
    header = _content_type(scope)
    if not header:
        return False
    # The standard library's parser is the one that FastAPI asks.
    message = EmailMessage()
    message["content-type"] = header
    kind = message.get_content_subtype()
    is_json = kind == "json" or kind.endswith("+json")
    return is_json and message.get_content_maintype() == "application"


def _refuse_media_type(media_type: str, media_types: Sequence[str]) -> None:
    expected = " or ".join(media_types)
    detail = f"content type {media_type or '(none)'} is not read here; expected {expected}"
    raise ApiError(415, detail, headers={"accept-post": expected})
