"""Drift in words, and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from agentos_contract.output import escaped, json_text
from contract_tests.drift.baseline import fields_to_json
from contract_tests.drift.changes import Change, Impact
from contract_tests.drift.drift import Drift
from contract_tests.reports.terminal import cut, readable_commands

Clean = Callable[[str], str]
"""Takes the token out of a text."""

TITLES = {
    Impact.BREAKING: "BREAKING: a client that was built for the kit's document fails",
    Impact.NOTICE: "TO BE AWARE OF: a client goes on, and may show or do something else",
    Impact.ADDITION: "ADDITIONS: a client goes on, and may do more",
}
COUNTED = {
    Impact.BREAKING: ("breaking change", "breaking changes"),
    Impact.NOTICE: ("change to be aware of", "changes to be aware of"),
    Impact.ADDITION: ("addition", "additions"),
}
MAX_PLACES = 4
"""Places of one change that a line names."""

MAX_TEXT = 160
"""Characters of what a server made up."""


def describe(drift: Drift, clean: Clean) -> Iterator[str]:
    """Lines for people: what is new by impact, then what is not."""
    new = [change for change in drift.changes if not change.is_old]
    for impact in Impact:
        found = [change for change in new if change.impact is impact]
        if found:
            yield TITLES[impact]
            for same in _grouped(found):
                yield from _change(same, clean)
            yield ""
    old = [change for change in drift.changes if change.is_old]
    if old:
        yield f"AS BEFORE: {drift.baseline} has them too, so that they are no drift"
        for same in _grouped([change for change in old if change.impact is not Impact.ADDITION]):
            yield f"  {_where(same, clean)}: {_sides(same[0], clean)}"
        if additions := _grouped([change for change in old if change.impact is Impact.ADDITION]):
            yield f"  and {len(additions)} additions to the kit's document"
        yield ""
    if drift.gone:
        yield f"NO LONGER: {drift.baseline} has them beside the kit's document, this server not"
        for same in _grouped(drift.gone):
            yield f"  {_where(same, clean)}: {_sides(same[0], clean)}"
        yield ""
    for note in drift.notes:
        yield f"note: {_text(note, clean)}"
    yield summary(drift)


def summary(drift: Drift) -> str:
    """The last line."""
    new = [change for change in drift.changes if not change.is_old]
    counts = []
    for impact, (one, many) in COUNTED.items():
        if count := len(_grouped([change for change in new if change.impact is impact])):
            counts.append(f"{count} {one if count == 1 else many}")
    said = ", ".join(counts) or f"no drift since {drift.baseline}"
    return f"{said}; {drift.runs} runs started"


def write_report(drift: Drift, directory: Path, clean: Clean) -> list[Path]:
    """drift.json and drift.txt; returns their paths. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    texts = {
        "drift.json": clean(json_text(to_json(drift), indent=1)),
        "drift.txt": "\n".join(map(escaped, describe(drift, clean))),
    }
    for name, text in texts.items():
        (directory / name).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    return [directory / name for name in texts]


def to_json(drift: Drift) -> dict[str, object]:
    """The report, as load_baseline reads it."""
    return {
        "target": drift.target,
        "document": Path(drift.document).name,
        "since": drift.baseline,
        "changes": [change.to_json() for change in drift.changes],
        "gone": [change.to_json() for change in drift.gone],
        "notes": drift.notes,
        "sent": fields_to_json(drift.fields),
    }


# -- a change in lines


def _grouped(changes: Sequence[Change]) -> list[list[Change]]:
    """The same difference at several places together; those of runs first, then those of what the
    kit knows, then all else."""
    groups: dict[tuple[str, ...], list[Change]] = {}
    for change in changes:
        if change.field:
            leaf = change.field.rpartition(".")[2]
            key = (change.kind, leaf, change.kit, change.server)
        else:
            key = (change.kind, change.operation, change.part, change.server)
        groups.setdefault(key, []).append(change)
    return sorted(groups.values(), key=lambda same: _rank(same[0]))


def _rank(change: Change) -> int:
    if change.kind != "operation-added":
        return 0 if change.operation.endswith("/runs") else 1
    return 2 if change.operation.partition(" /")[2].startswith(("workflows", "sessions")) else 3


def _change(same: Sequence[Change], clean: Clean) -> Iterator[str]:
    change = same[0]
    seen = " and ".join(source.value for source in change.sources)
    if change.impact is Impact.ADDITION:
        yield f"  {_where(same, clean)}: {_text(change.server, clean)} ({seen})"
        return
    yield f"  {_where(same, clean)}: {_sides(change, clean)} ({seen})"
    yield f"      {_text(change.notice, clean)}"
    if change.reproduce:
        for command in readable_commands(clean(change.reproduce), "drift.json"):
            yield f"      {command}"


def _sides(change: Change, clean: Clean) -> str:
    return f"{_text(change.kit, clean)} -> {_text(change.server, clean)}"


def _where(same: Sequence[Change], clean: Clean) -> str:
    """Operation, part and field. Of several places each operation with its parts."""
    parts: dict[str, list[str]] = {}
    for change in same:
        parts.setdefault(change.operation, []).append(change.part)
    if len(parts) > 1 and len({tuple(found) for found in parts.values()}) == 1:
        # The same parts of each: errors are alike everywhere.
        shared = _listed(next(iter(parts.values())))
        place = f"{_listed(list(parts))}: {shared}" if shared else _listed(list(parts))
    else:
        place = _listed([f"{name} {_listed(found)}".strip() for name, found in parts.items()])
    field = _listed([change.field for change in same if change.field])
    return _text(f"{place}: {field}" if field else place, clean, 4 * MAX_TEXT)


def _listed(names: Sequence[str]) -> str:
    """Names, the first of many; events by their names alone."""
    names = list(dict.fromkeys(names))
    events = [name.removeprefix("event ") for name in names if name.startswith("event ")]
    if len(events) > 1:
        others = [name for name in names if not name.startswith("event ")]
        return ", ".join([*others, f"{len(events)} events ({_listed(events)})"])
    more = f" and {len(names) - MAX_PLACES} more" if len(names) > MAX_PLACES else ""
    return f"{', '.join(names[:MAX_PLACES])}{more}"


def _text(text: str, clean: Clean, length: int = MAX_TEXT) -> str:
    """Text of a server's on one line, with nothing in it that acts."""
    return escaped(cut(clean(" ".join(text.split())), length))
