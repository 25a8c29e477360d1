"""Profiles: what a server is known to do differently, as data.

A profile of the kit (`profiles/NAME.yaml`) or a file of the user's:

    deviations: [step.stop-left-open, ...]      # what the mock performs with --as
    known:                                      # what the contract tests accept with --known
      order.ended: a step that stops the run never ends
    evidence:                                   # of a learned one: what could have shown at all
      unseen: [team.child-run-shared, ...]      # deviations of which nothing can be said
      events: [WorkflowStarted, ...]            # the events that came
      exercised:                                # under which conditions a requirement was exercised
        order.ended: [[step, stream], [step, step-stopped, stream]]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos_contract.deviations import UnknownDeviation, check_deviations
from agentos_contract.names import nearest
from agentos_contract.yaml_files import UnreadableFile, read_users_yaml

PROFILES = Path(__file__).parent / "profiles"


class ProfileError(ValueError):
    """A profile cannot be used; str() says why."""


@dataclass(frozen=True)
class Evidence:
    """What could have shown where a profile was learned."""

    unseen: frozenset[str]
    """Deviations of which nothing can be said."""
    events: frozenset[str]
    """The names of the events that came."""
    exercised: Mapping[str, Sequence[frozenset[str]]]
    """By requirement: the conditions of what could have broken it, of each thing."""


@dataclass(frozen=True)
class Profile:
    """A profile as read; `known` is judged by who uses it."""

    file: Path
    deviations: frozenset[str]
    known: Mapping[str, Any] | None
    """By requirement id; None where the file has no such list."""
    evidence: Evidence | None = None
    """None of one that claims to be complete."""


def load_profile(name: str) -> Profile:
    """A profile by its name or its file. Raises ProfileError."""
    file = find_profile(name)
    try:
        content = read_users_yaml(file)
    except UnreadableFile as error:
        raise ProfileError(f"{file}: {error}") from error
    if not isinstance(content, Mapping) or not {"known", "deviations"} & set(content):
        raise ProfileError(
            f"{file}: expected `known:` with a reason by requirement id, or `deviations:`"
        )
    known = content.get("known")
    if "known" in content and not isinstance(known, Mapping):
        raise ProfileError(f"{file}: expected `known:` with a reason by requirement id")
    names = content.get("deviations")
    if names is None:
        names = []
    if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
        raise ProfileError(f"{file}: deviations: expected a list of names")
    try:
        deviations = check_deviations(names)
    except UnknownDeviation as error:
        raise ProfileError(f"{file}: deviations: {error}") from error
    return Profile(file, deviations, known, _evidence(content, file))


def _evidence(content: Mapping[Any, Any], file: Path) -> Evidence | None:
    """Raises ProfileError."""
    found = content.get("evidence")
    if found is None:
        return None
    if not isinstance(found, Mapping):
        raise ProfileError(f"{file}: evidence: expected unseen, events and exercised")
    exercised = found.get("exercised") or {}
    if not isinstance(exercised, Mapping) or not all(
        isinstance(sets, list) and all(isinstance(words, list) for words in sets)
        for sets in exercised.values()
    ):
        raise ProfileError(f"{file}: evidence.exercised: expected lists of words by requirement")
    for key in ("unseen", "events"):
        if not isinstance(found.get(key) or [], list):
            raise ProfileError(f"{file}: evidence.{key}: expected a list of names")
    return Evidence(
        frozenset(map(str, found.get("unseen") or [])),
        frozenset(map(str, found.get("events") or [])),
        {
            str(name): [frozenset(map(str, words)) for words in sets]
            for name, sets in exercised.items()
        },
    )


def find_profile(name: str) -> Path:
    """The file of a profile: a path, or one of the kit's names. Raises ProfileError."""
    file = Path(name)
    if file.is_file():
        return file
    profile = PROFILES / f"{name}.yaml"
    if file.name == name and profile.is_file():
        return profile
    names = sorted(path.stem for path in PROFILES.glob("*.yaml"))
    near = nearest(name, names)
    there_are = f"did you mean {near}?" if near else f"the profiles are {', '.join(names)}"
    raise ProfileError(f"{name}: no such file, and no such profile ({there_are})")
