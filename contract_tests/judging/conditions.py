"""Under which conditions something was seen: of which workflows, in what kind of answer, and of
what in a run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from agentos_contract.conditions import RUN_CONDITIONS
from contract_tests.target.exchange import Exchange

ANSWER_KINDS = {
    "stream": "an event stream",
    "batch": "a batch run's answer",
    "refused": "a 4xx",
    "failed": "a run that failed: WorkflowError in its stream, or a 5xx",
    "cancelled": "a run that was cancelled: WorkflowCancelled in its stream",
}
"""What an answer may be. Several may hold at once."""

CONDITIONS = ANSWER_KINDS | RUN_CONDITIONS
"""What `when` of a known deviation may say, and what it means."""

_WORKFLOW = re.compile(r"/workflows/([^/?]+)")


@dataclass(frozen=True, slots=True)
class Conditions:
    """Where a requirement was exercised, or broken."""

    workflows: frozenset[str] = frozenset()
    answers: frozenset[str] = frozenset()
    """Keys of ANSWER_KINDS."""
    when: frozenset[str] = frozenset()
    """Keys of RUN_CONDITIONS."""
    events: frozenset[str] = frozenset()
    """The names of the events that came."""


def conditions_of(exchanges: Iterable[Exchange], when: frozenset[str] = frozenset()) -> Conditions:
    """These exchanges' conditions, all together. `when`: those of what was judged in them."""
    workflows: set[str] = set()
    answers: set[str] = set()
    events: set[str] = set()
    for exchange in exchanges:
        if found := _WORKFLOW.search(exchange.request.path):
            workflows.add(unquote(found[1]))
        names = {event.event for _, event in exchange.events}
        answers |= _answer_kinds(exchange, names)
        events |= names
    return Conditions(frozenset(workflows), frozenset(answers), when, frozenset(events))


def _answer_kinds(exchange: Exchange, names: set[str]) -> set[str]:
    found = set()
    status = exchange.status or 0
    if exchange.is_stream:
        found.add("stream")
    elif exchange.request.field("stream") == "false" and (status == 200 or status >= 500):
        found.add("batch")
    if 400 <= status < 500:
        found.add("refused")
    if status >= 500 or names & {"WorkflowError", "workflow_error"}:
        found.add("failed")
    if "WorkflowCancelled" in names:
        found.add("cancelled")
    return found
