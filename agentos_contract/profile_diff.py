"""Two profiles compared: what a front end would notice that was built for the one and meets the
other.

A difference is a deviation that one server has and the other has not, or a requirement that one is
known to break. It *breaks* a front end where the new server no longer keeps what the contract
says: a client that relied on it, and could with the old one, cannot any more. A deviation that
breaks no requirement is seen, where somebody looks. What is gone is only missed by those who had
built on the fault itself.

What one server did and nothing could have shown of the other is no difference: a learned profile
says what that is (`evidence`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from agentos_contract.deviations import load_deviations
from agentos_contract.profiles import Profile
from agentos_contract.requirements import load_catalogue


class Change(Enum):
    """What the new server does that the old did not, or the other way round."""

    NEW = "new"
    GONE = "gone"


class Impact(Enum):
    """What it is to a front end that was built for the old server."""

    BREAKING = "breaking"
    """Something that the contract promises, and the old server kept."""
    NOTICEABLE = "noticeable"
    """The contract leaves it open, or the old server broke the same requirement in other ways."""
    BETTER = "better"
    """The new server keeps to the contract where the old did not."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the two servers do differently."""

    kind: str
    """`deviation` or `requirement`."""
    id: str
    change: Change
    impact: Impact
    text: str
    """Of the catalogue: what the server that has the deviation does; what the requirement asks."""
    level: str
    """The requirement's; "" for a deviation."""
    breaks: tuple[str, ...]
    """Requirements that the deviation breaks."""
    reason: str
    """What the profile says was seen; "" for a deviation."""

    def to_json(self) -> dict[str, Any]:
        """For reports."""
        return {
            "kind": self.kind,
            "id": self.id,
            "change": self.change.value,
            "impact": self.impact.value,
            "text": self.text,
            "level": self.level,
            "breaks": list(self.breaks),
            "reason": self.reason,
        }


def compare_profiles(old: Profile, new: Profile) -> list[Difference]:
    """What differs, by impact and then in the catalogues' order. A profile's `known` must be
    entries of the catalogue."""
    was_broken, is_broken = _broken(old), _broken(new)
    differences = []
    for name, deviation in load_deviations().items():
        if (name in old.deviations) == (name in new.deviations):
            continue
        if any(name in side.evidence.unseen for side in (old, new) if side.evidence is not None):
            continue
        is_new = name in new.deviations
        change = Change.NEW if is_new else Change.GONE
        if is_new:
            newly = set(deviation.breaks) - was_broken
            impact = Impact.BREAKING if newly else Impact.NOTICEABLE
        else:
            impact = Impact.BETTER
        differences.append(
            Difference("deviation", name, change, impact, deviation.text, "", deviation.breaks, "")
        )
    for name, requirement in load_catalogue().requirements.items():
        for side, other, change in ((new, old, Change.NEW), (old, new, Change.GONE)):
            entries = [one for one in _entries(side, name) if _is_missing(name, one, other)]
            if not entries:
                continue
            if change is Change.NEW:
                impact = Impact.NOTICEABLE if name in was_broken else Impact.BREAKING
            else:
                impact = Impact.NOTICEABLE if name in is_broken else Impact.BETTER
            reason = "; ".join(map(_reason, entries))
            level, text = str(requirement.level), requirement.text
            differences.append(
                Difference("requirement", name, change, impact, text, level, (), reason)
            )
            break
    order = list(Impact)
    return sorted(differences, key=lambda difference: order.index(difference.impact))


def _broken(profile: Profile) -> set[str]:
    """The requirements that a server breaks, by what is known and by its deviations."""
    catalogue = load_deviations()
    broken = {name for deviation in profile.deviations for name in catalogue[deviation].breaks}
    return broken | set(profile.known or ())


def _entries(profile: Profile, name: str) -> list[Any]:
    """What a profile knows of a requirement."""
    known = (profile.known or {}).get(name, [])
    return known if isinstance(known, list) else [known]


def _is_missing(name: str, entry: Any, other: Profile) -> bool:
    """Whether another server could have shown this as well, and did not."""
    if any(_is_like(entry, one) for one in _entries(other, name)):
        return False
    evidence = other.evidence
    if evidence is None:
        return True
    if isinstance(entry, Mapping) and entry.get("sometimes"):
        return False  # it need not show, whatever runs
    when = _words(entry, "when")
    events = {event.removesuffix(" after the end") for event in _words(entry, "event")}
    return (not events or bool(events & evidence.events)) and any(
        when <= conditions for conditions in evidence.exercised.get(name, ())
    )


def _is_like(one: Any, other: Any) -> bool:
    """Whether two entries of a requirement are of one kind, the one perhaps narrower."""
    when = _words(one, "when"), _words(other, "when")
    keys = ["cause", "status"]
    if not all(when):
        keys.append("at")  # elsewhere it is the condition that says what it is of
    for key in keys:
        here, there = _words(one, key), _words(other, key)
        if here and there and not here & there:
            return False
    return when[0] <= when[1] or when[1] <= when[0]


def _words(entry: Any, key: str) -> frozenset[str]:
    value = entry.get(key) if isinstance(entry, Mapping) else None
    if value is None:
        return frozenset()
    return frozenset(map(str, value if isinstance(value, list) else [value]))


def _reason(entry: Any) -> str:
    reason = entry.get("reason", "") if isinstance(entry, Mapping) else entry
    return " ".join(str(reason).split())
