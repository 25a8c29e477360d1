"""The catalogue of requirements: one clause each, as data, in `requirements.yaml`.

Ids are frozen once released: reports, known-deviation files and other people's scripts name them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from pathlib import Path

from agentos_contract.yaml_files import read_yaml

CATALOGUE_FILE = Path(__file__).parent / "requirements.yaml"

BY_SCHEMA = "JSON Schema"
"""What stands for causes in the catalogue where a schema's keywords are that."""


class Level(IntEnum):
    """Where a requirement comes from. A run at one level also checks those before it."""

    DOCUMENT = 1
    """The published page says so."""
    PROTOCOL = 2
    """It follows from the event model, from HTTP or from the HTML standard."""
    OBSERVED = 3
    """One measured server does so, and clients that were written for it may count on it."""

    @classmethod
    def parse(cls, name: str) -> Level:
        return cls[name.upper()]

    def __str__(self) -> str:
        return self.name.lower()


DEFAULT_LEVEL = Level.OBSERVED
"""How far tests go unless said: a server for AgentOS's clients does what those count on."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One clause that an implementation must keep."""

    id: str
    """`AREA.NAME`, frozen."""
    level: Level
    text: str
    source: str
    """The document's section, the standard's section, or the observed server."""
    causes: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The kinds of faults that are told apart, each with what it is; none where there is one."""
    is_by_schema: bool = False
    """Whether a JSON Schema tells them apart: a cause is its keyword, with what was found where
    that is a type (`type-string`)."""
    is_of_server: bool = False
    """Whether no workflow has a part in it, though each one's run could break it: what the server
    does with one it does with all, and some workflows show it."""

    @property
    def area(self) -> str:
        return self.id.partition(".")[0]


@dataclass(frozen=True)
class Catalogue:
    """All requirements, and the version of the file that has them."""

    version: str
    requirements: dict[str, Requirement]
    """By id, in the catalogue's order."""

    def __getitem__(self, requirement_id: str) -> Requirement:
        return self.requirements[requirement_id]

    @property
    def areas(self) -> list[str]:
        """In the catalogue's order."""
        return list(dict.fromkeys(one.area for one in self.requirements.values()))

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
            if set(clause) - {"causes", "of-server"} != {"level", "text", "source"}:
                raise ValueError(f"{CATALOGUE_FILE}: {requirement_id}: needs level, text, source")
            causes = clause.get("causes", {})
            is_by_schema = causes == BY_SCHEMA
            requirements[requirement_id] = Requirement(
                requirement_id,
                Level.parse(clause["level"]),
                " ".join(clause["text"].split()),
                clause["source"],
                {} if is_by_schema else causes,
                is_by_schema,
                clause.get("of-server", False),
            )
    return Catalogue(str(data["version"]), requirements)
