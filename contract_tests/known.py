"""Known deviations: requirements that a server is known to break, each with a reason.

One that no longer shows is as much of a failure as a new one, unless it shows only sometimes.

A profile of the kit (`agentos_contract/profiles/NAME.yaml`) or a file of the user's:

    known:
      form.version-null: Agno takes an int or nothing
      error.body-schema:
        reason: FastAPI's list of objects
      time.created-at:
        reason: a nested run's created_at may be of the second before
        sometimes: true
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from agentos_contract.profiles import ProfileError, load_profile


class KnownError(ValueError):
    """A list of known deviations cannot be used; str() says why."""


@dataclass(frozen=True, slots=True)
class Known:
    """One known deviation."""

    reason: str
    sometimes: bool = False
    """It need not show in every run of the tests."""


def load_known(name: str, requirement_ids: Collection[str]) -> dict[str, Known]:
    """Known deviations by requirement id.

    Raises KnownError; for an id that the catalogue does not have it names the nearest.
    """
    try:
        profile = load_profile(name)
    except ProfileError as error:
        raise KnownError(str(error)) from error
    file, entries = profile.file, profile.known
    if entries is None:
        raise KnownError(f"{file}: expected `known:` with a reason by requirement id")
    known = {}
    for requirement_id, entry in entries.items():
        check_id(str(requirement_id), requirement_ids, where=f"{file}: ")
        known[str(requirement_id)] = _entry(entry, f"{file}: {requirement_id}")
    return known


def check_id(requirement_id: str, requirement_ids: Collection[str], *, where: str = "") -> None:
    """Raises KnownError for an id that the catalogue does not have, naming the nearest."""
    if requirement_id in requirement_ids:
        return
    near = difflib.get_close_matches(requirement_id, requirement_ids, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise KnownError(f"{where}there is no requirement {requirement_id!r}{hint}")


def _entry(entry: Any, where: str) -> Known:
    settings = entry if isinstance(entry, Mapping) else {"reason": entry}
    unknown = sorted(set(map(str, settings)) - {"reason", "sometimes"})
    if unknown:
        raise KnownError(f"{where}: unknown key {unknown[0]!r}; expected reason, sometimes")
    reason, sometimes = settings.get("reason"), settings.get("sometimes", False)
    if not isinstance(reason, str) or not reason.strip():
        raise KnownError(f"{where}: expected a reason")
    if not isinstance(sometimes, bool):
        raise KnownError(f"{where}.sometimes: expected true or false, found {sometimes!r}")
    return Known(" ".join(reason.split()), sometimes)
