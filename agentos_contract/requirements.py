"""The catalogue of requirements: one clause each, as data, in `requirements.yaml`.

Ids are frozen once released: reports, known-deviation files and other people's scripts name them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path

from agentos_contract.yaml_files import read_yaml

CATALOGUE_FILE = Path(__file__).parent / "requirements.yaml"


class Level(IntEnum):
    """Where a requirement comes from. A run at one level also checks those before it."""

    DOCUMENT = 1
    """The published page says so."""
    PROTOCOL = 2
    """It follows from the event model, from HTTP or from the HTML standard."""
    OBSERVED = 3
    """One measured server does so."""

    @classmethod
    def parse(cls, name: str) -> Level:
        return cls[name.upper()]

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Requirement:
    """One clause that an implementation must keep."""

    id: str
    """`AREA.NAME`, frozen."""
    level: Level
    text: str
    source: str
    """The document's section, the standard's section, or the observed server."""

    @property
    def area(self) -> str:
        return self.id.partition(".")[0]


@dataclass(frozen=True)
class Catalogue:
    version: str
    requirements: dict[str, Requirement]
    """By id, in the catalogue's order."""

    def __getitem__(self, requirement_id: str) -> Requirement:
        return self.requirements[requirement_id]

    def at_level(self, level: Level) -> Iterable[Requirement]:
        """The requirements of that level and those before it."""
        return [r for r in self.requirements.values() if r.level <= level]


@cache
def load_catalogue() -> Catalogue:
    """The kit's catalogue. Raises ValueError where the data is malformed."""
    data = read_yaml(CATALOGUE_FILE)
    requirements: dict[str, Requirement] = {}
    for area, clauses in data["areas"].items():
        for name, clause in clauses.items():
            requirement_id = f"{area}.{name}"
            if set(clause) != {"level", "text", "source"}:
                raise ValueError(f"{CATALOGUE_FILE}: {requirement_id}: needs level, text, source")
            requirements[requirement_id] = Requirement(
                requirement_id,
                Level.parse(clause["level"]),
                " ".join(clause["text"].split()),
                clause["source"],
            )
    return Catalogue(str(data["version"]), requirements)
