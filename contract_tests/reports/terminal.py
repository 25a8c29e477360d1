"""The report on a terminal. No secret is in it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from agentos_contract.output import escaped
from agentos_contract.profile_diff import Change, Difference, Impact
from contract_tests.judging.results import REQUIRED, Result, Status
from contract_tests.judging.sources import describe_sources, sources_of
from contract_tests.running.replay import Outcome, Replayed
from contract_tests.running.run import Report
from contract_tests.target.redaction import Secrets, redact

_STYLES = {
    Status.FAILED: "bold red",
    Status.KNOWN: "yellow",
}
MAX_MESSAGE = 600
"""Characters of a message on a terminal; four times that in the files."""

MAX_COMMAND = 2000
"""Characters of a command that is printed; the files have all of it."""


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def make_console() -> Console:
    """A terminal, or a log. What is printed is not changed: no `:bug:` becomes a picture."""
    return Console(highlight=False, emoji=False)


def say(console: Console, *lines: str, style: str | None = None) -> None:
    """Print lines, however long, with nothing in them that acts."""
    for line in lines:
        console.print(
            escaped(line), style=style, markup=False, highlight=False, soft_wrap=True, emoji=False
        )


def readable(text: str, secrets: Secrets, length: int = MAX_MESSAGE) -> str:
    """What somebody else said, for people: in one line, cut off, without secrets."""
    return escaped(cut(redact(text, secrets), length))


def readable_commands(commands: str, whole: str = "report.json") -> list[str]:
    """Shell commands without secrets, to be copied, one a line. One that is too long to be copied
    is a comment that names the file that has it `whole`."""
    lines = commands.split("\n")
    return [
        escaped(line)
        if len(line) <= MAX_COMMAND
        else f"# {escaped(line[:200])}… ({len(line):,} characters; {whole} of --report-dir has all)"
        for line in lines
        if line
    ]


def print_report(
    report: Report, console: Console, secrets: Secrets, saved_in: Path | None = None
) -> None:
    """Failures first, each with what to do; then what was not exercised.

    `saved_in`: the directory that failures were saved in, to be replayed.
    """
    for status in (Status.FAILED, Status.KNOWN):
        for result in report.results:
            if result.status is status:
                _print_result(result, console, secrets)
                if saved_in is not None and result.shown is not None:
                    again = replay_command(report.target, saved_in, result)
                    _print_commands(again, console, secrets)
                console.print()
    _print_crashes(report.results, console, secrets)
    say(console, *coverage_lines(report.results))
    counts = Counter(result.status for result in report.results)
    said = ", ".join(f"{counts[status]} {status.value}" for status in Status if counts[status])
    if report.not_asked_for:
        said += f"; {len(report.not_asked_for)} not asked for (--area, --only, --skip)"
    note = f"; {report.interrupted}" if report.interrupted else ""
    say(console, f"{said}; {report.runs} runs started; seed {report.seed}{note}")
    if report.sessions_left:
        say(console, report.sessions_left)


def print_kept(report: Report, console: Console) -> None:
    """What was kept, a line each: by how many requests of each check it could have been broken."""
    for result in report.results:
        if result.status is not Status.PASSED:
            continue
        name = result.requirement.id
        checks = report.findings.cases[name]
        by = ", ".join(f"{check} {count}" for check, count in checks.most_common() if count)
        say(console, f"PASSED {name} ({by})", style="green")
    console.print()


def _print_crashes(results: Sequence[Result], console: Console, secrets: Secrets) -> None:
    crashed: dict[str, list[str]] = {}
    for result in results:
        if result.status is Status.ERROR:
            crashed.setdefault(result.message, []).append(result.requirement.id)
    for message, names in crashed.items():
        console.print(f"[bold magenta]ERROR[/bold magenta] {escape(', '.join(names))}")
        console.print(f"  {escape(readable(message, secrets))}\n")


def _print_result(result: Result, console: Console, secrets: Secrets) -> None:
    style = _STYLES[result.status]
    again = f" ({result.occurrences} times)" if result.occurrences > 1 else ""
    console.print(
        f"[{style}]{result.status.value.upper()} {result.requirement.id}[/{style}]{again}",
        highlight=False,
    )
    message = readable(result.message, secrets)
    text = f"{result.requirement.text}\n[dim]seen:[/dim] {escape(message)}"
    if result.occurrences > 1:
        sources = readable(describe_sources(sources_of(result.breaches)), secrets)
        text += f"\n[dim]in all:[/dim] {escape(sources)}"
    if console.is_terminal:
        console.print(Padding(text, (0, 0, 0, 2)), highlight=False)
    else:  # a log: its reader wraps lines
        for line in text.split("\n"):
            console.print(f"  {line}", highlight=False, soft_wrap=True)
    _print_commands(result.reproduce, console, secrets)


def replay_command(target: str, saved_in: Path, result: Result) -> str:
    """The command that tries a saved failure again."""
    saved = f"{saved_in}:{result.requirement.id}"
    return shlex.join(["contract-tests", target, "--replay", saved])


def _print_commands(commands: str, console: Console, secrets: Secrets) -> None:
    say(console, *(f"  {line}" for line in readable_commands(redact(commands, secrets))))


_OUTCOME_STYLES = {
    Outcome.STILL_FAILS: "bold red",
    Outcome.FIXED: "green",
    Outcome.UNDECIDED: "yellow",
}


def print_replayed(replayed: Sequence[Replayed], console: Console, secrets: Secrets) -> None:
    """What came of each failure that was replayed."""
    for one in replayed:
        style, outcome = _OUTCOME_STYLES[one.outcome], one.outcome.value.upper()
        name = escape(escaped(one.failure.requirement))
        console.print(f"[{style}]{outcome} {name}[/{style}]", highlight=False)
        if one.message:
            say(console, f"  {readable(one.message, secrets)}")
        _print_commands(one.reproduce, console, secrets)
    counts = Counter(one.outcome for one in replayed)
    said = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome])
    console.print(f"replayed: {said}", highlight=False)


def coverage_lines(results: Sequence[Result]) -> list[str]:
    """How many requirements were exercised, and why the others were not."""
    skipped: dict[str, list[str]] = {}
    exercised = 0
    for result in results:
        if result.status is Status.SKIPPED or result.message.startswith(REQUIRED):
            skipped.setdefault(result.message, []).append(result.requirement.id)
        else:
            exercised += 1
    partly: dict[str, list[str]] = {}
    for result in results:
        if result.status is Status.PASSED and result.message:
            partly.setdefault(result.message, []).append(result.requirement.id)
    in_part = [f"  {reason}: {', '.join(names)}" for reason, names in partly.items()]
    if not skipped:
        return [f"{exercised} of {len(results)} requirements exercised", *in_part]
    names = ", ".join(name for names in skipped.values() for name in names)
    lines = [f"{exercised} of {len(results)} requirements exercised; not: {names}"]
    lines += [f"  {reason}: {', '.join(names)}" for reason, names in skipped.items()]
    return [*lines, *in_part]


_TITLES = {
    Impact.BREAKING: "BREAKING: the contract promises it, {old} keeps it, {new} does not",
    Impact.NOTICEABLE: "NOTICEABLE: somebody may have built on it",
    Impact.BETTER: "BETTER: {old} departs from the contract or from common sense, {new} does not",
}


def describe_differences(differences: Sequence[Difference], old: str, new: str) -> list[str]:
    """What a front end built for `old` would notice of `new`, in lines."""
    if not differences:
        return [f"{old} and {new}: no difference"]
    lines: list[str] = []
    for impact, title in _TITLES.items():
        found = [difference for difference in differences if difference.impact is impact]
        if found:
            lines += [*([""] if lines else []), title.format(old=old, new=new)]
        for difference in found:
            lines += [f"  {line}" for line in _difference(difference, old, new)]
    counts = Counter(difference.impact for difference in differences)
    said = ", ".join(f"{counts[impact]} {impact.value}" for impact in Impact if counts[impact])
    return [*lines, "", f"from {old} to {new}: {said}"]


def _difference(difference: Difference, old: str, new: str) -> list[str]:
    has = new if difference.change is Change.NEW else old
    if difference.kind == "deviation":
        breaks = f" (breaks {', '.join(difference.breaks)})" if difference.breaks else ""
        return [f"{difference.id}, {has} only: {difference.text}{breaks}"]
    return [
        f"{difference.id} ({difference.level}), broken by {has} only: {difference.text}",
        f"  seen: {difference.reason}",
    ]
