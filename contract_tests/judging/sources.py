"""Where breaches of one requirement come from: which kinds of faults, and of which workflows.

What stands behind "N times" in a report, and what a known deviation is made of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from contract_tests.judging.judgement import AFTER_END, Breach
from contract_tests.judging.known import Known


@dataclass(frozen=True)
class Source:
    """One kind of fault, and what it was seen in."""

    event: str | None
    at: str
    cause: str
    status: int | None
    """Of the answer, where not all answers were 200."""
    when: frozenset[str]
    breaches: tuple[Breach, ...]

    @property
    def workflows(self) -> tuple[str, ...]:
        """Those that it was seen in, sorted."""
        return tuple(sorted({one for b in self.breaches for one in b.conditions.workflows}))

    @property
    def kind(self) -> str:
        """What kind of fault it is, in words; "" where there is nothing to say."""
        parts = [
            self.event or "",
            f"at {self.at}" if self.at else "",
            self.cause,
            " and ".join(sorted(self.when)),
            str(self.status) if self.status is not None else "",
        ]
        return ", ".join(part for part in parts if part)

    @property
    def shown(self) -> Breach:
        """The one that is shown again most easily."""
        return min(self.breaches, key=lambda breach: len(breach.reproduce))

    def as_known(self, reason: str, *, sometimes: bool, workflows: tuple[str, ...]) -> Known:
        """The known deviation that covers it, in these workflows, and nothing else."""
        return Known(
            reason,
            sometimes,
            workflows,
            tuple(sorted(self.when)) or None,
            (self.event,) if self.event is not None else (),
            (self.at,) if self.at else (),
            (self.cause,) if self.cause else (),
            self.status,
        )


def sources_of(breaches: Iterable[Breach]) -> list[Source]:
    """The breaches of one requirement by kind, in the order in which each was first seen."""
    found: dict[tuple[str | None, str, str, int | None, frozenset[str]], list[Breach]] = {}
    breaches = list(breaches)
    has_statuses = {breach.status for breach in breaches} - {200}
    for breach in breaches:
        status = breach.status if has_statuses else None
        # Which member of a list it is says nothing of the kind.
        at = re.sub(r"/\d+(?=/|$)", "/*", breach.at)
        when = breach.when
        if breach.event is not None and breach.event.endswith(AFTER_END):
            when |= breach.conditions.answers & {"failed", "cancelled"}
        key = breach.event, at, breach.cause, status, when
        found.setdefault(key, []).append(breach)
    return [Source(*key, tuple(kept)) for key, kept in found.items()]


def describe_sources(sources: Iterable[Source]) -> str:
    """How often each kind was seen, and in which workflows, in a line."""
    return "; ".join(
        f"{len(one.breaches)} x {one.kind or 'this'}"
        + (f" ({', '.join(one.workflows)})" if one.workflows else "")
        for one in sources
    )
