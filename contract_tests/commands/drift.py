"""What `contract-tests drift URL` does: say what a client would notice of a server that is not the
kit's."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from agentos_contract.output import escaped
from agentos_contract.signals import Signals
from agentos_contract.writable import check_folder
from contract_tests.commands.options import make_options
from contract_tests.commands.outcome import (
    BROKEN,
    KEPT,
    could_not_run,
    describe_interrupt,
    plan_lines,
)
from contract_tests.drift.baseline import Baseline, BaselineError, load_baseline
from contract_tests.drift.drift import Drift, Listener, find_drift
from contract_tests.drift.report import describe, write_report
from contract_tests.drift.requests import Plan
from contract_tests.reports.terminal import make_console, say
from contract_tests.running.run import Options
from contract_tests.target.problems import CouldNotRun
from contract_tests.target.redaction import redact
from contract_tests.target.target import Target


def run(url: str, since: str, report_dir: Path | None, **target: Any) -> None:
    try:
        baseline = load_baseline(since)
    except BaselineError as error:
        raise click.BadParameter(str(error), param_hint="--since") from error
    options = make_options(url, **target)
    check_folder(report_dir, "--report-dir")
    with Signals() as signals:
        code = _compare(options, baseline, report_dir, signals)
    sys.exit(signals.exit_code(code))


def _compare(
    options: Options, baseline: Baseline, report_dir: Path | None, signals: Signals
) -> int:
    console = make_console()
    spinner = console.status("") if console.is_terminal else None

    def planned(target: Target, plan: Plan) -> None:
        say(console, *plan_lines(options, target, plan.describe()))

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
