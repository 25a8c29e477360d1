"""Images, videos, audio and files of an answer, in Agno's forms (`agno/media.py`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agentos_contract.events import MEDIA_KINDS
from mockserver.script.templates import Renderer

Json = dict[str, Any]
Media = Mapping[str, list[Json]]
"""By kind (MEDIA_KINDS); a kind of which there are none is left out."""

CITED: dict[str, tuple[str, ...]] = {
    "raw": (),
    "search_queries": (),
    "urls": ("url", "title"),
    "documents": ("document_title", "cited_text", "file_name"),
}
"""The members of Agno's Citations, in its order, and those of what they list."""

_FLOATS = ("duration", "fps")
_OF_AUDIO: Json = {"sample_rate": 24000, "channels": 1}

FIELDS: dict[str, tuple[str, ...]] = {
    "images": (
        *("url", "filepath", "content", "id", "format", "mime_type", "detail"),
        *("original_prompt", "revised_prompt", "alt_text"),
    ),
    "videos": (
        *("url", "filepath", "content", "id", "format", "mime_type", "duration", "width"),
        *("height", "fps", "eta", "original_prompt", "revised_prompt"),
    ),
    "audio": (
        *("url", "filepath", "content", "id", "format", "mime_type", "duration", "sample_rate"),
        *("channels", "transcript", "expires_at"),
    ),
    "files": (
        *("id", "url", "filepath", "content", "mime_type", "file_type", "filename", "size"),
        *("external", "format", "name"),
    ),
}
"""The members of each kind, as Agno's classes have them."""


def render_media(
    media: Mapping[str, Renderer], render: Callable[[Renderer], Any], ids: Callable[[], str]
) -> Media:
    """What an answer has of each kind."""
    found = {}
    for kind, renderer in media.items():
        items = [_made(kind, item, ids) for item in render(renderer)]
        if items:
            found[kind] = items
    return found


def _made(kind: str, given: Json, ids: Callable[[], str]) -> Json:
    """One of them: its id first, then its members in Agno's order; what is null is left out."""
    item = {**(_OF_AUDIO if kind == "audio" else {}), **given}
    item |= {name: float(item[name]) for name in _FLOATS if item.get(name) is not None}
    item.setdefault("id", ids())
    order = ("id", *(name for name in FIELDS[kind] if name != "id"))
    return {name: item[name] for name in order if item.get(name) is not None}


def cited(given: Json) -> Json:
    """An answer's citations, in Agno's order; what is null is left out."""
    found: Json = {}
    for name, members in CITED.items():
        if given.get(name) is not None:
            found[name] = given[name]
        if members and name in found:
            found[name] = [
                {key: item[key] for key in members if item.get(key) is not None}
                for item in found[name]
            ]
    return found


def joined(first: Media, second: Media) -> Media:
    """Both together, the first's before the second's."""
    kinds = [kind for kind in MEDIA_KINDS if kind in first or kind in second]
    return {kind: [*first.get(kind, ()), *second.get(kind, ())] for kind in kinds}


def media_of(result: Json) -> Media:
    """A result's."""
    return {kind: result[kind] for kind in MEDIA_KINDS if result[kind]}


def told_media(media: Media, ids: Callable[[], str]) -> Media:
    """As an agent is told of them: where they are, under new ids; files as they are."""
    return {
        kind: items
        if kind == "files"
        else [_made(kind, {"url": item["url"]}, ids) for item in items]
        for kind, items in media.items()
    }
