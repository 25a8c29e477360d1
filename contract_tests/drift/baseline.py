"""What was different before: the report of an earlier `drift`, which a new one starts from.

A difference that the earlier report has too is no drift: it is told as an old one and breaks
nothing. One that it has and that no longer shows is told as gone. The report also keeps which
fields came that need not come: one that always came and never does now is told, and the reverse.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from contract_tests.drift.changes import Change, Source, change
from contract_tests.drift.sent import Fields, Sent
from contract_tests.drift.values import Came

BASELINES = Path(__file__).parent / "baselines"
NONE = "none"

_FAMILIES = {"response-field-optional": "response-field-removed"}
"""Kinds that are one: of a field that sometimes comes, a few runs may show nothing."""

_CAME = ("always", "sometimes", "objects")


class BaselineError(ValueError):
    """An earlier report cannot be used; str() says why."""


@dataclass(frozen=True)
class Baseline:
    """An earlier report; an empty one has nothing to say."""

    name: str = NONE
    changes: tuple[Change, ...] = ()
    fields: Fields = field(default_factory=dict)
    has_other_workflows: bool = False
    """It is one of the kit's, of the bundled workflows."""

    def marked(self, changes: Iterable[Change]) -> list[Change]:
        """The changes, those marked that are old."""
        known: dict[tuple[str, ...], list[Change]] = {}
        for old in self.changes:
            known.setdefault(_key(old), []).append(old)
        return [
            replace(one, is_old=any(_covers(old, one) for old in known.get(_key(one), ())))
            for one in changes
        ]

    def gone(self, changes: Iterable[Change], sent: Sent, *, is_published: bool) -> list[Change]:
        """What was different, could have shown again and did not."""
        found = {_key(one) for one in changes}
        return [
            old
            for old in self.changes
            if _key(old) not in found
            and (
                (old.operation, old.part) in sent.parts and not self._is_of_its_workflows(old)
                if Source.SENT in old.sources
                else is_published
            )
        ]

    def _is_of_its_workflows(self, old: Change) -> bool:
        """Whether other workflows than the baseline's need not show it: a field beside the schema,
        or one in a list."""
        is_of_some = old.kind == "response-field-added" or "[]" in old.field
        return self.has_other_workflows and is_of_some

    def fields_changed(self, sent: Sent) -> Iterator[Change]:
        """Fields that always came and never do now, and the other way round.

        What came sometimes may depend on the workflows.
        """
        for part, now in sent.fields.items():
            before = self.fields.get(part)
            if before is None:
                continue
            for name in sorted(sent.never[part]):
                kit = f"optional; {self.name} always sends it"
                unsent = change("response-field-unsent", name, kit, "never sent")
                yield unsent.at(Source.SENT, *part)
            for name in sorted(filter(before.is_new, now.always)):
                kit = f"optional; {self.name} never sends it"
                new = change("response-field-sent", name, kit, "always sent")
                yield new.at(Source.SENT, *part)


def load_baseline(name: str) -> Baseline:
    """One of the kit's, or a file. Raises BaselineError."""
    if name == NONE:
        return Baseline()
    file = Path(name)
    if not file.is_file():
        file = BASELINES / f"{name}.json"
        if Path(name).name != name or not file.is_file():
            names = ", ".join(sorted(path.stem for path in BASELINES.glob("*.json")))
            raise BaselineError(
                f"{name}: no such file, and the kit has {names}; {NONE} starts from the document"
            )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        changes = tuple(Change.from_json(entry) for entry in content["changes"])
        fields = {
            (str(entry["operation"]), str(entry["part"])): Came(
                **{key: frozenset(map(str, entry[key])) for key in _CAME}
            )
            for entry in content["sent"]
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = f"{type(error).__name__}: {error}"
        raise BaselineError(f"{file}: no report of drift (drift.json): {said}") from error
    is_kits = file.parent == BASELINES
    return Baseline(file.stem if is_kits else str(file), changes, fields, is_kits)


def fields_to_json(fields: Fields) -> list[dict[str, Any]]:
    """For reports, as load_baseline reads it."""
    return [
        {"operation": operation, "part": part}
        | {key: sorted(getattr(fields[operation, part], key)) for key in _CAME}
        for operation, part in sorted(fields)
    ]


def _key(one: Change) -> tuple[str, ...]:
    # All operations answer errors alike: what one does is no news of another.
    operation = "" if one.part[:1] in ("4", "5") else one.operation
    return _FAMILIES.get(one.kind, one.kind), operation, one.part, one.field


def _covers(old: Change, one: Change) -> bool:
    if one.kind == "response-type-changed":
        types, known = (set(text.split(" or ")) for text in (one.server, old.server))
        return types <= known | set(old.kit.split(" or "))
    if one.kind in ("response-values-changed", "status-changed", "request-type-narrowed"):
        return one.server == old.server
    return True
