"""What a difference is, and what it is to a client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any


class Impact(Enum):
    """What a client that was built for the kit's document notices.

    The three are oasdiff's levels (ERR, WARN, INFO), and so is what belongs to which.
    """

    BREAKING = "breaking"
    """It sends what is refused now, or meets what it need not expect."""
    NOTICE = "to be aware of"
    """It goes on, and may show or do something else: a new value, a field that no longer comes."""
    ADDITION = "addition"
    """It goes on, and may do more."""


class Source(Enum):
    """Where a difference was seen."""

    PUBLISHED = "published"
    """In the server's OpenAPI document."""
    SENT = "sent"
    """In what it answered."""


BREAKING, NOTICE, ADDITION = Impact

KINDS = {
    # Operations.
    "operation-removed": (BREAKING, "who calls it gets an error"),
    "operation-unpublished": (NOTICE, "a later release may not have it"),
    "operation-added": (ADDITION, "it may be called"),
    "deprecated": (NOTICE, "a later release may not have it"),
    "token-demanded": (BREAKING, "who sends no token is refused now"),
    # What a client sends.
    "request-parameter-removed": (NOTICE, "it is no longer read"),
    "request-parameter-added": (ADDITION, "it may be sent"),
    "request-parameter-required": (BREAKING, "who leaves it out is refused now"),
    "request-parameter-optional": (ADDITION, "it may be left out"),
    "request-body-added": (BREAKING, "who sends none is refused now"),
    "request-body-required": (BREAKING, "who leaves it out is refused now"),
    "request-body-optional": (ADDITION, "it may be left out"),
    "request-media-type-removed": (BREAKING, "who sends it is refused now"),
    "request-media-type-added": (ADDITION, "it may be sent, too"),
    "request-type-narrowed": (BREAKING, "values that were taken are refused now"),
    "request-type-widened": (ADDITION, "it takes more values"),
    "request-values-changed": (BREAKING, "values that were taken are refused now"),
    "request-bound-changed": (BREAKING, "values that were taken are refused now"),
    "request-default-changed": (BREAKING, "who leaves it out may get something else"),
    "request-field-removed": (NOTICE, "it is no longer read"),
    "request-field-added": (ADDITION, "it may be sent"),
    "request-field-required": (BREAKING, "who leaves it out is refused now"),
    "request-field-optional": (ADDITION, "it may be left out"),
    "request-other-fields": (NOTICE, "others are refused now"),
    # What a client reads: answers.
    "status-removed": (BREAKING, "who waits for that status does not get it"),
    "status-added": (NOTICE, "it may come, and a client need not know it"),
    "status-changed": (BREAKING, "who looks for that status does not get it"),
    "response-media-type-removed": (BREAKING, "who reads it gets something else"),
    "response-media-type-added": (NOTICE, "it may come, where it is asked for"),
    "response-no-json": (BREAKING, "it cannot be read"),
    "response-type-changed": (BREAKING, "other types may come than were read"),
    "response-values-changed": (NOTICE, "values may come that a client need not know"),
    "response-bound-changed": (NOTICE, "values may come that could not before"),
    "response-field-removed": (BREAKING, "it no longer comes"),
    "response-field-optional": (BREAKING, "it may be missing where it always came"),
    "response-field-added": (ADDITION, "it may come, and may be read"),
    "response-other-fields": (NOTICE, "others may come"),
    "response-field-unsent": (NOTICE, "who shows it has nothing to show"),
    "response-field-sent": (ADDITION, "it comes, and may be read"),
    # What a client reads: streams.
    "event-removed": (BREAKING, "who waits for it does not get it"),
    "event-added": (NOTICE, "it comes among the others, and a client need not know it"),
    "event-name-differs": (
        BREAKING,
        "who goes by the one finds another than who goes by the other",
    ),
    "frame-unnamed": (BREAKING, "who listens for events by their names gets none"),
    "frame-lines": (NOTICE, "a hand-written parser has to join several `data:` lines"),
    "frame-id": (ADDITION, "a client may keep it to resume by"),
    "frame-retry": (ADDITION, "an EventSource waits so long before it connects again"),
    "stream-comments": (NOTICE, "a hand-written parser has to skip them"),
    "stream-fields": (NOTICE, "a hand-written parser has to skip them"),
}
"""Each kind of difference, and what it is to a client where nothing else is said of one."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the kit and a server."""

    kind: str
    """One of KINDS."""
    impact: Impact
    operation: str
    """`POST /workflows/{workflow_id}/runs`, or "" for the whole API."""
    part: str
    """Of the operation: `request`, `200`, `event StepStarted`, …; "" for all of it."""
    field: str
    """`step_results[].is_paused`, or "" for the whole part."""
    kit: str
    """What the kit's document has."""
    server: str
    notice: str
    """What a client notices."""
    sources: tuple[Source, ...] = ()
    reproduce: str = ""
    """Shell commands that show it, without the token; "" for what is published."""
    is_old: bool = False
    """Whether the report that this one starts from has it too."""

    @property
    def is_breaking(self) -> bool:
        return self.impact is Impact.BREAKING and not self.is_old

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What makes two changes the same."""
        return self.kind, self.operation, self.part, self.field

    def at(self, source: Source, operation: str, part: str) -> Change:
        """The same, with the place where it was seen."""
        return replace(self, sources=(source,), operation=operation, part=part)

    def to_json(self) -> dict[str, Any]:
        """For reports, as `from_json` reads it."""
        return {
            "kind": self.kind,
            "impact": self.impact.value,
            **{name: getattr(self, name) for name in _TEXTS[1:]},
            "sources": [source.value for source in self.sources],
            "reproduce": self.reproduce,
            "old": self.is_old,
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Change:
        """Raises KeyError, ValueError or TypeError for what is none."""
        texts: dict[str, Any] = {name: str(entry[name]) for name in _TEXTS}
        sources = tuple(Source(source) for source in entry["sources"])
        reproduce = str(entry.get("reproduce", ""))
        return cls(impact=Impact(entry["impact"]), sources=sources, reproduce=reproduce, **texts)


_TEXTS = ("kind", "operation", "part", "field", "kit", "server", "notice")


def change(
    kind: str,
    field: str,
    kit: object,
    server: object,
    impact: Impact | None = None,
    notice: str = "",
    reproduce: str = "",
) -> Change:
    """A change without a place; `impact` and `notice` where they are not those of its kind."""
    usual = KINDS[kind]
    impact, notice = impact or usual[0], notice or usual[1]
    return Change(kind, impact, "", "", field, str(kit), str(server), notice, reproduce=reproduce)


def merged(changes: Iterable[Change]) -> list[Change]:
    """Each change once, though it was both published and sent; the gravest first."""
    found: dict[tuple[str, str, str, str], Change] = {}
    for one in changes:
        first = found.setdefault(one.place, one)
        if first is not one:
            sources = tuple(source for source in Source if source in first.sources + one.sources)
            reproduce = first.reproduce or one.reproduce
            found[one.place] = replace(first, sources=sources, reproduce=reproduce)
    order = list(Impact)
    return sorted(found.values(), key=lambda one: order.index(one.impact))
