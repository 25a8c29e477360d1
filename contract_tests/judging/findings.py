"""What the probes found: which requirements were exercised, which broken, and why the rest not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from threading import Lock

from contract_tests.judging.commands import commands_of
from contract_tests.judging.conditions import Conditions, conditions_of
from contract_tests.judging.judgement import Breach, Judgement
from contract_tests.target.exchange import Exchange


class Findings:
    """Collects what checks saw; `results.py` settles each requirement's status from it."""

    def __init__(self) -> None:
        self.breaches: dict[str, list[Breach]] = {}
        self.broken_by_probes: set[str] = set()
        """Requirements that a deterministic probe showed broken, not only generated requests."""
        self.cases: dict[str, Counter[str]] = {}
        """By requirement: how many requests of each check could have broken it."""
        self.probed_at: dict[str, set[Conditions]] = {}
        """By requirement: under which conditions a deterministic probe could have broken it. A
        known deviation is called gone only if it should have shown under one of these."""
        self.check = ""
        """The check that is running."""
        self.reasons: dict[str, str] = {}
        """By requirement: why it could not be exercised."""
        self.partly: dict[str, str] = {}
        """By requirement: why less of it was exercised than could have been."""
        self.undecided: dict[str, str] = {}
        """By requirement: why it is not decided, where that is not the server's doing (a gateway
        answered)."""
        self.crashes: dict[str, str] = {}
        """By requirement: how a check that decides it failed itself."""
        self.times: dict[str, tuple[datetime, float]] = {}
        """By check, in their order: when it began, and how many seconds it took."""
        self._lock = Lock()

    def exercise(
        self,
        *requirements: str,
        generated: bool = False,
        exchanges: Iterable[Exchange | None] = (),
        when: frozenset[str] = frozenset(),
    ) -> None:
        """A request could have broken these; `exchanges`: the request, if it is one's. `when`: the
        conditions of what in it could have."""
        conditions = conditions_of(exchange for exchange in exchanges if exchange is not None)
        for requirement in requirements:
            self._exercise(requirement, conditions, [when], generated=generated)

    def _exercise(
        self,
        requirement: str,
        conditions: Conditions,
        when: Collection[frozenset[str]],
        *,
        generated: bool,
    ) -> None:
        with self._lock:
            self.cases.setdefault(requirement, Counter())[self.check] += 1
            if not generated:
                probed = self.probed_at.setdefault(requirement, set())
                probed.update(replace(conditions, when=words) for words in when)

    def record(self, judgement: Judgement, *, generated: bool = False) -> None:
        """Add what an answer showed."""
        conditions = conditions_of([judgement.exchange] if judgement.exchange is not None else ())
        for requirement, when in judgement.exercised_when.items():
            self._exercise(requirement, conditions, when, generated=generated)
        for breach in judgement.breaches:
            self.add(breach, generated=generated)

    def require(
        self,
        requirement: str,
        kept: bool,
        message: str,
        *exchanges: Exchange,
        cause: str = "",
        when: frozenset[str] = frozenset(),
    ) -> None:
        """A requirement was exercised, and broken unless `kept`."""
        self.exercise(requirement, exchanges=exchanges, when=when)
        if not kept:
            self.breach(requirement, message, *exchanges, cause=cause, when=when)

    def breach(
        self,
        requirement: str,
        message: str,
        *exchanges: Exchange,
        cause: str = "",
        when: frozenset[str] = frozenset(),
    ) -> None:
        """A requirement was broken, as these exchanges show, in that order."""
        commands = commands_of(exchanges)
        exchange = exchanges[-1] if exchanges else None
        before = exchanges[:-1]
        self.add(
            Breach(requirement, message, commands, exchange, before=before, cause=cause, when=when)
        )

    def add(self, breach: Breach, *, generated: bool = False) -> None:
        """Add what was broken."""
        name = breach.requirement
        if not self.is_exercised(name):
            self.exercise(name, generated=generated, exchanges=breach.exchanges)
        breach = replace(breach, check=breach.check or self.check, is_generated=generated)
        with self._lock:
            if not generated:
                self.broken_by_probes.add(name)
                self.probed_at.setdefault(name, set()).add(breach.conditions)
            found = self.breaches.setdefault(name, [])
            if breach not in found:
                found.append(breach)

    def is_exercised(self, requirement: str) -> bool:
        """Whether some request could have broken it, a generated one perhaps."""
        return requirement in self.cases

    def is_broken(self, requirement: str) -> bool:
        return requirement in self.breaches

    def unless_broken(self, requirement: str, simpler: str) -> str:
        """The requirement that a fault breaks; the simpler one, where that is broken without the
        circumstances that this one is about."""
        return simpler if self.is_broken(simpler) else requirement

    def cannot(self, requirements: Iterable[str], reason: str) -> None:
        """These could not be exercised. If this is said more than once, the first reason stays."""
        for requirement in requirements:
            self.reasons.setdefault(requirement, reason)

    def leave_partly(self, requirements: Iterable[str], reason: str) -> None:
        """Less of these was exercised than could have been, or nothing at all."""
        requirements = list(requirements)
        for requirement in requirements:
            self.partly.setdefault(requirement, reason)
        self.cannot(requirements, reason)

    def withdraw(self, requirement: str, reason: str) -> None:
        """Forget what was seen of a requirement: it turned out later that it says nothing."""
        for found in (self.breaches, self.cases, self.probed_at):
            found.pop(requirement, None)
        self.broken_by_probes.discard(requirement)
        self.leave_undecided([requirement], reason)

    def leave_undecided(self, requirements: Iterable[str], reason: str) -> None:
        """These could not be exercised, for a reason that is not the server's."""
        for requirement in requirements:
            self.undecided.setdefault(requirement, reason)

    def crash(self, requirements: Iterable[str], reason: str) -> None:
        """The check that decides these failed itself."""
        for requirement in requirements:
            self.crashes.setdefault(requirement, reason)
