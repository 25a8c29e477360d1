"""A document as it is handed out: as OpenAPI 3.1, or as 3.2, which can say what a stream's items
are."""

from __future__ import annotations

from typing import Any

from agentos_contract.document import EVENT_STREAM, METHODS, Document

VERSIONS = ("3.1", "3.2")


def document_view(document: Document, version: str = "3.1") -> dict[str, Any]:
    """The document with its overlay, as that version of OpenAPI. Raises ValueError for others.

    3.1 has no word for the items of a stream: `schema` of text/event-stream is of one event, as
    an SSE parser gives it. In 3.2 it is `itemSchema` (OpenAPI 3.2 section 4.14.2).
    """
    if version not in VERSIONS:
        raise ValueError(f"{version!r} is no version of OpenAPI here; expected 3.1 or 3.2")
    if version == "3.1":
        return document.content
    paths = {
        path: {name: _with_items(part) if name in METHODS else part for name, part in item.items()}
        for path, item in document.content["paths"].items()
    }
    return {**document.content, "openapi": "3.2.0", "paths": paths}


def _with_items(definition: dict[str, Any]) -> dict[str, Any]:
    """An operation whose streams say what their items are."""
    responses = {
        status: {**response, "content": _contents(response["content"])}
        if EVENT_STREAM in response.get("content", {})
        else response
        for status, response in definition.get("responses", {}).items()
    }
    return {**definition, "responses": responses} if responses else definition


def _contents(content: dict[str, Any]) -> dict[str, Any]:
    media = {
        "itemSchema" if name == "schema" else name: part
        for name, part in content[EVENT_STREAM].items()
    }
    return {**content, EVENT_STREAM: media}
