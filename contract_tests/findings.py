"""What the probes found: which requirements were exercised, which broken, and why the rest not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contract_tests.client import Exchange


@dataclass(frozen=True, slots=True)
class Breach:
    """One sight of a broken requirement."""

    requirement: str
    message: str
    reproduce: str
    """Shell commands, without the token."""
    exchange: Exchange | None = field(default=None, compare=False, repr=False)
    """Where it was seen: the last one, if there were several."""
    event_index: int | None = field(default=None, compare=False)
    """The stream's event that shows it, from 0; None where no single one does."""


class Findings:
    """Collects; `session.py` settles statuses from it."""

    def __init__(self) -> None:
        self.breaches: dict[str, list[Breach]] = {}
        self.exercised: set[str] = set()
        """What some request could have broken, generated ones included."""
        self.probed: set[str] = set()
        """What a deterministic probe could have broken: only that makes a known entry stale."""
        self.broken_by_probes: set[str] = set()
        """What a deterministic probe did break."""
        self.reasons: dict[str, str] = {}
        """Why a requirement could not be exercised."""
        self.crashes: dict[str, str] = {}
        """Of a check that decides it, by requirement."""
        self._lock = Lock()

    def exercise(self, *requirements: str, generated: bool = False) -> None:
        """A request could have broken these."""
        with self._lock:
            self.exercised.update(requirements)
            if not generated:
                self.probed.update(requirements)

    def breach(self, breach: Breach, *, generated: bool = False) -> None:
        """A request did break one."""
        self.exercise(breach.requirement, generated=generated)
        with self._lock:
            if not generated:
                self.broken_by_probes.add(breach.requirement)
            found = self.breaches.setdefault(breach.requirement, [])
            if breach not in found:
                found.append(breach)

    def is_broken(self, requirement: str) -> bool:
        return requirement in self.breaches

    def cannot(self, requirements: Iterable[str], reason: str) -> None:
        """These could not be exercised; the first reason given stays."""
        for requirement in requirements:
            self.reasons.setdefault(requirement, reason)

    def crash(self, requirements: Iterable[str], reason: str) -> None:
        """The check that decides these failed itself."""
        for requirement in requirements:
            self.crashes.setdefault(requirement, reason)
