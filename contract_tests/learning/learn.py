"""Learns a profile: runs the contract tests, and has every observer look at what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import contract_tests.learning.agents
import contract_tests.learning.cancelling
import contract_tests.learning.remembering
import contract_tests.learning.runs
import contract_tests.learning.surface  # noqa: F401 - registers observers, as those before it
from agentos_contract.deviations import Deviation, load_deviations
from contract_tests.checks.context import Context
from contract_tests.judging.entries import entries_for
from contract_tests.judging.known import Known
from contract_tests.learning.evidence import Evidence, Json
from contract_tests.learning.observers import (
    OBSERVERS,
    Look,
    Observation,
    by_requirement,
    telling_requirements,
)
from contract_tests.running.run import Listener, Options, Report, run_contract_tests
from contract_tests.target.exchange import Exchange
from contract_tests.target.problems import CouldNotRun

EXTRA_RUNS = 28
"""How many runs observers start themselves, at most."""


class Outcome(Enum):
    """What became of one deviation."""

    SHOWN = "shown"
    NOT_SHOWN = "not shown"
    """What it shows in happened, and the server did otherwise."""
    NOT_EXERCISED = "not exercised"
    UNDETECTABLE = "cannot be told from outside"
    NOT_LOOKED_FOR = "not looked for"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one deviation."""

    deviation: Deviation
    outcome: Outcome
    reason: str
    """Where it showed, or why nothing can be said."""


@dataclass(frozen=True)
class Learned:
    """What a server does differently, as far as it showed."""

    report: Report
    findings: tuple[Finding, ...]
    """One for each deviation of the catalogue that a real server has had, in its order."""
    known: Mapping[str, Sequence[Known]]
    """What the contract tests accept of it, by requirement."""

    @property
    def deviations(self) -> list[str]:
        return [f.deviation.id for f in self.findings if f.outcome is Outcome.SHOWN]


def learn_profile(
    options: Options,
    listener: Listener | None = None,
    *,
    scripts: Mapping[str, Json] | None = None,
) -> Learned:
    """Learn a server's profile. Raises CouldNotRun.

    `scripts`: those that the server was made of, by workflow id; they tell what its descriptions
    leave out.
    """
    exchanges: list[Exchange] = []
    findings: list[Finding] = []
    told = listener or Listener()

    def look(context: Context) -> None:
        evidence = Evidence(context, list(exchanges), scripts or {})
        observations = _Observations(evidence)
        for deviation in load_deviations().values():
            if deviation.is_observed:  # the others the contract tests find
                told.progress(f"looking for {deviation.id}")
                findings.append(_find(deviation, observations))

    report = run_contract_tests(options, replace(told, exchanged=exchanges.append, checked=look))
    return Learned(report, tuple(findings), _known(report))


class _Observations:
    """What observers saw; each looks once, whatever it looks for."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._seen: dict[Look, list[Observation] | Exception] = {}

    def of(self, deviation: str) -> list[Observation]:
        """Raises CouldNotRun, and what the observer raises."""
        if deviation in telling_requirements():
            return list(by_requirement(deviation, self._evidence.context.findings))
        look = OBSERVERS[deviation]
        if look not in self._seen:
            try:
                self._seen[look] = list(look(self._evidence))
            except CouldNotRun:
                raise
            except Exception as error:
                self._seen[look] = error
        seen = self._seen[look]
        if isinstance(seen, Exception):
            raise seen
        return [observation for observation in seen if observation.deviation == deviation]


def _find(deviation: Deviation, observations: _Observations) -> Finding:
    if deviation.undetectable is not None:
        return Finding(deviation, Outcome.UNDETECTABLE, deviation.undetectable)
    try:
        found = observations.of(deviation.id)
    except CouldNotRun:
        raise
    except Exception as error:
        # A fault of ours, whatever the server sent: nothing is claimed.
        return Finding(deviation, Outcome.NOT_LOOKED_FOR, f"{type(error).__name__}: {error}")
    shown = [one.where for one in found if one.shown]
    kept = [one.where for one in found if not one.shown]
    if shown and kept:
        reason = f"{shown[0]} (in {len(shown)} of {len(found)} cases; not: {kept[0]})"
        return Finding(deviation, Outcome.SHOWN, reason)
    if shown or kept:
        outcome = Outcome.SHOWN if shown else Outcome.NOT_SHOWN
        return Finding(deviation, outcome, (shown or kept)[0])
    return Finding(deviation, Outcome.NOT_EXERCISED, f"it shows when {deviation.when}")


def _known(report: Report) -> dict[str, list[Known]]:
    return {
        name: entries_for(name, report.findings.breaches.get(name, ()), report.streams, None)
        for name in (result.requirement.id for result in report.results)
        if name in report.findings.breaches
    }
