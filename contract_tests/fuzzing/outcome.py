"""What carrying out a sequence comes to, and what of it counts."""

from __future__ import annotations

from dataclasses import dataclass, field

from agentos_contract.requirements import Level, load_catalogue
from contract_tests.judging.judgement import Breach, Judgement
from contract_tests.judging.known import KnownDeviations
from contract_tests.target.exchange import Request
from contract_tests.target.gateway import is_gateways


class TimeUp(KeyboardInterrupt):
    """Nothing more may be started. Hypothesis lets a KeyboardInterrupt through as it is."""


class TargetGone(KeyboardInterrupt):
    """Nothing listens at the target any more; the argument is the outcome so far."""


@dataclass(frozen=True, slots=True)
class Key:
    """What makes two failures the same one."""

    requirement: str
    where: str
    """The kind of step and of answer, and the event's name."""

    def __str__(self) -> str:
        return f"{self.requirement} ({self.where})"


@dataclass(frozen=True, slots=True)
class SeenBreach:
    """A broken requirement, and where in the sequence it was seen."""

    key: Key
    breach: Breach
    step: int
    """The position of the step that it came to light at; that after the last is the end."""


@dataclass
class Outcome:
    """What carrying out a sequence came to."""

    seen: list[SeenBreach] = field(default_factory=list)
    sent: list[tuple[Request | None, str]] = field(default_factory=list)
    """Each request, and what else there is to say, in their order."""


class Counted:
    """Which breaches count: those of a level's requirements that are not known, and that no
    gateway's answer shows."""

    def __init__(self, known: KnownDeviations, level: Level) -> None:
        self._known = known
        self._requirements = {one.id for one in load_catalogue().at_level(level)}

    def is_known(self, requirement: str) -> bool:
        return requirement in self._known

    def breaches(self, judgement: Judgement, kind: str, position: int) -> list[SeenBreach]:
        """Those of a judgement. `kind` of step, and its `position`."""
        return [
            SeenBreach(_key(breach, kind), breach, position)
            for breach in judgement.breaches
            if breach.requirement in self._requirements
            and not any(is_gateways(exchange) for exchange in breach.exchanges)
            and not any(entry.covers(breach) for entry in self._known.get(breach.requirement, ()))
        ]


def _key(breach: Breach, kind: str) -> Key:
    parts = [kind if kind != "run" else "", *sorted(breach.conditions.answers)]
    if breach.requirement == "event.schema" and breach.exchange and breach.event_index is not None:
        parts.append(breach.exchange.events[breach.event_index][1].event)
    return Key(breach.requirement, ", ".join(part for part in parts if part) or kind)
