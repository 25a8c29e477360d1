"""The catalogue of deviations: named ways to depart from the contract, as data.

One file of `deviations/` for each area:

    step.stop-left-open:
      text: A top-level step that stops the run has no StepCompleted.
      breaks: [order.ended]         # requirements of the catalogue, where it breaks any
      unseen: no answer says so     # why learning a profile cannot tell it, where it cannot

The mock performs deviations when asked; a profile lists those that a real server has.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from agentos_contract.requirements import load_catalogue

DEVIATIONS = Path(__file__).parent / "deviations"


class UnknownDeviation(ValueError):
    """There is no deviation of that name; str() names the nearest."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """One named way to depart from the contract."""

    id: str
    """`AREA.NAME`, frozen once released."""
    text: str
    breaks: tuple[str, ...] = ()
    """The requirements that it breaks; none where the contract leaves the matter open."""
    unseen: str | None = None
    """Why nobody can tell from outside whether a server has it; None where it can be told."""


@cache
def load_deviations() -> dict[str, Deviation]:
    """The kit's deviations by id. Raises ValueError where the data is malformed."""
    requirements = load_catalogue().requirements
    deviations: dict[str, Deviation] = {}
    for file in sorted(DEVIATIONS.glob("*.yaml")):
        for name, entry in (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).items():
            if name in deviations:
                raise ValueError(f"{file}: {name}: there are two of that name")
            if not {"text"} <= set(entry) <= {"text", "breaks", "unseen"}:
                raise ValueError(f"{file}: {name}: needs text, and may have breaks and unseen")
            breaks = tuple(entry.get("breaks", ()))
            for requirement in breaks:
                if requirement not in requirements:
                    raise ValueError(f"{file}: {name}: there is no requirement {requirement!r}")
            unseen = " ".join(entry["unseen"].split()) if "unseen" in entry else None
            text = " ".join(entry["text"].split())
            deviations[name] = Deviation(name, text, breaks, unseen)
    return deviations


def check_deviations(names: Iterable[str]) -> frozenset[str]:
    """The names as a set. Raises UnknownDeviation for one that the catalogue does not have."""
    known = load_deviations()
    names = frozenset(names)
    for name in sorted(names - known.keys()):
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownDeviation(f"there is no deviation {name!r}{hint}")
    return names
