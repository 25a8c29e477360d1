"""The catalogue of deviations: named ways to depart from the contract, as data.

`deviations/*.yaml` are those that a real server has been seen to have, one file of each area;
`deviations/invented/*.yaml` those that a server might have, one file for each site. The latter are
what the contract tests are proved by: of every requirement there is at least one that breaks it.

    step.stop-left-open:
      site: engine
      text: A top-level step that stops the run has no StepCompleted.
      does: {drop: StepCompleted}   # how the mock performs it, where that is plain: a rule, or a
                                    # list of them (mockserver/faults/rules.py)
      breaks: [order.ended]         # requirements of the catalogue, where it breaks any: the one
                                    # that it is there to break first, then what must follow
      masks: [streams]              # what it makes impossible to judge, where it does
      undetectable: no answer says so   # why learning a profile cannot tell it, where it cannot
      when: a step stopped the run  # what has to happen for it to show, or not to
      kept-under: [tool-failed]     # of one that a requirement tells: the conditions under which
                                    # that is kept only where it is not; false: that never says so

The mock performs deviations when asked; a profile lists those that a real server has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from agentos_contract.names import did_you_mean
from agentos_contract.requirements import load_catalogue
from agentos_contract.yaml_files import read_yaml

DEVIATIONS = Path(__file__).parent / "deviations"
INVENTED = DEVIATIONS / "invented"


Deviations = frozenset[str]
"""Names of deviations, and of variations: no name is both."""


class UnknownDeviation(ValueError):
    """There is no deviation of that name; str() names the nearest."""


class Site(Enum):
    """Where a server goes wrong."""

    REQUEST = "request"
    """It sees another request than was sent."""
    ENGINE = "engine"
    """Its run does or says something else."""
    STATE = "state"
    """It remembers, or keeps apart, something else."""
    RESPONSE = "response"
    """Its answer says something else than it came to."""
    TRANSPORT = "transport"
    """The answer's bytes come otherwise, or not at all."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """One named way to depart from the contract."""

    id: str
    """`AREA.NAME`, frozen once released."""
    site: Site
    text: str
    breaks: tuple[str, ...] = ()
    """The requirements that it breaks, the one it is there for first; none where the contract
    leaves the matter open."""
    masks: tuple[str, ...] = ()
    """What cannot be judged beside it: `streams`, `batches`, `runs`, `errors` …, or an area or a
    requirement of the catalogue."""
    undetectable: str | None = None
    """Why nobody can tell from outside whether a server has it; None where it can be told."""
    when: str | None = None
    """What has to happen for it to show, or for a server to show that it has it not; None where
    nobody has looked for it."""
    kept_under: frozenset[str] | None = frozenset()
    """Of one that a requirement tells: the conditions (`conditions.CONDITIONS`) under which that is
    kept only by a server that has it not; None where that it is kept never says so."""
    is_observed: bool = True
    """Whether a real server has been seen to have it."""
    does: tuple[Any, ...] = field(default=(), compare=False)
    """How the mock performs it, as data; none where code does."""
    file: Path = DEVIATIONS
    """Where it stands."""


_NEEDED = {"site", "text"}
_KEYS = {*_NEEDED, "does", "breaks", "masks", "undetectable", "when", "kept-under"}


@cache
def load_deviations() -> dict[str, Deviation]:
    """The kit's deviations by id, observed ones first. Raises ValueError where the data is
    malformed."""
    requirements = load_catalogue().requirements
    deviations: dict[str, Deviation] = {}
    for file in [*sorted(DEVIATIONS.glob("*.yaml")), *sorted(INVENTED.glob("*.yaml"))]:
        for name, entry in (read_yaml(file) or {}).items():
            if name in deviations:
                raise ValueError(f"{file}: {name}: there are two of that name")
            if not _NEEDED <= set(entry) <= _KEYS:
                others = ", ".join(sorted(_KEYS - _NEEDED))
                raise ValueError(f"{file}: {name}: needs site and text, and may have {others}")
            breaks = tuple(entry.get("breaks", ()))
            for requirement in breaks:
                if requirement not in requirements:
                    raise ValueError(f"{file}: {name}: there is no requirement {requirement!r}")
            deviations[name] = Deviation(
                name,
                Site(entry["site"]),
                " ".join(entry["text"].split()),
                breaks,
                tuple(entry.get("masks", ())),
                undetectable=_line(entry.get("undetectable")),
                when=_line(entry.get("when")),
                kept_under=frozenset(kept)
                if (kept := entry.get("kept-under", [])) is not False
                else None,
                is_observed=file.parent != INVENTED,
                does=rules_of(entry),
                file=file,
            )
    return deviations


def rules_of(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """What stands under `does`: one rule, or a list of them."""
    does = entry.get("does", [])
    rules = does if isinstance(does, list) else [does]
    # YAML 1.1 takes the key `on` for true.
    return tuple(
        {"on" if key is True else key: value for key, value in rule.items()}
        if isinstance(rule, Mapping)
        else rule
        for rule in rules
    )


def _line(text: str | None) -> str | None:
    return " ".join(text.split()) if text is not None else None


def check_deviations(names: Iterable[str]) -> frozenset[str]:
    """The names as a set. Raises UnknownDeviation for one that the catalogue does not have."""
    names = frozenset(names)
    for name in sorted(names - load_deviations().keys()):
        hint = did_you_mean(name, load_deviations())
        raise UnknownDeviation(f"there is no deviation {name!r}{hint}")
    return names
