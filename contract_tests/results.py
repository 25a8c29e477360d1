"""From findings to one result for each requirement."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from agentos_contract.requirements import Requirement
from contract_tests.findings import Breach, Findings
from contract_tests.known import Known
from contract_tests.streams import MISSING


class Status(Enum):
    """How a requirement fared."""

    PASSED = "passed"
    FAILED = "failed"
    KNOWN = "known"
    """Broken, and listed as known."""
    SKIPPED = "skipped"
    """No case could have broken it."""
    ERROR = "error"
    """The check itself failed."""


@dataclass(frozen=True, slots=True)
class Result:
    """One requirement's result."""

    requirement: Requirement
    status: Status
    message: str
    reproduce: str
    """Shell commands that show it again, with `$AGENTOS_TOKEN` for the token; may be empty."""
    sights: int = 0
    """How often a breach was seen."""
    shown: Breach | None = None
    """The breach that message and reproduce are of."""


def settle(
    requirements: Sequence[Requirement],
    findings: Findings,
    *,
    known: Mapping[str, Known],
    required: Collection[str],
) -> list[Result]:
    """A result for each requirement, in the catalogue's order. `known` by id."""
    return [
        _settle(requirement, findings, known.get(requirement.id), requirement.id in required)
        for requirement in requirements
    ]


def _settle(
    requirement: Requirement, findings: Findings, known: Known | None, is_required: bool
) -> Result:
    name = requirement.id
    breaches = findings.breaches.get(name, [])
    if breaches:
        # The one that is shown again most easily.
        shown = min(breaches, key=lambda breach: len(breach.reproduce))
        if known is not None:
            message = f"{shown.message} (known: {known.reason})"
            return _result(requirement, Status.KNOWN, message, breaches)
        return _result(requirement, Status.FAILED, shown.message, breaches)
    if name in findings.crashes:
        return _result(requirement, Status.ERROR, findings.crashes[name])
    if name in findings.exercised:
        if known is not None and not known.sometimes and name in findings.probed:
            message = f"no longer broken: remove it from the known ones ({known.reason})"
            return _result(requirement, Status.FAILED, message)
        return _result(requirement, Status.PASSED, "")
    reason = MISSING.get(name) or findings.reasons.get(name) or "no request could have broken it"
    if is_required:
        return _result(requirement, Status.FAILED, f"required, but skipped: {reason}")
    return _result(requirement, Status.SKIPPED, reason)


def _result(
    requirement: Requirement, status: Status, message: str, breaches: Sequence[Breach] = ()
) -> Result:
    shown = min(breaches, key=lambda breach: len(breach.reproduce)) if breaches else None
    reproduce = shown.reproduce if shown else ""
    return Result(requirement, status, message, reproduce, len(breaches), shown)
