"""How long each requirement took. Nothing is asked for one alone: a check's time is shared out
equally among the requirements that it could have shown broken, so that all add up to the checks'
time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from contract_tests.checks.registry import CHECKS
from contract_tests.running.run import Report


@dataclass(frozen=True, slots=True)
class Share:
    """What a requirement has of a check's time."""

    check: str
    started: datetime
    """When the check began."""
    seconds: float
    requests: int
    """How many of the check's requests could have broken the requirement."""


def shares_of(report: Report) -> dict[str, list[Share]]:
    """By requirement of the report, in the checks' order."""
    ids = {result.requirement.id for result in report.results}
    cases: Mapping[str, Counter[str]] = report.findings.cases
    none = Counter[str]()
    decides = {check.name: check.decides for check in CHECKS}
    shares: dict[str, list[Share]] = {one: [] for one in ids}
    for check, (started, seconds) in report.findings.times.items():
        of = [name for name in ids if cases.get(name, none)[check]]
        of = of or sorted(ids & decides.get(check, frozenset()))
        for name in of:
            requests = cases.get(name, none)[check]
            shares[name].append(Share(check, started, seconds / len(of), requests))
    return shares
