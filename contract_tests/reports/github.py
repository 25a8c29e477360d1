"""What GitHub Actions shows: annotations by workflow commands, and the job's summary."""

from __future__ import annotations

import html
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from contract_tests.judging.results import Result, Status
from contract_tests.reports.places import Place, Places
from contract_tests.reports.terminal import MAX_MESSAGE, cut
from contract_tests.reports.texts import Texts
from contract_tests.running.run import Report

MAX_ANNOTATIONS = 10
"""GitHub shows so many errors of a step."""

MAX_SUMMARY = 1_000_000
"""GitHub refuses a summary of more than 1 MiB."""

_SHOWN = (Status.FAILED, Status.ERROR)


def is_github() -> bool:
    """Whether GitHub Actions runs this."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def error_command(message: str, *, title: str = "", place: Place | None = None) -> str:
    """The line by which GitHub annotates an error, escaped as its toolkit does it."""
    properties = {"title": title}
    if place is not None:
        properties |= {"file": place.file, "line": str(place.line)}
    said = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    return f"::error{' ' if said else ''}{said}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def annotation_lines(report: Report, places: Places, texts: Texts) -> list[str]:
    """A line for each failure; where there are more than GitHub shows, the last names the rest."""
    failed = [result for result in report.results if result.status in _SHOWN]
    shown = failed if len(failed) <= MAX_ANNOTATIONS else failed[: MAX_ANNOTATIONS - 1]
    lines = []
    for result in shown:
        found = places.findings(result)
        lines.append(
            error_command(
                f"{result.requirement.text}\n{_seen(result, texts)}",
                title=f"contract: {result.requirement.id}",
                place=next((one.place for one in found if one.place is not None), None),
            )
        )
    if rest := failed[len(shown) :]:
        names = ", ".join(result.requirement.id for result in rest)
        lines.append(error_command(names, title=f"contract: {len(rest)} more"))
    return lines


def _seen(result: Result, texts: Texts) -> str:
    again = f" ({result.occurrences} times)" if result.occurrences > 1 else ""
    return f"seen: {cut(texts.message(result), MAX_MESSAGE)}{again}"


def write_summary(text: str) -> None:
    """Add Markdown to the job's summary, where GitHub keeps one. Raises OSError."""
    if file := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(file).open("a", encoding="utf-8", errors="backslashreplace") as summary:
            summary.write(cut(text, MAX_SUMMARY))


def summary(report: Report, texts: Texts) -> str:
    """A report as Markdown: how many of each status, a row for each failure, what is known and
    what was not exercised folded away."""
    counts = Counter(result.status for result in report.results)
    said = ", ".join(f"{counts[status]} {status.value}" for status in Status if counts[status])
    lines = [
        f"### Contract tests: {cell(texts.clean(report.target))}",
        "",
        f"{said}; {report.runs} runs started; seed {report.seed}",
        *(["", f"**{report.interrupted}**"] if report.interrupted else []),
        "",
    ]
    by_status = {
        status: [one for one in report.results if one.status is status] for status in Status
    }
    failed = [result for result in report.results if result.status in _SHOWN]
    if failed:
        lines += [*_table(failed, "seen", texts), ""]
    for status, title, column in (
        (Status.KNOWN, "known", "seen"),
        (Status.SKIPPED, "not exercised", "why"),
    ):
        if found := by_status[status]:
            lines += ["<details>", f"<summary>{len(found)} {title}</summary>", ""]
            lines += [*_table(found, column, texts), "", "</details>", ""]
    return "\n".join(lines) + "\n"


def _table(results: Sequence[Result], column: str, texts: Texts) -> list[str]:
    rows = [
        f"| `{result.requirement.id}` | {cell(result.requirement.text)} "
        f"| {cell(cut(texts.message(result), MAX_MESSAGE))} |"
        for result in results
    ]
    return [f"| requirement | | {column} |", "| --- | --- | --- |", *rows]


_MARKDOWN = str.maketrans({char: f"&#{ord(char)};" for char in "\\`*_{}[]()#+-!|~@:"})


def cell(text: str) -> str:
    """A text in a table's cell: as it is, whatever it has of HTML, Markdown, mentions and links."""
    return html.escape(" ".join(text.split()), quote=False).translate(_MARKDOWN)
