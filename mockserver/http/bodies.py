"""Bodies of requests, from the wire to values that can be judged.

By the document a body is a form (URL standard) or JSON (RFC 8259) of the media type that it says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request as StarletteRequest
from starlette.types import Message, Receive, Scope
from werkzeug.http import parse_options_header

from agentos_contract.json_values import read_json
from mockserver.http.errors import ApiError
from mockserver.http.forms import UnreadableForm, parse_form
from mockserver.http.validation import ABSENT, BodySchema

MULTIPART = "multipart/form-data"

Fields = list[tuple[str, Any]]
"""A form's fields in order: texts, or Starlette's UploadFile for a multipart form's files."""


class ClientDisconnected(Exception):
    """The client went away before its request was whole: there is nobody to answer."""


@dataclass(frozen=True, slots=True)
class SentBody:
    """A body as it was sent, and what its operation wants."""

    content: bytes
    content_type: str
    """The header; empty where there is none."""
    schema: BodySchema

    @property
    def media_type(self) -> str:
        return parse_options_header(self.content_type)[0].lower()

    def is_of_document(self) -> bool:
        """Whether it has a media type that the document names, or there is no body at all."""
        media_type = self.media_type
        return media_type in self.schema.media_types or not (self.content or media_type)

    def form(self) -> Fields:
        """The fields of a form. Raises ApiError(422)."""
        try:
            return list(parse_form(self.content))
        except UnreadableForm as error:
            raise ApiError(422, f"the body is no readable form: {error}") from error

    def json(self) -> Any:
        """The value of JSON; ABSENT where there is none and none is needed.

        Raises ApiError(422).
        """
        if not self.content and not self.schema.is_required:
            return ABSENT
        try:
            return read_json(self.content)
        except ValueError as error:
            raise ApiError(422, f"the body is no JSON: {error}") from error


async def read_multipart(content: bytes, content_type: str, **limits: Any) -> Fields:
    """The fields of a multipart form (RFC 7578). `limits`: those of Starlette's parser, which
    raises MultiPartException, and other exceptions where it trips over what was sent."""

    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    headers = [(b"content-type", content_type.encode("latin-1"))]
    form = await StarletteRequest({"type": "http", "headers": headers}, receive).form(**limits)
    fields = form.multi_items()
    await form.close()
    return fields


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body. Raises ApiError(413) where it is longer than `limit`, ClientDisconnected."""
    chunks: list[bytes] = []
    received = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        chunk = message.get("body", b"")
        received += len(chunk)
        if received > limit:
            raise ApiError(413, f"the body is longer than {limit} bytes")
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


def content_type_of(scope: Scope) -> str:
    """The request's Content-Type header; empty where there is none."""
    for name, value in scope["headers"]:
        if name == b"content-type":
            return bytes(value).decode("latin-1")
    return ""
