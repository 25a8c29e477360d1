"""Under which conditions something was seen: of which workflows, and in what kind of answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from contract_tests.target.exchange import Exchange

ANSWER_KINDS = {
    "stream": "an event stream",
    "batch": "a batch run's answer",
    "refused": "a 4xx",
    "failed": "a run that failed: WorkflowError in its stream, or a 5xx",
    "cancelled": "a run that was cancelled: WorkflowCancelled in its stream",
}
"""What `when` of a known deviation may say, and what it means. Several may hold at once."""

_WORKFLOW = re.compile(r"/workflows/([^/?]+)")


@dataclass(frozen=True, slots=True)
class Conditions:
    """Where a requirement was exercised, or broken."""

    workflows: frozenset[str] = frozenset()
    answers: frozenset[str] = frozenset()
    """Keys of ANSWER_KINDS."""


def conditions_of(exchanges: Iterable[Exchange]) -> Conditions:
    """The conditions of these exchanges, all together."""
    workflows: set[str] = set()
    answers: set[str] = set()
    for exchange in exchanges:
        if found := _WORKFLOW.search(exchange.request.path):
            workflows.add(unquote(found[1]))
        answers |= _answer_kinds(exchange)
    return Conditions(frozenset(workflows), frozenset(answers))


def _answer_kinds(exchange: Exchange) -> set[str]:
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
