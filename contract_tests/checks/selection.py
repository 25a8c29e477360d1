"""Which requirements a run of the tests is about: some areas', some by id, all but some."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from agentos_contract.names import nearest
from agentos_contract.requirements import Requirement, load_catalogue


class SelectionError(ValueError):
    """An area or a pattern that is none of the catalogue's; str() names what is near."""


@dataclass(frozen=True)
class Selection:
    """What was asked for. With nothing given it is all."""

    areas: Collection[str] = ()
    only: Collection[str] = ()
    """Ids; `*`, `?` and `[…]` stand for others as in the names of files."""
    skip: Collection[str] = ()
    """As `only`; they win."""

    def of(self, requirements: Iterable[Requirement]) -> list[Requirement]:
        """Those of these that are asked for, in their order."""
        return [one for one in requirements if self._has(one)]

    def _has(self, requirement: Requirement) -> bool:
        if any(fnmatchcase(requirement.id, pattern) for pattern in self.skip):
            return False
        if not self.areas and not self.only:
            return True
        return requirement.area in self.areas or any(
            fnmatchcase(requirement.id, pattern) for pattern in self.only
        )

    def check(self, requirements: Sequence[Requirement]) -> None:
        """Raises SelectionError for what names nothing, and where nothing is left of these."""
        everything, areas = load_catalogue().requirements, load_catalogue().areas
        for area in self.areas:
            if area not in areas:
                raise SelectionError(
                    f"there is no area {area!r}; {_near(area, areas)}expected {', '.join(areas)}"
                )
        for pattern in (*self.only, *self.skip):
            if not any(fnmatchcase(name, pattern) for name in everything):
                near = _near(pattern, list(everything)) or f"areas are {', '.join(areas)}"
                raise SelectionError(f"there is no requirement {pattern!r}; {near.strip()}")
        if not self.of(requirements):
            raise SelectionError("no requirement of this --level is left to be tested")


def _near(word: str, words: Sequence[str]) -> str:
    near = nearest(word, words)
    return f"did you mean {near}? " if near else ""
