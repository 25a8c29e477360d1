"""The differences between answers that are left as they are (requests_exceptions.yaml)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from tests.differential.requests_drawn import HttpRequest
from tests.differential.requests_sent import Found

FILE = Path(__file__).parent / "requests_exceptions.yaml"


@dataclass(frozen=True)
class Excepted:
    """One exception."""

    name: str
    reason: str
    signature: str = ".*"
    """A regular expression for the whole signature of a difference."""
    request: str = ""
    """A regular expression that stands somewhere in the request, as text."""

    def excuses(self, request: HttpRequest, found: Found) -> bool:
        return (
            re.fullmatch(self.signature, found.signature) is not None
            and re.search(self.request, str(request)) is not None
        )


@cache
def exceptions() -> tuple[Excepted, ...]:
    content = yaml.safe_load(FILE.read_text(encoding="utf-8")) or {}
    return tuple(Excepted(name, **about) for name, about in content.items())


def excuse(request: HttpRequest, found: Found) -> str | None:
    """The name of the exception that lists a difference; None: it is a fault."""
    return next((one.name for one in exceptions() if one.excuses(request, found)), None)


def unexcused(request: HttpRequest, differences: Sequence[Found]) -> list[Found]:
    """Those that no exception lists."""
    return [found for found in differences if excuse(request, found) is None]
