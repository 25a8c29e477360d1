"""How a command runs the tests, shows progress, and ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import click
from rich.console import Console

from agentos_contract.output import echo, escaped
from contract_tests.checks.plan import Plan
from contract_tests.commands.progress import LONG, Progress
from contract_tests.reports.github import cell, error_command, is_github, write_summary
from contract_tests.reports.terminal import MAX_COMMAND, cut, say
from contract_tests.running.forecast import Forecast, in_words
from contract_tests.running.run import Listener, Options, Report, RunInterrupted
from contract_tests.target.problems import CouldNotRun
from contract_tests.target.redaction import redact
from contract_tests.target.target import Target

MAX_NAME = 200
"""Characters of what a server calls something, in a line about it."""

KEPT, BROKEN, COULD_NOT_RUN = 0, 1, 2
"""Exit codes."""

Tested = TypeVar("Tested")


def tested(options: Options, console: Console, test: Callable[[Listener], Tested]) -> Tested | None:
    """What came of the tests; None, and said why, where they could not be run."""
    progress = Progress(console)
    try:
        with progress.shown():
            return test(_listener(options, console, progress))
    except CouldNotRun as error:
        could_not_run(f"{options.url}: {redact(str(error), options.secrets)}")
    except KeyboardInterrupt as signal:
        could_not_run(describe_interrupt(signal))
    return None


def describe_interrupt(signal: KeyboardInterrupt) -> str:
    if isinstance(signal, RunInterrupted):
        return signal.report.interrupted
    return f"interrupted by {signal}" if str(signal) else "interrupted"


def crashed(report: Report, options: Options) -> int:
    return could_not_run(redact(report.crashes[0], options.secrets))


def plan_lines(options: Options, target: Target, plan: str) -> list[str]:
    """What will be asked of the target, and which workflows are left out."""
    lines = [
        f"{options.url}: {plan}",
        *(f"left out: {cut(id_, MAX_NAME)}: {why}" for id_, why in target.unusable),
    ]
    return [escaped(cut(redact(line, options.secrets), MAX_COMMAND)) for line in lines]


def _listener(options: Options, console: Console, progress: Progress) -> Listener:
    listener = Listener()

    def planned(target: Target, plan: Plan) -> None:
        lines = plan_lines(options, target, f"{plan.describe()} (seed {options.seed})")
        say(console, *lines)

    forecasts = Forecasts(lambda text: say(console, f"{options.url}: {text}"), progress.expect)
    listener.planned, listener.forecast = planned, forecasts.hear
    listener.checking = lambda check, position, count: progress.checking(
        check.name, position, count
    )
    listener.progress = progress.doing
    return listener


class Forecasts:
    """Says how long it may take: before any run, and again where that turns out to be another."""

    def __init__(
        self, tell: Callable[[str], None], expect: Callable[[float], None] = lambda seconds: None
    ) -> None:
        """`tell` a line for people; `expect` so many seconds, each time that they are known."""
        self._tell = tell
        self._expect = expect
        self._end: float | None = None
        """When all will be over, by what was said last."""
        self._is_first = True

    def hear(self, found: Forecast) -> None:
        """How long the rest may take, as it is known by now."""
        seconds = found.seconds
        if seconds is not None:
            self._expect(seconds)
        if self._is_first or (seconds is not None and self._is_news(seconds)):
            self._tell(in_words(found, more="" if self._is_first else " more"))
            self._end = time.monotonic() + seconds if seconds is not None else None
        self._is_first = False

    def _is_news(self, seconds: float) -> bool:
        if self._end is None:
            return seconds >= LONG
        return abs(time.monotonic() + seconds - self._end) > max(LONG, seconds / 2)


def could_not_run(message: str) -> int:
    message = escaped(cut(" ".join(message.split()), MAX_COMMAND))
    echo(f"contract-tests: {message}", err=True)
    if for_github():
        click.echo(error_command(message, title="contract-tests could not be run"), err=True)
        with suppress(OSError):
            write_summary(f"### Contract tests\n\ncould not be run: {cell(message)}\n")
    return COULD_NOT_RUN


def for_github() -> bool:
    """Whether GitHub Actions is told: by --github, --no-github, else where it runs this."""
    context = click.get_current_context(silent=True)
    said = context.params.get("github") if context is not None else None
    return is_github() if said is None else bool(said)
