"""Mappings put into mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Put `more` into a mapping, mappings within mappings too; what it has keeps its place (Agno's
    `merge_dictionaries`). Values are not copied."""
    for key, value in more.items():
        if isinstance(into.get(key), dict) and isinstance(value, Mapping):
            merge(into[key], value)
        else:
            into[key] = value
