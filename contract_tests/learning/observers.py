"""The register of observers: who looks for which deviation, where no requirement tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from functools import cache
from typing import NamedTuple

from agentos_contract.deviations import load_deviations
from contract_tests.judging.findings import Findings
from contract_tests.learning.evidence import Evidence, Run
from contract_tests.target.exchange import Exchange

ANY_STATUS = range(100, 600)
REFUSED = range(400, 500)


class Observation(NamedTuple):
    """One occurrence of what a deviation shows in."""

    deviation: str
    shown: bool
    """Whether the server did as the deviation says, and not as the contract."""
    where: str
    """Where and how, in a few words."""


Observations = Iterator[Observation]
Look = Callable[[Evidence], Iterable[Observation]]

OBSERVERS: dict[str, Look] = {}
"""By deviation; one observer may look for several."""


def observes(*deviations: str) -> Callable[[Look], Look]:
    """Register a function as the one that looks for these deviations."""

    def register(look: Look) -> Look:
        for name in deviations:
            assert name not in OBSERVERS, name
            OBSERVERS[name] = look
        return look

    return register


def observes_streams(
    *deviations: str,
) -> Callable[[Callable[[Run], Observations]], Callable[[Run], Observations]]:
    """The same of a function that looks at one stream at a time."""

    def register(look: Callable[[Run], Observations]) -> Callable[[Run], Observations]:
        observes(*deviations)(lambda evidence: (one for run in evidence.runs for one in look(run)))
        return look

    return register


def by_status(
    deviation: str, what: str, answer: Exchange, *, shown: int, kept: Container[int]
) -> Observations:
    """A deviation that a status tells; one that is neither tells nothing."""
    if answer.status == shown or answer.status in kept:
        yield Observation(deviation, answer.status == shown, f"{what}: {answer.summary}")


@cache
def telling_requirements() -> dict[str, str]:
    """The deviations that a requirement tells, as no other that a real server has had breaks it.

    One with an observer needs more: another deviation may break its requirement at times.
    """
    observed = [one for one in load_deviations().values() if one.is_observed]
    breaking = Counter(name for one in observed for name in one.breaks)
    return {
        one.id: name
        for one in observed
        if one.id not in OBSERVERS
        for name in reversed(one.breaks)
        if breaking[name] == 1
    }


def by_requirement(deviation: str, findings: Findings) -> Observations:
    """What the contract tests say of the requirement that tells a deviation."""
    requirement = telling_requirements()[deviation]
    if requirement in findings.breaches:
        for breach in findings.breaches[requirement]:
            workflows = ", ".join(sorted(breach.conditions.workflows))
            yield Observation(deviation, True, f"{workflows}: {' '.join(breach.message.split())}")
        return
    needed = load_deviations()[deviation].kept_under
    probed = findings.probed_at.get(requirement, ())
    if needed is not None and any(needed <= one.answers | one.when for one in probed):
        yield Observation(deviation, False, f"{requirement} was kept")
