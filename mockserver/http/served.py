"""What a mock serves, as the handlers of operations are given it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mockserver.http.validation import ValidRequest
from mockserver.runner.runner import Runner
from mockserver.script.model import Workflow


@dataclass(frozen=True)
class Served:
    """The workflows, and what carries them out."""

    workflows: Mapping[str, Workflow]
    runner: Runner
    started_at: float
    """Seconds since the epoch."""


Answer = tuple[int, Any]
"""A status and a JSON value (None: no body)."""

Handler = Callable[[Served, ValidRequest], Awaitable[Answer]]
"""What an operation does. Raises ApiError."""
