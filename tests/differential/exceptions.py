"""The differences that are left as they are, each with its reason (exceptions.yaml)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from tests.differential.compare import Difference

FILE = Path(__file__).parent / "exceptions.yaml"


@dataclass(frozen=True)
class Listed:
    """One exception."""

    name: str
    reason: str
    signature: str
    """A regular expression for the whole signature of a difference."""

    def excuses(self, difference: Difference) -> bool:
        return re.fullmatch(self.signature, difference.signature) is not None


@cache
def listed_exceptions() -> tuple[Listed, ...]:
    content = yaml.safe_load(FILE.read_text(encoding="utf-8")) or {}
    return tuple(Listed(name, **about) for name, about in content.items())


def unexcused(causes: Sequence[Difference]) -> list[Difference]:
    """Those that no exception names."""
    return [cause for cause in causes if not any(one.excuses(cause) for one in listed_exceptions())]
