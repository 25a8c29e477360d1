"""What `contract-tests fuzz URL` does: send sequences of requests until the time is up."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from agentos_contract.requirements import Level, load_catalogue
from agentos_contract.signals import Signals
from agentos_contract.writable import check_folder
from contract_tests.commands.options import make_options
from contract_tests.commands.outcome import (
    BROKEN,
    COULD_NOT_RUN,
    KEPT,
    could_not_run,
    describe_interrupt,
    plan_lines,
)
from contract_tests.commands.replay import replay
from contract_tests.fuzzing.campaign import Campaign, Fuzzing, Listener, fuzz_target
from contract_tests.fuzzing.database import DatabaseError
from contract_tests.fuzzing.rounds import INTERRUPTED, TIME_UP, Failure
from contract_tests.fuzzing.saved import save
from contract_tests.judging.known import KnownError, load_known
from contract_tests.reports.terminal import make_console, readable, readable_commands, say
from contract_tests.running.replay import ReplayError, find_failures
from contract_tests.running.run import Options
from contract_tests.target.problems import CouldNotRun
from contract_tests.target.redaction import redact
from contract_tests.target.target import Target


def run(
    url: str,
    seconds: float,
    workers: int,
    database: str,
    report_dir: Path,
    saved_as: str | None,
    max_failures: int | None,
    known: str | None,
    level: str,
    **target: Any,
) -> None:
    try:
        known_list = load_known(known, load_catalogue().requirements) if known is not None else {}
    except KnownError as error:
        raise click.BadParameter(str(error), param_hint="--known") from error
    options = replace(make_options(url, **target), level=Level.parse(level), known=known_list)
    with Signals() as signals:
        try:
            if saved_as is not None:
                code = replay(*find_failures(saved_as), options, None)
            else:
                check_folder(report_dir, "--report-dir")
                fuzzing = Fuzzing(options, seconds, workers, database, max_failures)
                code = _fuzz(fuzzing, report_dir, make_console())
        except (DatabaseError, ReplayError) as error:
            code = could_not_run(str(error))
        except CouldNotRun as error:
            code = could_not_run(f"{options.url}: {redact(str(error), options.secrets)}")
        except KeyboardInterrupt as signal:
            code = could_not_run(describe_interrupt(signal))
    sys.exit(signals.exit_code(code))


def _fuzz(fuzzing: Fuzzing, report_dir: Path, console: Console) -> int:
    options = fuzzing.options
    spinner = console.status("") if console.is_terminal else None
    so_far: list[Failure] = []

    def write(failures: Iterable[Failure]) -> Path:
        return save(failures, options, report_dir, lambda text: redact(text, options.secrets))

    def planned(target: Target) -> None:
        ids = ", ".join(workflow.id for workflow in target.workflows)
        plan = (
            f"will start as many runs as {_time(fuzzing.seconds)} allow, at most "
            f"{options.max_runs}, of: {ids} (seed {options.seed})"
        )
        say(console, *plan_lines(options, target, plan))

    def found(failure: Failure) -> None:
        # Written at once: whatever happens later, it is not lost.
        so_far.append(failure)
        file = write(so_far)
        say(console, f"found: {failure.key}: {file}")

    def progress(text: str) -> None:
        if spinner is not None:
            spinner.update(text)

    with spinner or nullcontext():
        try:
            campaign = fuzz_target(fuzzing, Listener(planned, progress, found))
            if campaign.failures:  # others may have found smaller sequences since
                write(campaign.failures.values())
        except OSError as error:
            return could_not_run(f"a failure could not be written: {error}")
    console.print()
    for failure in campaign.failures.values():
        _print_failure(failure, console, options, report_dir)
    for note in campaign.notes:
        say(console, f"note: {redact(note, options.secrets)}")
    say(console, _summary(campaign, options))
    if campaign.failures:
        return BROKEN
    return COULD_NOT_RUN if campaign.ended == INTERRUPTED else KEPT


def _print_failure(failure: Failure, console: Console, options: Options, folder: Path) -> None:
    requirement = load_catalogue()[failure.key.requirement]
    console.print(f"[bold red]FAILED {requirement.id}[/bold red] ({failure.certainty})")
    commands = redact("\n".join(failure.commands), options.secrets)
    lines = [
        requirement.text,
        f"seen: {readable(failure.message, options.secrets)}",
        *(f"{n}. {one}" for n, one in enumerate(readable_commands(commands, "replay.json"), 1)),
        f"again: contract-tests {shlex.quote(options.url)} --replay {folder}:{requirement.id}",
    ]
    say(console, *(f"  {line}" for line in lines))
    console.print()


def _summary(campaign: Campaign, options: Options) -> str:
    why = f"; ended early: {campaign.ended}" if campaign.ended not in ("", TIME_UP) else ""
    rate = campaign.requests / campaign.seconds if campaign.seconds else 0.0
    return (
        f"{len(campaign.failures)} failures in {campaign.sequences} sequences, "
        f"{campaign.requests} requests ({rate:.0f}/s), {campaign.runs} runs, "
        f"{_time(campaign.seconds)}; seed {options.seed}{why}"
    )


def _time(seconds: float) -> str:
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    return f"{whole / 60:.0f} min"
