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
      order.one-terminal-event:             # narrower: elsewhere it is a new one
        reason: a failed run has two WorkflowErrors
        workflows: [doomed]
        when: failed
      event.schema:                         # several causes, an entry each
        - {reason: no ids, workflows: [doomed]}
        - {reason: no name, when: cancelled}
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentos_contract.profiles import ProfileError, load_profile
from contract_tests.judging.conditions import ANSWER_KINDS, Conditions


class KnownError(ValueError):
    """A list of known deviations cannot be used; str() says why."""


@dataclass(frozen=True, slots=True)
class Known:
    """One known deviation."""

    reason: str
    sometimes: bool = False
    """It need not show in every run of the tests."""
    workflows: tuple[str, ...] = ()
    """Only in runs of these; none is any."""
    when: str | None = None
    """Only in answers of this kind, one of `conditions.ANSWER_KINDS`; None is any."""

    @property
    def is_narrow(self) -> bool:
        return bool(self.workflows) or self.when is not None

    def covers(self, conditions: Conditions) -> bool:
        """Whether what was seen there is known."""
        if self.workflows and not conditions.workflows & set(self.workflows):
            return False
        return self.when is None or self.when in conditions.answers

    @property
    def where(self) -> str:
        """Its limits in words; "" where it has none."""
        of = f" of {', '.join(self.workflows)}" if self.workflows else ""
        return f" ({self.when or 'in runs'}{of})" if self.is_narrow else ""


KnownList = Mapping[str, Sequence[Known]]
"""Known deviations by requirement id."""


def load_known(name: str, requirement_ids: Collection[str]) -> dict[str, tuple[Known, ...]]:
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
        where = f"{file}: {requirement_id}"
        known[str(requirement_id)] = tuple(
            _entry(one, f"{where}[{position}]" if isinstance(entry, list) else where)
            for position, one in enumerate(entry if isinstance(entry, list) else [entry])
        )
    return known


def check_id(requirement_id: str, requirement_ids: Collection[str], *, where: str = "") -> None:
    """Raises KnownError for an id that the catalogue does not have, naming the nearest."""
    if requirement_id in requirement_ids:
        return
    near = difflib.get_close_matches(requirement_id, requirement_ids, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise KnownError(f"{where}there is no requirement {requirement_id!r}{hint}")


_KEYS = ("reason", "sometimes", "workflows", "when")


def _entry(entry: Any, where: str) -> Known:
    settings = entry if isinstance(entry, Mapping) else {"reason": entry}
    unknown = sorted(set(map(str, settings)) - set(_KEYS))
    if unknown:
        near = difflib.get_close_matches(unknown[0], _KEYS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"expected {', '.join(_KEYS)}"
        raise KnownError(f"{where}: unknown key {unknown[0]!r}; {hint}")
    reason, sometimes = settings.get("reason"), settings.get("sometimes", False)
    if not isinstance(reason, str) or not reason.strip():
        raise KnownError(f"{where}: expected a reason")
    if not isinstance(sometimes, bool):
        raise KnownError(f"{where}.sometimes: expected true or false, found {sometimes!r}")
    workflows, when = settings.get("workflows", []), settings.get("when")
    if not isinstance(workflows, list) or not all(isinstance(one, str) for one in workflows):
        raise KnownError(f"{where}.workflows: expected a list of ids, found {workflows!r}")
    if when is not None and when not in ANSWER_KINDS:
        raise KnownError(f"{where}.when: expected one of {', '.join(ANSWER_KINDS)}, found {when!r}")
    return Known(" ".join(reason.split()), sometimes, tuple(workflows), when)
