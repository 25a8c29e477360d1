"""Two profiles compared: what a front end would notice that was built for the one and meets the
other.

A difference is a deviation that one server has and the other has not, or a requirement that one is
known to break. It *breaks* a front end where the new server no longer keeps what the contract
says: a client that relied on it, and could with the old one, cannot any more. A deviation that
breaks no requirement is seen, where somebody looks. What is gone is only missed by those who had
built on the fault itself.
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
    old_known, new_known = old.known or {}, new.known or {}
    for name, requirement in load_catalogue().requirements.items():
        if (name in old_known) == (name in new_known):
            continue
        is_new = name in new_known
        if is_new:
            impact = Impact.NOTICEABLE if name in was_broken else Impact.BREAKING
        else:
            impact = Impact.NOTICEABLE if name in is_broken else Impact.BETTER
        differences.append(
            Difference(
                "requirement",
                name,
                Change.NEW if is_new else Change.GONE,
                impact,
                requirement.text,
                str(requirement.level),
                (),
                _reason((new_known if is_new else old_known)[name]),
            )
        )
    order = list(Impact)
    return sorted(differences, key=lambda difference: order.index(difference.impact))


def _broken(profile: Profile) -> set[str]:
    """The requirements that a server breaks, by what is known and by its deviations."""
    catalogue = load_deviations()
    broken = {name for deviation in profile.deviations for name in catalogue[deviation].breaks}
    return broken | set(profile.known or ())


def _reason(entry: Any) -> str:
    if isinstance(entry, list):
        return "; ".join(map(_reason, entry))
    reason = entry.get("reason", "") if isinstance(entry, Mapping) else entry
    return " ".join(str(reason).split())
