"""On which occasion something was seen: of which workflows, and in what kind of answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from contract_tests.target.client import Exchange

CONDITIONS = {
    "stream": "an event stream",
    "batch": "a batch run's answer",
    "refused": "a 4xx",
    "failed": "a run that failed: WorkflowError in its stream, or a 5xx",
    "cancelled": "a run that was cancelled: WorkflowCancelled in its stream",
}
"""What `when` of a known deviation may say, and what it means. Several may hold at once."""

_WORKFLOW = re.compile(r"/workflows/([^/?]+)")


@dataclass(frozen=True, slots=True)
class Occasion:
    """Where a requirement was exercised, or broken."""

    workflows: frozenset[str] = frozenset()
    conditions: frozenset[str] = frozenset()
    """Keys of CONDITIONS."""


def occasion_of(exchanges: Iterable[Exchange]) -> Occasion:
    """The occasion that these exchanges were, all together."""
    workflows: set[str] = set()
    conditions: set[str] = set()
    for exchange in exchanges:
        if found := _WORKFLOW.search(exchange.request.path):
            workflows.add(unquote(found[1]))
        conditions |= _conditions(exchange)
    return Occasion(frozenset(workflows), frozenset(conditions))


def _conditions(exchange: Exchange) -> set[str]:
    found = set()
    status = exchange.status or 0
    if exchange.is_stream:
        found.add("stream")
    elif exchange.request.field("stream") == "false" and (status == 200 or status >= 500):
        found.add("batch")
    if 400 <= status < 500:
        found.add("refused")
    names = {event.event for _, event in exchange.events}
    if status >= 500 or names & {"WorkflowError", "workflow_error"}:
        found.add("failed")
    if "WorkflowCancelled" in names:
        found.add("cancelled")
    return found
