"""What `contract-tests URL` does: judge a target."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console

from agentos_contract.profiles import find_profile
from agentos_contract.requirements import Level, load_catalogue
from agentos_contract.signals import Signals
from agentos_contract.writable import check_file, check_folder
from contract_tests.checks.selection import Selection, SelectionError
from contract_tests.commands.found_files import refuse_saved_target
from contract_tests.commands.options import make_options
from contract_tests.commands.outcome import (
    BROKEN,
    COULD_NOT_RUN,
    KEPT,
    could_not_run,
    crashed,
    for_github,
    tested,
)
from contract_tests.commands.replay import replay
from contract_tests.judging.known import KnownError, check_id, load_known
from contract_tests.judging.results import REQUIRED, Status
from contract_tests.reports.allure import write_allure
from contract_tests.reports.exchange_log import logging_to
from contract_tests.reports.files import earlier_seconds, write_reports
from contract_tests.reports.github import annotation_lines, summary, write_summary
from contract_tests.reports.known_file import update_known_file
from contract_tests.reports.places import Places
from contract_tests.reports.terminal import make_console, print_kept, print_report, say
from contract_tests.reports.texts import Texts
from contract_tests.running.replay import ReplayError, find_failures
from contract_tests.running.run import (
    Listener,
    Options,
    Report,
    RunInterrupted,
    run_contract_tests,
)
from contract_tests.target.redaction import redact


def run(
    url: str | None,
    level: str,
    areas: tuple[str, ...],
    only: tuple[str, ...],
    skip: tuple[str, ...],
    known: str | None,
    update_known: Path | None,
    required: tuple[str, ...],
    parallel: int,
    time_budget: float | None,
    plan_only: bool,
    browser_origin: str | None,
    report_dir: Path | None,
    allure_dir: Path | None,
    code: tuple[Path, ...],
    github: bool | None,
    log: Path | None,
    verbose: bool,
    replayed: str | None,
    **target: Any,
) -> None:
    if replayed is not None:
        with Signals() as signals:
            outcome = _replay(url, replayed, log, target)
        sys.exit(signals.exit_code(outcome))
    if url is None:
        raise click.UsageError("Missing argument 'URL'.")
    if known is None and update_known is not None and update_known.exists():
        known = str(update_known)
    options = read_options(
        url,
        level=level,
        areas=areas,
        only=only,
        skip=skip,
        known=known,
        required=required,
        code=code,
        parallel=parallel,
        time_budget=time_budget,
        browser_origin=browser_origin,
        **target,
    )
    if report_dir is not None:
        options = replace(options, earlier=earlier_seconds(report_dir, options.url))
    if plan_only:
        sys.exit(_plan(options))
    files = Files(report_dir, allure_dir)
    files.check()
    check_file(log, "--log")
    check_file(update_known, "--update-known")
    console = make_console()
    with Signals() as signals:
        report = tested(options, console, partial(_test, options, log))
        if report is None:
            sys.exit(signals.exit_code(COULD_NOT_RUN))
        with signals.deferred():
            if verbose:
                print_kept(report, console)
            outcome = _report(report, options, console, files, known, update_known)
    sys.exit(signals.exit_code(outcome))


def read_options(
    url: str,
    *,
    level: str,
    areas: tuple[str, ...],
    only: tuple[str, ...],
    skip: tuple[str, ...],
    known: str | None,
    required: tuple[str, ...],
    code: tuple[Path, ...] = (),
    parallel: int = 1,
    time_budget: float | None = None,
    browser_origin: str | None = None,
    **target: Any,
) -> Options:
    """The parameters' meaning. Raises click.UsageError."""
    ids = load_catalogue().requirements
    selection = Selection(areas, only, skip)
    try:
        selection.check(list(load_catalogue().at_level(Level.parse(level))))
    except SelectionError as error:
        raise click.UsageError(str(error)) from error
    try:
        for requirement_id in required:
            check_id(requirement_id, ids)
    except KnownError as error:
        raise click.BadParameter(str(error), param_hint="'--require'") from error
    try:
        known_list = load_known(known, ids) if known is not None else {}
    except KnownError as error:
        raise click.BadParameter(str(error), param_hint="'--known'") from error
    options = make_options(url, **target)
    is_file = known is not None and Path(known).is_file()
    return replace(
        options,
        level=Level.parse(level),
        selection=selection,
        known=known_list,
        required=required,
        parallel=parallel,
        time_budget=time_budget,
        browser_origin=browser_origin,
        files=replace(options.files, code=code, known=Path(known) if known and is_file else None),
    )


def _plan(options: Options) -> int:
    """Say what would be done, and give the exit code."""
    with Signals() as signals:
        console = make_console()
        planned = partial(run_contract_tests, replace(options, plan_only=True))
        report = tested(options, console, planned)
        if report is not None:
            say(console, f"{len(report.results)} requirements would be tested; no run was started")
        return signals.exit_code(COULD_NOT_RUN if report is None else KEPT)


def _replay(url: str | None, name: str, log: Path | None, target: dict[str, Any]) -> int:
    try:
        saved, failures = find_failures(name)
    except ReplayError as error:
        raise click.BadParameter(str(error), param_hint="'--replay'") from error
    context = click.get_current_context()
    is_told = context.get_parameter_source("url") is ParameterSource.COMMANDLINE
    options = make_options(url if url is not None and is_told else saved.target, **target)
    if not is_told:
        has_token = options.token is not None
        refuse_saved_target(context, saved.target, name, has_token=has_token)
    check_file(log, "--log")
    return replay(saved, failures, options, log)


def _test(options: Options, log: Path | None, listener: Listener) -> Report:
    with logging_to(log, options, listener) as logged:
        try:
            return run_contract_tests(options, logged)
        except RunInterrupted as signal:
            return signal.report


@dataclass(frozen=True)
class Files:
    """Where reports are written."""

    report_dir: Path | None
    allure_dir: Path | None

    def check(self) -> None:
        """Raises click.BadParameter where they cannot be."""
        check_folder(self.report_dir, "--report-dir")
        check_folder(self.allure_dir, "--allure-dir")


def _write(report: Report, options: Options, files: Files) -> list[Path]:
    """Write the reports that were asked for. Raises OSError."""
    written: list[Path] = []
    texts = Texts.of(options)
    if files.report_dir is not None:
        written += write_reports(report, files.report_dir, options)
    if files.allure_dir is not None:
        write_allure(report, files.allure_dir, texts)
        written.append(files.allure_dir)
    if for_github():
        write_summary(summary(report, texts))
    return written


def _report(
    report: Report,
    options: Options,
    console: Console,
    files: Files,
    known: str | None,
    update_known: Path | None,
) -> int:
    """Say and write what came of it; the exit code."""
    try:
        written = _write(report, options, files)
    except OSError as error:
        return could_not_run(f"the report could not be written: {error}")
    print_report(report, console, options.secrets, files.report_dir)
    if written:
        say(console, f"reports: {', '.join(map(str, written))}")
    if for_github():
        places = Places(options.files, report.workflows)
        for line in annotation_lines(report, places, Texts.of(options)):
            click.echo(line)
    statuses = {result.status for result in report.results}
    if report.crashes:
        return crashed(report, options)
    if report.interrupted:
        return could_not_run(report.interrupted)
    if update_known is not None:
        try:
            update = update_known_file(
                update_known,
                find_profile(known) if known is not None else None,
                report,
                options.known,
                lambda text: redact(text, options.secrets),
            )
        except (KnownError, OSError) as error:
            return could_not_run(f"{update_known} could not be written: {error}")
        say(console, f"{update_known}: {update.describe()}")
        # What is listed now is no failure; a skipped one that is required still is.
        statuses = {r.status for r in report.results if r.message.startswith(REQUIRED)}
    return BROKEN if Status.FAILED in statuses else KEPT
