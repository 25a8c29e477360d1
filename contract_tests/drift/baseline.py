"""What was different before: the report of an earlier `drift`, which a new one starts from.

A difference that the earlier report has too is no drift: it is told as an old one and breaks
nothing. One that it has and that no longer shows is told as gone. The report also keeps which
fields came that need not come: one that always came and never does now is told, and the reverse.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from contract_tests.drift.changes import Change, Difference, Impact, Source, at
from contract_tests.drift.sent import Fields, Part, Sent
from contract_tests.drift.values import Came

BASELINES = Path(__file__).parent / "baselines"
NONE = "none"

_FAMILIES = {"response-field-optional": "response-field-removed"}
"""Kinds that are one: of a field that sometimes comes, a few runs may show nothing."""


class BaselineError(ValueError):
    """An earlier report cannot be used; str() says why."""


@dataclass(frozen=True)
class Baseline:
    """An earlier report; an empty one has nothing to say."""

    name: str = NONE
    changes: tuple[Change, ...] = ()
    fields: Fields = field(default_factory=dict)

    def told(self, changes: Iterable[Change]) -> list[Change]:
        """The changes, those marked that are old."""
        known: dict[tuple[str, str, str, str], list[Change]] = {}
        for old in self.changes:
            known.setdefault(_key(old), []).append(old)
        return [
            replace(change, is_old=any(_covers(old, change) for old in known.get(_key(change), ())))
            for change in changes
        ]

    def gone(self, changes: Iterable[Change], sent: Sent, *, is_published: bool) -> list[Change]:
        """What was different, could have shown again and did not."""
        found = {_key(change) for change in changes}
        return [
            old
            for old in self.changes
            if _key(old) not in found
            and (
                (Source.SENT in old.sources and (old.operation, old.part) in sent.parts)
                or (Source.SENT not in old.sources and is_published)
            )
        ]

    def fields_changed(self, sent: Sent) -> list[Change]:
        """Fields that always came and never do now, and the other way round.

        What came sometimes may depend on the workflows.
        """
        changes = []
        for part, now in sent.fields.items():
            before = self.fields.get(part)
            if before is None:
                continue
            for name in sorted(sent.never[part]):
                kit = f"optional; {self.name} always sends it"
                changes.append(_sent(Impact.NOTICE, "unsent", part, name, kit, "never sent"))
            for name in sorted(filter(before.is_new, now.always)):
                kit = f"optional; {self.name} never sends it"
                changes.append(_sent(Impact.ADDITION, "sent", part, name, kit, "always sent"))
        return changes


def _sent(impact: Impact, how: str, part: Part, name: str, kit: str, server: str) -> Change:
    notice = {"sent": "it comes, and may be read", "unsent": "who shows it has nothing to show"}
    kind = f"response-field-{how}"
    return at(Difference(kind, impact, name, kit, server, notice[how]), Source.SENT, *part)


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
                *(frozenset(map(str, entry[key])) for key in ("always", "sometimes", "objects"))
            )
            for entry in content["sent"]
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = f"{type(error).__name__}: {error}"
        raise BaselineError(f"{file}: no report of drift (drift.json): {said}") from error
    return Baseline(file.stem if file.parent == BASELINES else str(file), changes, fields)


def fields_to_json(fields: Fields) -> list[dict[str, Any]]:
    """For reports, as load_baseline reads it."""
    return [
        {
            "operation": operation,
            "part": part,
            "always": sorted(came.always),
            "sometimes": sorted(came.sometimes),
            "objects": sorted(came.objects),
        }
        for (operation, part), came in sorted(fields.items(), key=lambda item: item[0])
    ]


def _key(change: Change) -> tuple[str, str, str, str]:
    # All operations answer errors alike: what one does is no news of another.
    operation = "" if change.part[:1] in ("4", "5") else change.operation
    return _FAMILIES.get(change.kind, change.kind), operation, change.part, change.field


def _covers(old: Change, change: Change) -> bool:
    if change.kind == "response-type-changed":
        return _types(change.server) <= _types(old.server) | _types(old.kit)
    if change.kind in ("response-values-changed", "status-changed", "request-type-narrowed"):
        return change.server == old.server
    return True


def _types(text: str) -> set[str]:
    return set(text.split(" or "))
