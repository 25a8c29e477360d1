"""What exchanges showed: the requirements that they could have broken, and those they broke."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from agentos_contract.events import TERMINAL_EVENTS
from contract_tests.judging.conditions import Conditions, conditions_of
from contract_tests.target.exchange import Exchange

AFTER_END = " after the end"


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
    cause: str = field(default="", compare=False)
    """What kind of fault it is, a word of the catalogue; "" where the requirement has only one."""
    at: str = field(default="", compare=False)
    """Where in the payload or the body, as a JSON pointer; "" for the whole."""
    when: frozenset[str] = field(default=frozenset(), compare=False)
    """The conditions under which it was seen, words of `conditions.RUN_CONDITIONS`."""
    is_generated: bool = field(default=False, compare=False)
    """Whether a generated request showed it: one that need not be sent each time."""

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
        return conditions_of(self.exchanges, self.when)

    @property
    def event(self) -> str | None:
        """The name of the event that shows it; of one that came after the run's end, with AFTER_END
        behind it. None where no single event does."""
        events = self.exchange.events if self.exchange is not None else []
        if self.event_index is None or self.event_index >= len(events):
            return None
        names = [event.event for _, event in events[: self.event_index + 1]]
        is_after_end = any(name in TERMINAL_EVENTS for name in names[:-1])
        return names[-1] + (AFTER_END if is_after_end else "")

    @property
    def status(self) -> int | None:
        """The HTTP status of the answer that shows it."""
        return self.exchange.status if self.exchange is not None else None


@dataclass
class Judgement:
    """What one answer showed."""

    breaches: list[Breach] = field(default_factory=list)
    exercised_when: dict[str, set[frozenset[str]]] = field(default_factory=dict)
    """The requirements that it could have broken, each with the conditions under which."""
    exchange: Exchange | None = None
    """The answer, where the judgement is of a whole one."""

    @property
    def exercised(self) -> set[str]:
        """The requirements that it could have broken."""
        return set(self.exercised_when)

    def exercise(self, *requirements: str, when: Collection[str] = ()) -> None:
        for requirement in requirements:
            self.exercised_when.setdefault(requirement, set()).add(frozenset(when))

    def breach(
        self,
        requirement: str,
        message: str,
        exchange: Exchange,
        event_index: int | None = None,
        *,
        cause: str = "",
        at: str = "",
        when: frozenset[str] = frozenset(),
    ) -> None:
        self.exercise(requirement, when=when)
        self.breaches.append(
            Breach(
                requirement,
                message,
                exchange.curl,
                exchange,
                event_index,
                cause=cause,
                at=at,
                when=when,
            )
        )

    def require(self, requirement: str, kept: bool, message: str, exchange: Exchange) -> None:
        """The answer could have broken a requirement, and did unless `kept`."""
        self.exercise(requirement)
        if not kept:
            self.breach(requirement, message, exchange)

    def merge(self, other: Judgement) -> None:
        self.breaches += other.breaches
        for requirement, conditions in other.exercised_when.items():
            self.exercised_when.setdefault(requirement, set()).update(conditions)
