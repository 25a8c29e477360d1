"""What an agent has reasoned: its model, and by its tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Json = dict[str, Any]


class Reasoned(NamedTuple):
    """A part of an agent's reasoning."""

    by: Literal["model", "tool", "earlier try"]
    text: str


def without_nulls(value: Mapping[str, Any]) -> Json:
    """Those of the members that are not null."""
    return {name: each for name, each in value.items() if each is not None}
