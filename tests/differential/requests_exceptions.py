"""The differences between answers that are left as they are (requests_exceptions.yaml)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.differential.requests_drawn import HttpRequest
from tests.differential.requests_sent import Found

FILE = Path(__file__).parent / "requests_exceptions.yaml"


@cache
def listed() -> dict[str, dict[str, Any]]:
    """By name: the reason, and the whole signature as a regular expression."""
    return yaml.safe_load(FILE.read_text(encoding="utf-8")) or {}


def excuse(request: HttpRequest, found: Found) -> str | None:
    """The name of the exception that lists a difference; None: it is a fault."""
    for name, about in listed().items():
        if re.fullmatch(about["signature"], found.signature):
            return name
    return None
