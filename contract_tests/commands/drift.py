"""`contract-tests drift URL`: what a client would notice of a server that is not the kit's."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from agentos_contract.completion import complete_kits_files
from agentos_contract.output import Command, escaped
from agentos_contract.signals import Signals
from agentos_contract.writable import check_folder
from contract_tests.commands.options import HELP, make_options, target_options
from contract_tests.commands.outcome import (
    BROKEN,
    KEPT,
    could_not_run,
    describe_interrupt,
    say_plan,
)
from contract_tests.drift.baseline import BASELINES, Baseline, BaselineError, load_baseline
from contract_tests.drift.drift import Drift, Listener, find_drift
from contract_tests.drift.report import describe, write_report
from contract_tests.drift.requests import Plan
from contract_tests.reports.terminal import make_console, say
from contract_tests.running.run import Options
from contract_tests.target.problems import CouldNotRun
from contract_tests.target.redaction import redact
from contract_tests.target.target import Target

DEFAULT_BASELINE = "agno-2.5.6"


@click.command(cls=Command, context_settings=HELP)
@click.argument("url")
@click.option(
    "--since",
    metavar="NAME|FILE|none",
    shell_complete=lambda ctx, param, text: complete_kits_files(BASELINES, text),
    default=DEFAULT_BASELINE,
    show_default=True,
    help="An earlier drift.json, of the kit or yours: what it has too is no drift.",
)
@click.option(
    "--report-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write drift.json and drift.txt.",
)
@target_options(max_runs=60, generates=False)
def drift(url: str, since: str, report_dir: Path | None, **target: Any) -> None:
    """Say what a client that was built for the kit's document would notice of the server at URL.

    Compares what the server publishes (/openapi.json) and what it sends with the kit's document
    and its event schemas. Exits with 0 if nothing breaks such a client, with 1 if something does,
    with 2 if the comparison could not be made.
    """
    try:
        baseline = load_baseline(since)
    except BaselineError as error:
        raise click.BadParameter(str(error), param_hint="--since") from error
    options = make_options(url, **target)
    check_folder(report_dir, "--report-dir")
    with Signals() as signals:
        code = _run(options, baseline, report_dir, signals)
    sys.exit(signals.exit_code(code))


def _run(options: Options, baseline: Baseline, report_dir: Path | None, signals: Signals) -> int:
    console = make_console()
    spinner = console.status("") if console.is_terminal else None

    def planned(target: Target, plan: Plan) -> None:
        say_plan(console, options, target, plan.describe())

    listener = Listener(planned=planned)
    if spinner is not None:
        listener.progress = lambda text: spinner.update(escape(escaped(text)))
    try:
        with spinner or contextlib.nullcontext():
            found = find_drift(options, baseline, listener)
    except CouldNotRun as error:
        return could_not_run(f"{options.url}: {redact(str(error), options.secrets)}")
    except KeyboardInterrupt as signal:
        return could_not_run(describe_interrupt(signal))
    with signals.deferred():
        return _report(found, options, console, report_dir)


def _report(found: Drift, options: Options, console: Console, report_dir: Path | None) -> int:
    def clean(text: str) -> str:
        return redact(text, options.secrets)

    say(console, *describe(found, clean))
    if report_dir is not None:
        try:
            files = write_report(found, report_dir, clean)
        except OSError as error:
            return could_not_run(f"the report could not be written: {error}")
        say(console, f"reports: {', '.join(map(str, files))}")
    if found.is_breaking:
        return BROKEN
    if not found.is_answered:
        return could_not_run(
            f"{options.url}: no run was answered with 200; nothing of one compared"
        )
    return KEPT
