"""How Agno reads bodies: as FastAPI does, by Starlette's parser and Python's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from typing import Any

from starlette.formparsers import MultiPartException

from agentos_contract.document import FORM
from mockserver.faults.registry import departure
from mockserver.http.bodies import MULTIPART, Fields, SentBody, read_multipart
from mockserver.http.errors import ApiError
from mockserver.http.hooks import HttpHooks

MAX_FIELD_BYTES = 1024 * 1024
"""Starlette's own, which the real server does not change."""


class _StarletteForms(HttpHooks):
    """Reads forms by Starlette's parser."""

    limits: Mapping[str, Any] = dict.fromkeys(
        ("max_files", "max_fields", "max_part_size"), float("inf")
    )

    async def parse(self, body: SentBody) -> Fields:
        try:
            return await read_multipart(body.content, body.content_type, **self.limits)
        except MultiPartException as error:
            raise ApiError(400, error.message) from error
        except Exception as error:  # whatever the parser trips over, as FastAPI has it
            raise ApiError(400, "There was an error parsing the body") from error


# What is registered last is asked first.


@departure("form.any-media-type")
class AnyMediaType(HttpHooks):
    def reads_media_type(self, body: SentBody) -> bool:
        return True

    async def read_form(self, body: SentBody) -> Fields:
        """Another media type, or none, is an empty form."""
        return await super().read_form(body) if body.media_type == FORM else []

    def read_json(self, body: SentBody) -> Any:
        """A body that does not say that it is JSON is its bytes."""
        if body.content and not _says_json(body.content_type):
            return body.content
        return super().read_json(body)


def _says_json(content_type: str) -> bool:
    if not content_type:
        return False
    # The standard library's parser is the one that FastAPI asks.
    message = Message()
    message["content-type"] = content_type
    kind = message.get_content_subtype()
    is_json = kind == "json" or kind.endswith("+json")
    return is_json and message.get_content_maintype() == "application"


@departure("form.any-bytes")
class AnyBytes(_StarletteForms):
    async def read_form(self, body: SentBody) -> Fields:
        return await (self.parse(body) if body.media_type == FORM else super().read_form(body))


@departure("form.multipart")
class Multipart(_StarletteForms):
    def reads_media_type(self, body: SentBody) -> bool:
        is_form = body.schema.coercion is not None
        return (is_form and body.media_type == MULTIPART) or super().reads_media_type(body)

    async def read_form(self, body: SentBody) -> Fields:
        return await (self.parse(body) if body.media_type == MULTIPART else super().read_form(body))


@departure("form.limits")
class FormLimits(_StarletteForms):
    limits: Mapping[str, Any] = {}

    async def read_form(self, body: SentBody) -> Fields:
        fields = await super().read_form(body)
        if body.media_type == FORM and any(
            len(name) + len(value) > MAX_FIELD_BYTES for name, value in fields
        ):
            raise ApiError(400, f"Field exceeded maximum size of {MAX_FIELD_BYTES // 1024}KB.")
        return fields


@departure("form.empty-field-absent")
class EmptyFieldAbsent(HttpHooks):
    async def read_form(self, body: SentBody) -> Fields:
        """The last of a repeated field decides, and that may be the empty one.

        What the document does not name may be empty.
        """
        fields = await super().read_form(body)
        last = dict(fields)
        empty = {name for name in body.schema.names if last.get(name) == ""}
        return [(name, value) for name, value in fields if name not in empty]
