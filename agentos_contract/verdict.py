"""What one run's stream broke, and what it could have broken."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Violation:
    """One breach of one requirement."""

    requirement: str
    """The requirement's id in the catalogue."""
    message: str
    index: int | None = None
    """Which event showed it, counted from 0; None for the stream as a whole."""


@dataclass
class Verdict:
    """Collects what is judged of one run."""

    violations: list[Violation] = field(default_factory=list)
    exercised: set[str] = field(default_factory=set)
    """The requirements that the run could have broken."""

    def exercise(self, *requirements: str) -> None:
        self.exercised.update(requirements)

    def report(self, requirement: str, message: str, index: int | None = None) -> None:
        """A requirement was broken."""
        self.exercised.add(requirement)
        self.violations.append(Violation(requirement, message, index))

    def require(self, requirement: str, kept: bool, message: str, index: int | None = None) -> None:
        """A requirement could have been broken, and was unless `kept`."""
        self.exercised.add(requirement)
        if not kept:
            self.violations.append(Violation(requirement, message, index))
