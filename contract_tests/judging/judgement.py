"""What exchanges showed: the requirements that they could have broken, and those they broke."""

from __future__ import annotations

from dataclasses import dataclass, field

from contract_tests.judging.conditions import Conditions, conditions_of
from contract_tests.target.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Breach:
    """A requirement that was broken, as one exchange or several showed."""

    requirement: str
    message: str
    reproduce: str
    """Shell commands, without the token."""
    exchange: Exchange | None = field(default=None, compare=False, repr=False)
    """Where it was seen: the last one, if there were several."""
    event_index: int | None = field(default=None, compare=False)
    """The stream's event that shows it, from 0; None where no single one does."""
    before: tuple[Exchange, ...] = field(default=(), compare=False, repr=False)
    """The exchanges that it took before that one."""
    check: str = field(default="", compare=False)
    """The check that saw it."""
    earlier_check: str = field(default="", compare=False)
    """The check that made the exchanges before, where that was another."""

    @property
    def checks(self) -> tuple[str, ...]:
        """Those that it takes to see it again."""
        return tuple(dict.fromkeys(name for name in (self.earlier_check, self.check) if name))

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All that it took, in their order."""
        return (*self.before, self.exchange) if self.exchange is not None else self.before

    @property
    def conditions(self) -> Conditions:
        return conditions_of(self.exchanges)


@dataclass
class Judgement:
    """What one answer showed."""

    breaches: list[Breach] = field(default_factory=list)
    exercised: set[str] = field(default_factory=set)
    exchange: Exchange | None = None
    """The answer, where the judgement is of a whole one."""

    def exercise(self, *requirements: str) -> None:
        self.exercised.update(requirements)

    def breach(
        self,
        requirement: str,
        message: str,
        exchange: Exchange,
        event_index: int | None = None,
    ) -> None:
        self.exercised.add(requirement)
        self.breaches.append(Breach(requirement, message, exchange.curl, exchange, event_index))

    def require(self, requirement: str, kept: bool, message: str, exchange: Exchange) -> None:
        """The answer could have broken a requirement, and did unless `kept`."""
        self.exercised.add(requirement)
        if not kept:
            self.breach(requirement, message, exchange)

    def merge(self, other: Judgement) -> None:
        self.breaches += other.breaches
        self.exercised |= other.exercised
