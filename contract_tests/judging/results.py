"""From findings to one result for each requirement."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from agentos_contract.requirements import Requirement
from contract_tests.judging.findings import Findings
from contract_tests.judging.judgement import Breach
from contract_tests.judging.known import Known, KnownDeviations

REQUIRED = "required, but skipped: "
"""How the message of a requirement begins that --require names, and that was not exercised."""


PARTLY = "in part: "
"""How the message of a requirement begins that was kept as far as it was tested, and was not tested
to the end."""

NOT_EXERCISED = {
    "parallel.step-count": "no Parallel ran to its end",
    "condition.branch": "no Condition ran to its end",
    "loop.iterations": "no Loop ran to its end",
    "loop.should-continue": "no Loop ran to its end",
    "router.selected-steps": "no Router ran to its end",
    "results.run-content": "no agent or team streamed content",
    "order.content-completed": "no agent or team completed its content",
    "order.within": "no stream had content or output",
    "order.sequential": "no workflow ran two steps, one after the other",
    "identity.step-id-unique": "no workflow ran two steps in one container",
    "identity.step-index": "no workflow ran two steps in one container",
    "event.schema": "the document has no schemas for events (it was loaded without an overlay)",
    "batch.input": "no batch body has the run's input",
    "batch.content-in-results": "no batch body had step results",
    "batch.paused": "no batch run paused",
}
"""Why a requirement was not exercised, by what would have exercised it."""


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
    occurrences: int = 0
    """How often a breach was seen."""
    shown: Breach | None = None
    """The breach that message and reproduce are of."""
    cases: int = 0
    """How many requests could have broken it."""
    breaches: tuple[Breach, ...] = ()
    """All that were seen; of a failure those that are not known."""


def settle(
    requirements: Sequence[Requirement],
    findings: Findings,
    *,
    known: KnownDeviations,
    required: Collection[str],
) -> list[Result]:
    """A result for each requirement, in the catalogue's order."""
    return [
        replace(
            _settle(
                requirement,
                findings,
                known.get(requirement.id, ()),
                requirement.id in required,
            ),
            cases=sum(findings.cases.get(requirement.id, {}).values()),
        )
        for requirement in requirements
    ]


def new_breaches(findings: Findings, name: str, known: Sequence[Known]) -> list[Breach]:
    """The breaches of a requirement that no known deviation covers."""
    return [
        breach
        for breach in findings.breaches.get(name, [])
        if not any(entry.covers(breach) for entry in known)
    ]


def stale_entries(findings: Findings, name: str, known: Sequence[Known]) -> list[Known]:
    """The known deviations of a requirement that a deterministic probe could have shown, and that
    nothing showed."""
    shown = findings.breaches.get(name, [])
    probed = findings.probed_at.get(name, set())
    return [
        entry
        for entry in known
        if not entry.sometimes
        and any(entry.could_show(conditions) for conditions in probed)
        and not any(entry.covers(breach) for breach in shown)
    ]


def _settle(
    requirement: Requirement, findings: Findings, known: Sequence[Known], is_required: bool
) -> Result:
    name = requirement.id
    breaches = findings.breaches.get(name, [])
    if new := new_breaches(findings, name, known):
        return _result(requirement, Status.FAILED, _shown(new).message, new)
    if name in findings.crashes and not breaches:
        return _result(requirement, Status.ERROR, findings.crashes[name])
    if stale := stale_entries(findings, name, known):
        said = "; ".join(f"{entry.reason}{entry.where}" for entry in stale)
        message = f"no longer broken: remove it from the known ones ({said})"
        return _result(requirement, Status.FAILED, message)
    if breaches:
        shown = _shown(breaches)
        reason = next(entry.reason for entry in known if entry.covers(shown))
        message = f"{shown.message} (known: {reason})"
        return _result(requirement, Status.KNOWN, message, breaches)
    if findings.is_exercised(name):
        left = findings.partly.get(name)
        return _result(requirement, Status.PASSED, f"{PARTLY}{left}" if left else "")
    reason = (
        findings.undecided.get(name)
        or NOT_EXERCISED.get(name)
        or findings.reasons.get(name)
        or next(iter(findings.undecided.values()), "no request could have broken it")
    )
    if is_required:
        return _result(requirement, Status.FAILED, f"{REQUIRED}{reason}")
    return _result(requirement, Status.SKIPPED, reason)


def _shown(breaches: Sequence[Breach]) -> Breach:
    """The one that is shown again most easily."""
    return min(breaches, key=lambda breach: len(breach.reproduce))


def _result(
    requirement: Requirement, status: Status, message: str, breaches: Sequence[Breach] = ()
) -> Result:
    shown = _shown(breaches) if breaches else None
    reproduce = shown.reproduce if shown else ""
    seen = tuple(breaches)
    return Result(requirement, status, message, reproduce, len(seen), shown, breaches=seen)
