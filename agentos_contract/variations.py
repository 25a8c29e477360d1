r"""The catalogue of variations: named ways to differ that the contract allows, as data.

    sse.crlf:
      site: transport
      text: Lines end with CR LF.
      does: {replace: '\n', by: "\r\n", on: stream}    # as a deviation's, where it is plain

Fragile clients break on these; a checker must not. The mock performs them when asked. No name is
a deviation's too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from agentos_contract.deviations import Site, load_deviations, rules_of
from agentos_contract.names import did_you_mean
from agentos_contract.yaml_files import read_yaml

VARIATIONS_FILE = Path(__file__).parent / "variations.yaml"


class UnknownVariation(ValueError):
    """There is no variation of that name; str() names the nearest."""


@dataclass(frozen=True, slots=True)
class Variation:
    """One named way to differ legally."""

    id: str
    """`AREA.NAME`, frozen once released."""
    site: Site
    text: str
    does: tuple[Any, ...] = field(default=(), compare=False)
    """How the mock performs it, as data; none where code does."""
    file: Path = VARIATIONS_FILE
    """Where it stands."""


@cache
def load_variations() -> dict[str, Variation]:
    """The kit's variations by id. Raises ValueError where the data is malformed."""
    variations = {}
    for name, entry in read_yaml(VARIATIONS_FILE).items():
        if not {"site", "text"} <= set(entry) <= {"site", "text", "does"}:
            raise ValueError(f"{VARIATIONS_FILE}: {name}: needs site and text, and may have does")
        if name in load_deviations():
            raise ValueError(f"{VARIATIONS_FILE}: {name}: a deviation has that name")
        text = " ".join(entry["text"].split())
        variations[name] = Variation(name, Site(entry["site"]), text, rules_of(entry))
    return variations


def check_variations(names: Iterable[str]) -> frozenset[str]:
    """The names as a set. Raises UnknownVariation for one that the catalogue does not have."""
    names = frozenset(names)
    for name in sorted(names - load_variations().keys()):
        hint = did_you_mean(name, load_variations())
        raise UnknownVariation(f"there is no variation {name!r}{hint}")
    return names
