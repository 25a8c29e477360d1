"""The command line: `contract-tests URL`."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import click
import httpx
from rich.console import Console
from rich.status import Status as Spinner

from agentos_contract import __version__
from agentos_contract.document import DocumentError, load_document
from agentos_contract.requirements import Level, load_catalogue
from contract_tests.client import Limits
from contract_tests.curl import TOKEN_VARIABLE
from contract_tests.known import KnownError, check_id, load_known
from contract_tests.plan import Plan
from contract_tests.registry import Check
from contract_tests.report_files import write_reports
from contract_tests.reporting import print_report, redact
from contract_tests.results import Status
from contract_tests.session import Listener, Options, run_contract_tests
from contract_tests.target import CouldNotRun, Target

KEPT, BROKEN, COULD_NOT_RUN = 0, 1, 2
"""Exit codes."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="contract-tests")
@click.argument("url")
@click.option(
    "--token",
    envvar=TOKEN_VARIABLE,
    show_envvar=True,
    help="The bearer token; without one, what needs one is skipped.",
)
@click.option(
    "--workflow",
    "workflows",
    metavar="ID",
    multiple=True,
    help="A workflow to run; more than once for several. All that the server lists, unless said.",
)
@click.option(
    "--level",
    type=click.Choice([str(level) for level in Level]),
    default=str(Level.PROTOCOL),
    show_default=True,
    help="How far to go: what the document says; what the protocol implies; what one server does.",
)
@click.option(
    "--known",
    metavar="PROFILE|FILE",
    help="Deviations that are known: not failures, unless they are gone.",
)
@click.option(
    "--max-examples",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="How many forms to generate of each kind, valid and invalid.",
)
@click.option(
    "--max-runs",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    help="How many runs may be started, whatever happens.",
)
@click.option("--message", metavar="TEXT", help="The message that runs are started with.")
@click.option(
    "--require",
    "required",
    metavar="ID",
    multiple=True,
    help="A requirement that must be exercised: skipping it is a failure.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Repeat an earlier run's requests.")
@click.option(
    "--report-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write report.json, junit.xml, results.sarif and report.html.",
)
@click.option(
    "--spec",
    type=click.Path(path_type=Path, dir_okay=False),
    help="An OpenAPI 3.1 document instead of the kit's; NAME.overlay.yaml beside it is applied.",
)
@click.option(
    "--idle-timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds of silence in an answer.",
)
@click.option(
    "--total-timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=300.0,
    show_default=True,
    help="Seconds for a whole answer.",
)
def main(
    url: str,
    token: str | None,
    workflows: tuple[str, ...],
    level: str,
    known: str | None,
    max_examples: int,
    max_runs: int,
    message: str | None,
    required: tuple[str, ...],
    seed: int | None,
    report_dir: Path | None,
    spec: Path | None,
    idle_timeout: float,
    total_timeout: float,
) -> None:
    """Judge the AgentOS workflow API at URL.

    Exits with 0 if every requirement was kept, with 1 if one was broken (or a known one no longer
    is), with 2 if the tests could not be run.
    """
    ids = load_catalogue().requirements
    try:
        for requirement_id in required:
            check_id(requirement_id, ids)
    except KnownError as error:
        raise click.BadParameter(str(error), param_hint="--require") from error
    try:
        known_reasons = load_known(known, ids) if known is not None else {}
    except KnownError as error:
        raise click.BadParameter(str(error), param_hint="--known") from error
    try:
        document = load_document(spec)
    except DocumentError as error:
        raise click.BadParameter(str(error), param_hint="--spec") from error
    _check_url(url)
    _check_texts(token, message, workflows)
    options = Options(
        url=url.rstrip("/"),
        document=document,
        seed=secrets.randbits(32) if seed is None else seed,
        token=token or None,
        workflows=workflows,
        level=Level.parse(level),
        known=known_reasons,
        required=required,
        max_examples=max_examples,
        max_runs=max_runs,
        message=message,
        limits=Limits(idle=idle_timeout, total=total_timeout),
    )
    sys.exit(_run(options, report_dir))


def _check_url(url: str) -> None:
    try:
        parts = httpx.URL(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.host)
    except (httpx.InvalidURL, ValueError):
        is_url = False
    if not is_url or parts.query or parts.fragment:
        message = f"{url!r} is no server's URL; expected one such as http://localhost:7777"
        raise click.BadParameter(message, param_hint="URL")


def _check_texts(token: str | None, message: str | None, workflows: tuple[str, ...]) -> None:
    """What could not be sent is said before anything is."""
    if token and not (token.isascii() and token.isprintable() and token == token.strip()):
        raise click.BadParameter("no header can carry it; expected ASCII", param_hint="--token")
    for hint, text in (("--message", message or ""), *(("--workflow", id_) for id_ in workflows)):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise click.BadParameter("it is no UTF-8", param_hint=hint) from error
        if hint == "--workflow" and text in ("", ".", ".."):
            raise click.BadParameter(f"{text!r} is no workflow's id", param_hint=hint)


def _run(options: Options, report_dir: Path | None) -> int:
    console = Console(highlight=False)
    spinner = console.status("") if console.is_terminal else None
    try:
        with spinner or _Silent():
            report = run_contract_tests(options, _listener(options, console, spinner))
    except CouldNotRun as error:
        return _could_not_run(f"{options.url}: {redact(str(error), options.token)}")
    except KeyboardInterrupt:
        return _could_not_run("interrupted")
    print_report(report, console, options.token)
    if report_dir is not None:
        try:
            files = write_reports(report, report_dir, options.token)
        except OSError as error:
            return _could_not_run(f"the report could not be written: {error}")
        console.print(f"reports: {', '.join(map(str, files))}", soft_wrap=True)
    statuses = {result.status for result in report.results}
    if report.crashes:
        crash = redact(report.crashes[0], options.token)
        return _could_not_run(f"{crash}; this is a fault of contract-tests")
    return BROKEN if Status.FAILED in statuses else KEPT


class _Silent:
    """Stands in for a spinner where the output is no terminal."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        return None


def _listener(options: Options, console: Console, spinner: Spinner | None) -> Listener:
    listener = Listener()

    def planned(target: Target, plan: Plan) -> None:
        console.print(
            f"{options.url}: {plan.describe()} (seed {options.seed})", markup=False, soft_wrap=True
        )
        for workflow_id, reason in target.unusable:
            console.print(f"left out: {workflow_id}: {reason}", markup=False, soft_wrap=True)

    listener.planned = planned
    if spinner is not None:

        def checking(check: Check, position: int, count: int) -> None:
            spinner.update(f"{position + 1}/{count} {check.name.replace('_', ' ')}")

        listener.checking = checking
        listener.progress = lambda text: spinner.update(text)
    return listener


def _could_not_run(message: str) -> int:
    click.echo(f"contract-tests: {' '.join(message.split())}", err=True)
    return COULD_NOT_RUN
