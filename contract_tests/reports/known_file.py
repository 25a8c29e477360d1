"""Writes known deviations: what was seen is added, what is gone is dropped, the rest stays as it
is, with its comments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from contract_tests.checks.registry import CHECKS
from contract_tests.judging.entries import entries_for
from contract_tests.judging.known import Known, KnownDeviations, KnownError
from contract_tests.judging.results import new_breaches, stale_entries
from contract_tests.running.run import Report

MAX_REASON = 300
"""Characters of a reason that is made of what was seen."""


@dataclass(frozen=True)
class Update:
    """What was changed in a file."""

    added: tuple[str, ...]
    dropped: tuple[str, ...]
    """Requirement ids."""

    def describe(self) -> str:
        parts = [
            f"{verb} {', '.join(names)}"
            for verb, names in (("added", self.added), ("dropped", self.dropped))
            if names
        ]
        return "; ".join(parts) or "nothing to change"


def update_known_file(
    file: Path,
    start: Path | None,
    report: Report,
    known: KnownDeviations,
    redact: Callable[[str], str],
) -> Update:
    """Bring the file up to date with what was found.

    `start` is read in its place where it does not exist; `known` is what it says, as loaded.
    Whatever is new is added as narrow as it was seen: an entry for each kind of fault, with the
    workflows where it is theirs. `redact` takes out of a text what must not be written. Raises
    KnownError, OSError.
    """
    findings = report.findings
    yaml = YAML()
    yaml.width = 2**16  # a reason is a line, however long
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = _read(yaml, file if file.exists() else start)
    entries = content.setdefault("known", CommentedMap())
    added, dropped = [], []
    of_each_workflow = {check.name for check in CHECKS if check.tries_each_workflow}
    for name in (result.requirement.id for result in report.results):
        listed = known.get(name, ())
        new = new_breaches(findings, name, listed)
        stale = stale_entries(findings, name, listed)
        if stale:
            dropped.append(name)
            _keep(entries, name, [entry not in stale for entry in listed])
        if new:
            added.append(name)
            for entry in entries_for(name, new, report.streams, of_each_workflow):
                _add(entries, name, entry_content(entry, redact))
    if added or dropped or not file.exists():
        stream = StringIO()
        yaml.dump(content, stream)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(stream.getvalue(), encoding="utf-8")
    return Update(tuple(added), tuple(dropped))


def _read(yaml: YAML, file: Path | None) -> Any:
    if file is None:
        return CommentedMap()
    try:
        content = yaml.load(file.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise KnownError(f"{file}: cannot be read: {error}") from error
    if content is None:
        return CommentedMap()
    if not isinstance(content, CommentedMap):
        raise KnownError(f"{file}: expected `known:` with a reason by requirement id")
    return content


def _keep(entries: Any, name: str, keep: Sequence[bool]) -> None:
    """Of a requirement's entries only those that are to be kept."""
    if not any(keep):
        del entries[name]
        return
    for position in reversed(range(len(keep))):
        if not keep[position]:
            del entries[name][position]


def entry_content(entry: Known, redact: Callable[[str], str]) -> Any:
    """A known deviation as it stands in a file."""
    reason = _line(redact(entry.reason))
    content = CommentedMap(reason=reason)
    if entry.sometimes:
        content["sometimes"] = True
    for key in ("workflows", "when", "event", "at", "cause"):
        value = getattr(entry, key) or ()
        words = [value] if isinstance(value, str) else [redact(word) for word in value]
        if words:
            content[key] = on_one_line(words) if key == "workflows" or len(words) > 1 else words[0]
    if entry.status is not None:
        content["status"] = entry.status
    return content if len(content) > 1 else reason


def on_one_line(items: Sequence[Any]) -> CommentedSeq:
    """A list that is written on one line."""
    found = CommentedSeq(items)
    found.fa.set_flow_style()
    return found


def _add(entries: Any, name: str, entry: Any) -> None:
    present = entries.get(name)
    if present is None:
        entries[name] = entry
        return
    as_list = present if isinstance(present, list) else [present]
    if not isinstance(entry, Mapping):
        entry = CommentedMap(reason=entry)
    as_list.append(entry)
    entries[name] = as_list


def _line(text: str) -> str:
    line = " ".join(text.split())
    line = "".join(letter if letter.isprintable() else "\ufffd" for letter in line)
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"
