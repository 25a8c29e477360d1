"""What one run's stream broke, and what it could have broken."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from agentos_contract.spans import Span

Words = frozenset[str]
"""Conditions that hold, words of `conditions.RUN_CONDITIONS`."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One breach of one requirement."""

    requirement: str
    """The requirement's id in the catalogue."""
    message: str
    index: int | None = None
    """Which event showed it, counted from 0; None for the stream as a whole."""
    cause: str = field(default="", compare=False)
    """What kind of fault it is, a word of the catalogue; "" where the requirement has only one."""
    at: str = field(default="", compare=False)
    """Where in the event's payload, as a JSON pointer; "" for the whole."""
    when: Words = field(default=frozenset(), compare=False)
    """The conditions under which it was seen."""
    span: Span | None = field(default=None, compare=False, repr=False)
    """What never ended, where that is the fault."""


@dataclass
class Verdict:
    """Collects what is judged of one run."""

    violations: list[Violation] = field(default_factory=list)
    conditions: dict[str, set[Words]] = field(default_factory=dict)
    """The requirements that the run could have broken, each with the conditions under which."""

    @property
    def exercised(self) -> set[str]:
        """The requirements that the run could have broken."""
        return set(self.conditions)

    def exercise(self, *requirements: str, when: Collection[str] = ()) -> None:
        words = frozenset(when)
        for requirement in requirements:
            self.conditions.setdefault(requirement, set()).add(words)

    def report(
        self,
        requirement: str,
        message: str,
        index: int | None = None,
        *,
        cause: str = "",
        at: str = "",
        when: Collection[str] = (),
    ) -> None:
        """A requirement was broken."""
        self.exercise(requirement, when=when)
        words = frozenset(when)
        self.violations.append(Violation(requirement, message, index, cause, at, words))

    def require(
        self,
        requirement: str,
        kept: bool,
        message: str,
        index: int | None = None,
        *,
        cause: str = "",
        when: Collection[str] = (),
    ) -> None:
        """A requirement could have been broken, and was unless `kept`."""
        self.exercise(requirement, when=when)
        if not kept:
            self.report(requirement, message, index, cause=cause, when=when)
