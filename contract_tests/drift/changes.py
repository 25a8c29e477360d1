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


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference of two schemas, or of a value and a schema; `field` is a path within."""

    kind: str
    impact: Impact
    field: str
    kit: str
    """What the kit's schema has."""
    server: str
    notice: str
    """What a client notices."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the kit and a server."""

    kind: str
    """Such as `response-field-added`."""
    impact: Impact
    operation: str
    """`POST /workflows/{workflow_id}/runs`, or "" for the whole API."""
    part: str
    """Of the operation: `request`, `200`, `event StepStarted`, …; "" for all of it."""
    field: str
    """`step_results[].is_paused`, or "" for the whole part."""
    kit: str
    server: str
    notice: str
    sources: tuple[Source, ...]
    reproduce: str = ""
    """Shell commands that show it, without the token; "" for what is published."""
    is_old: bool = False
    """Whether the report that this one starts from has it too."""

    @property
    def is_breaking(self) -> bool:
        return self.impact is Impact.BREAKING and not self.is_old

    def to_json(self) -> dict[str, Any]:
        """For reports, as `from_json` reads it."""
        return {
            "kind": self.kind,
            "impact": self.impact.value,
            "operation": self.operation,
            "part": self.part,
            "field": self.field,
            "kit": self.kit,
            "server": self.server,
            "notice": self.notice,
            "sources": [source.value for source in self.sources],
            "reproduce": self.reproduce,
            "old": self.is_old,
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Change:
        """Raises KeyError, ValueError or TypeError for what is none."""
        return cls(
            kind=str(entry["kind"]),
            impact=Impact(entry["impact"]),
            operation=str(entry["operation"]),
            part=str(entry["part"]),
            field=str(entry["field"]),
            kit=str(entry["kit"]),
            server=str(entry["server"]),
            notice=str(entry["notice"]),
            sources=tuple(Source(source) for source in entry["sources"]),
            reproduce=str(entry.get("reproduce", "")),
        )


def at(difference: Difference, source: Source, operation: str, part: str, **more: Any) -> Change:
    """A difference, with the place where it was seen."""
    return Change(
        difference.kind,
        difference.impact,
        operation,
        part,
        difference.field,
        difference.kit,
        difference.server,
        difference.notice,
        (source,),
        **more,
    )


def merged(changes: Iterable[Change]) -> list[Change]:
    """Each change once, though it was both published and sent; the gravest first."""
    found: dict[tuple[str, str, str, str], Change] = {}
    for change in changes:
        key = (change.kind, change.operation, change.part, change.field)
        first = found.setdefault(key, change)
        if first is not change:
            sources = tuple(source for source in Source if source in first.sources + change.sources)
            found[key] = replace(
                first, sources=sources, reproduce=first.reproduce or change.reproduce
            )
    order = list(Impact)
    return sorted(found.values(), key=lambda change: order.index(change.impact))
