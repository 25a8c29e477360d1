"""The catalogue of variations: named ways to differ that the contract allows, as data.

    sse.crlf:
      site: transport
      text: Lines end with CR LF.

Fragile clients break on these; a checker must not. The mock performs them when asked. No name is
a deviation's too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from agentos_contract.deviations import Site, load_deviations, nearest

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


@cache
def load_variations() -> dict[str, Variation]:
    """The kit's variations by id. Raises ValueError where the data is malformed."""
    variations = {}
    for name, entry in yaml.safe_load(VARIATIONS_FILE.read_text(encoding="utf-8")).items():
        if set(entry) != {"site", "text"}:
            raise ValueError(f"{VARIATIONS_FILE}: {name}: needs site and text")
        if name in load_deviations():
            raise ValueError(f"{VARIATIONS_FILE}: {name}: a deviation has that name")
        variations[name] = Variation(name, Site(entry["site"]), " ".join(entry["text"].split()))
    return variations


def check_variations(names: Iterable[str]) -> frozenset[str]:
    """The names as a set. Raises UnknownVariation for one that the catalogue does not have."""
    names = frozenset(names)
    for name in sorted(names - load_variations().keys()):
        raise UnknownVariation(f"there is no variation {name!r}{nearest(name, load_variations())}")
    return names
