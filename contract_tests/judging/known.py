"""Known deviations: requirements that a server is known to break, each with a reason.

An entry that no longer shows, though something ran that would show it, is a failure just as a new
deviation is, unless the entry says `sometimes`. An entry covers a breach if all of its limits hold.

A profile of the kit (`agentos_contract/profiles/NAME.yaml`) or a file of the user's:

    known:
      form.version-null: Agno takes an int or nothing
      error.body-schema:
        reason: FastAPI's list of objects
        status: 422
        at: /detail
      time.created-at:
        reason: a nested run's created_at may be of the second before
        sometimes: true
      order.ended:                          # narrower: elsewhere it is a new one
        reason: a step that stops the run never ends
        workflows: [gatekeeper]
        when: [step, step-stopped]
      event.schema:                         # several causes, an entry each
        - {reason: no ids, event: WorkflowError after the end, cause: required}
        - {reason: texts, event: StepOutput, at: /step_output/images/*, cause: type-string}
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentos_contract.events import CUSTOM_EVENT, EVENTS
from agentos_contract.names import nearest
from agentos_contract.profiles import ProfileError, load_profile
from agentos_contract.requirements import load_catalogue
from contract_tests.judging.conditions import CONDITIONS, Conditions
from contract_tests.judging.judgement import AFTER_END, Breach


class KnownError(ValueError):
    """A list of known deviations cannot be used; str() says why."""


@dataclass(frozen=True, slots=True)
class Known:
    """One known deviation. If a member has several values, one must hold; of `when` all must."""

    reason: str
    sometimes: bool = False
    """Whether it need not show in every run of the tests."""
    workflows: tuple[str, ...] = ()
    """Only in runs of these; empty: of any."""
    when: str | tuple[str, ...] | None = None
    """Only where these conditions hold (`conditions.CONDITIONS`). It is called gone only if they
    held and it did not show."""
    event: tuple[str, ...] = ()
    """Only where an event of such a name shows it (with AFTER_END: one after the run's end)."""
    at: tuple[str, ...] = ()
    """Only at such a place in the payload or body: JSON pointers, `*` for any one member."""
    cause: tuple[str, ...] = ()
    """Only this kind of fault, a word of the catalogue."""
    status: int | None = None
    """Only in answers of this status."""

    @property
    def conditions(self) -> frozenset[str]:
        return frozenset([self.when] if isinstance(self.when, str) else self.when or ())

    def covers(self, breach: Breach) -> bool:
        """Whether what was seen is this one."""
        return (
            self._holds(breach.conditions)
            and (not self.event or breach.event in self.event)
            and (not self.at or any(_is_at(pattern, breach.at) for pattern in self.at))
            and (not self.cause or breach.cause in self.cause)
            and self.status in (None, breach.status)
        )

    def could_show(self, conditions: Conditions) -> bool:
        """Whether it would have shown where its requirement was exercised under these."""
        names = {name.removesuffix(AFTER_END) for name in self.event}
        return self._holds(conditions) and (not names or bool(names & conditions.events))

    def _holds(self, conditions: Conditions) -> bool:
        if self.workflows and not conditions.workflows & set(self.workflows):
            return False
        return self.conditions <= conditions.answers | conditions.when

    @property
    def where(self) -> str:
        """Its limits in words; "" where it has none."""
        cause, at = " or ".join(self.cause), " or ".join(self.at)
        parts = [
            " and ".join(sorted(self.conditions)),
            " or ".join(self.event),
            f"at {at}" if at else "",
            f"cause {cause}" if cause else "",
            str(self.status) if self.status is not None else "",
        ]
        said = "; ".join(part for part in parts if part)
        if self.workflows:
            said = f"{said or 'in runs'} of {', '.join(self.workflows)}"
        return f" ({said})" if said else ""


def _is_at(pattern: str, pointer: str) -> bool:
    wanted, parts = pattern.split("/"), pointer.split("/")
    return len(wanted) == len(parts) and all(
        one in ("*", part) for one, part in zip(wanted, parts, strict=True)
    )


KnownDeviations = Mapping[str, Sequence[Known]]
"""Known deviations by requirement id."""


def load_known(profile_name: str, requirement_ids: Collection[str]) -> dict[str, tuple[Known, ...]]:
    """Known deviations by requirement id.

    Raises KnownError; for an id that the catalogue does not have it names the nearest.
    """
    try:
        profile = load_profile(profile_name)
    except ProfileError as error:
        raise KnownError(str(error)) from error
    file, entries = profile.file, profile.known
    if entries is None:
        raise KnownError(f"{file}: expected `known:` with a reason by requirement id")
    known = {}
    own = _own_events(entries.get(OF_OTHER_NAMES))
    for name, entry in entries.items():
        requirement_id = str(name)
        check_id(requirement_id, requirement_ids, where=f"{file}: ")
        where = f"{file}: {requirement_id}"
        known[requirement_id] = tuple(
            _entry(
                one,
                f"{where}[{position}]" if isinstance(entry, list) else where,
                requirement_id,
                own,
            )
            for position, one in enumerate(entry if isinstance(entry, list) else [entry])
        )
    return known


OF_OTHER_NAMES = "event.known-name"
"""The requirement whose entries name events that the vocabulary does not have."""


def _own_events(entries: Any) -> list[str]:
    """The events that a server has of its own, as its entries say."""
    found = []
    for entry in entries if isinstance(entries, list) else [entries]:
        names = entry.get("event") if isinstance(entry, Mapping) else None
        found += [one for one in (names if isinstance(names, list) else [names]) if one]
    return [one for one in found if isinstance(one, str)]


def check_id(requirement_id: str, requirement_ids: Collection[str], *, where: str = "") -> None:
    """Raises KnownError for an id that the catalogue does not have, naming the nearest."""
    if requirement_id in requirement_ids:
        return
    near = nearest(requirement_id, requirement_ids)
    hint = f"; did you mean {near}?" if near else ""
    raise KnownError(f"{where}there is no requirement {requirement_id!r}{hint}")


MAX_LISTED = 40
"""Of more words than that, an error lists a few."""

_KEYS = ("reason", "sometimes", "workflows", "when", "event", "at", "cause", "status")


def _entry(entry: Any, where: str, requirement_id: str, own_events: Sequence[str]) -> Known:
    settings = entry if isinstance(entry, Mapping) else {"reason": entry}
    unknown = sorted(set(map(str, settings)) - set(_KEYS))
    if unknown:
        near = nearest(unknown[0], _KEYS)
        hint = f"did you mean {near}?" if near else f"expected {', '.join(_KEYS)}"
        raise KnownError(f"{where}: unknown key {unknown[0]!r}; {hint}")
    reason, sometimes = settings.get("reason"), settings.get("sometimes", False)
    if not isinstance(reason, str) or not reason.strip():
        raise KnownError(f"{where}: expected a reason")
    if not isinstance(sometimes, bool):
        raise KnownError(f"{where}.sometimes: expected true or false, found {sometimes!r}")
    workflows, status = settings.get("workflows", []), settings.get("status")
    if not isinstance(workflows, list) or not all(isinstance(one, str) for one in workflows):
        raise KnownError(f"{where}.workflows: expected a list of ids, found {workflows!r}")
    if status is not None and (type(status) is not int or not 100 <= status <= 599):
        raise KnownError(f"{where}.status: expected an HTTP status, found {status!r}")
    requirement = load_catalogue()[requirement_id]
    names = [*EVENTS, CUSTOM_EVENT, *own_events]
    names += [f"{name}{AFTER_END}" for name in names]
    when = _words(settings, "when", where, CONDITIONS)
    return Known(
        " ".join(reason.split()),
        sometimes,
        tuple(workflows),
        when[0] if len(when) == 1 else when or None,
        _words(settings, "event", where, names),
        _pointers(settings, where),
        _words(settings, "cause", where, None if requirement.is_by_schema else requirement.causes),
        status,
    )


def _words(
    settings: Mapping[Any, Any], key: str, where: str, known: Collection[str] | None
) -> tuple[str, ...]:
    """The value of a key that is one of the words, or a list of them; `known` None: any."""
    value = settings.get(key, [])
    words = value if isinstance(value, list) else [value]
    for word in words:
        if not isinstance(word, str) or (known is not None and word not in known):
            near = nearest(str(word), known or ())
            hint = f"; did you mean {near}?" if near else ""
            expected = f"one of {', '.join(known)}" if known else "none, as there is one alone"
            if known is not None and len(known) > MAX_LISTED:
                expected = f"{', '.join([*known][:3])} or the like"
            raise KnownError(f"{where}.{key}: expected {expected}, found {word!r}{hint}")
    return tuple(words)


def _pointers(settings: Mapping[Any, Any], where: str) -> tuple[str, ...]:
    pointers = _words(settings, "at", where, None)
    for pointer in pointers:
        if not pointer.startswith("/"):
            raise KnownError(
                f"{where}.at: expected a JSON pointer such as /detail, found {pointer!r}"
            )
    return pointers
