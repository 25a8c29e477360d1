"""The command line: `contract-tests URL`, `contract-tests learn URL`, `contract-tests diff`."""

from __future__ import annotations

import json
import secrets
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click
import httpx
from rich.console import Console
from rich.status import Status as Spinner

from agentos_contract import __version__
from agentos_contract.document import DocumentError, load_document
from agentos_contract.profile_diff import compare_profiles
from agentos_contract.profiles import Profile, ProfileError, load_profile
from agentos_contract.requirements import Level, load_catalogue
from contract_tests.client import Limits
from contract_tests.curl import TOKEN_VARIABLE
from contract_tests.known import KnownError, check_id, load_known
from contract_tests.learning.learn import EXTRA_RUNS, Seen, learn_profile
from contract_tests.learning.profile_file import write_profile
from contract_tests.learning.script_sources import ScriptsError, load_scripts_as_written
from contract_tests.plan import Plan
from contract_tests.registry import Check
from contract_tests.report_files import write_reports
from contract_tests.reporting import describe_differences, print_report, redact
from contract_tests.results import Status
from contract_tests.session import Listener, Options, Report, run_contract_tests
from contract_tests.target import CouldNotRun, Target

KEPT, BROKEN, COULD_NOT_RUN = 0, 1, 2
"""Exit codes."""


Tested = TypeVar("Tested")
F = TypeVar("F", bound=Callable[..., Any])


class WithCommands(click.Command):
    """A command with others beside it: `contract-tests URL …`, and `contract-tests learn URL …`.

    A group would need a name for what has none. No URL is a command's name.
    """

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *more: Any,
        **settings: Any,
    ) -> Any:
        args = list(sys.argv[1:] if args is None else args)
        name = prog_name or "contract-tests"
        if args and args[0] in COMMANDS:
            return COMMANDS[args[0]].main(args[1:], f"{name} {args[0]}", *more, **settings)
        return super().main(args, name, *more, **settings)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, command.get_short_help_str()) for name, command in COMMANDS.items()]
        with formatter.section("Commands, each with a --help of its own"):
            formatter.write_dl(rows)


def target_options(*, max_runs: int) -> Callable[[F], F]:
    """What every command needs that runs the tests."""
    options = [
        click.option(
            "--token",
            envvar=TOKEN_VARIABLE,
            show_envvar=True,
            help="The bearer token; without one, what needs one is skipped.",
        ),
        click.option(
            "--workflow",
            "workflows",
            metavar="ID",
            multiple=True,
            help="A workflow to run; may be repeated. All that the server lists, unless said.",
        ),
        click.option(
            "--max-examples",
            type=click.IntRange(min=0),
            default=50,
            show_default=True,
            help="How many forms to generate of each kind, valid and invalid.",
        ),
        click.option(
            "--max-runs",
            type=click.IntRange(min=1),
            default=max_runs,
            show_default=True,
            help="How many runs may be started, whatever happens.",
        ),
        click.option("--message", metavar="TEXT", help="The message that runs are started with."),
        click.option(
            "--seed", type=click.IntRange(min=0), help="Repeat an earlier run's requests."
        ),
        click.option(
            "--spec",
            type=click.Path(path_type=Path, dir_okay=False),
            help="An OpenAPI 3.1 document, not the kit's; NAME.overlay.yaml beside it is applied.",
        ),
        click.option(
            "--idle-timeout",
            type=click.FloatRange(min=0, min_open=True),
            default=60.0,
            show_default=True,
            help="Seconds of silence in an answer.",
        ),
        click.option(
            "--total-timeout",
            type=click.FloatRange(min=0, min_open=True),
            default=300.0,
            show_default=True,
            help="Seconds for a whole answer.",
        ),
    ]

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


HELP = {"help_option_names": ["-h", "--help"]}


@click.command(cls=WithCommands, context_settings=HELP)
@click.version_option(__version__, prog_name="contract-tests")
@click.argument("url")
@target_options(max_runs=60)
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
    "--require",
    "required",
    metavar="ID",
    multiple=True,
    help="A requirement that must be exercised: skipping it is a failure.",
)
@click.option(
    "--report-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write report.json, junit.xml, results.sarif and report.html.",
)
def main(
    url: str,
    level: str,
    known: str | None,
    required: tuple[str, ...],
    report_dir: Path | None,
    **target: Any,
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
    options = replace(
        _options(url, **target), level=Level.parse(level), known=known_reasons, required=required
    )
    sys.exit(_run(options, report_dir))


@click.command(context_settings=HELP)
@click.argument("url")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The profile to write.",
)
@click.option(
    "--scripts",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The scripts that the server was made of: they say what its descriptions leave out.",
)
@target_options(max_runs=150)
def learn(url: str, out: Path, scripts: Path | None, **target: Any) -> None:
    """Learn the profile of the server at URL: what it does differently.

    Runs the contract tests, looks for the kit's deviations in what came, and writes a profile for
    `mockserver serve --as FILE` and `contract-tests --known FILE`. Exits with 0 if it was written,
    with 2 if the tests could not be run.
    """
    sys.exit(_learn(_options(url, **target), out, scripts))


@click.command(context_settings=HELP)
@click.argument("old")
@click.argument("new")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the differences as JSON, too.",
)
def diff(old: str, new: str, report: Path | None) -> None:
    """Say what a front end built for the profile OLD would notice of the server of NEW.

    Each is one of the kit's profiles, or a file. Exits with 0 if they are the same, with 1 if not.
    """
    profiles = [_profile(name, hint) for name, hint in ((old, "OLD"), (new, "NEW"))]
    differences = compare_profiles(*profiles)
    for line in describe_differences(differences, old, new):
        click.echo(line)
    if report is not None:
        content = {"old": old, "new": new, "differences": [d.to_json() for d in differences]}
        try:
            report.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
        except OSError as error:
            raise click.BadParameter(
                f"cannot be written: {error}", param_hint="--report"
            ) from error
    sys.exit(BROKEN if differences else KEPT)


COMMANDS: dict[str, click.Command] = {"learn": learn, "diff": diff}


def _options(
    url: str,
    *,
    token: str | None,
    workflows: tuple[str, ...],
    max_examples: int,
    max_runs: int,
    message: str | None,
    seed: int | None,
    spec: Path | None,
    idle_timeout: float,
    total_timeout: float,
) -> Options:
    try:
        document = load_document(spec)
    except DocumentError as error:
        raise click.BadParameter(str(error), param_hint="--spec") from error
    _check_url(url)
    _check_texts(token, message, workflows)
    return Options(
        url=url.rstrip("/"),
        document=document,
        seed=secrets.randbits(32) if seed is None else seed,
        token=token or None,
        workflows=workflows,
        max_examples=max_examples,
        max_runs=max_runs,
        message=message,
        limits=Limits(idle=idle_timeout, total=total_timeout),
    )


def _profile(name: str, hint: str) -> Profile:
    try:
        # Its known ones are of this catalogue, or it cannot be compared.
        profile = load_profile(name)
        if profile.known is not None:
            load_known(name, load_catalogue().requirements)
    except (ProfileError, KnownError) as error:
        raise click.BadParameter(str(error), param_hint=hint) from error
    return profile


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
    report = _tested(options, console, lambda listener: run_contract_tests(options, listener))
    if report is None:
        return COULD_NOT_RUN
    print_report(report, console, options.token)
    if report_dir is not None:
        try:
            files = write_reports(report, report_dir, options.token)
        except OSError as error:
            return _could_not_run(f"the report could not be written: {error}")
        console.print(f"reports: {', '.join(map(str, files))}", soft_wrap=True)
    statuses = {result.status for result in report.results}
    if report.crashes:
        return _crashed(report, options)
    return BROKEN if Status.FAILED in statuses else KEPT


def _learn(options: Options, out: Path, scripts: Path | None) -> int:
    try:
        sources = load_scripts_as_written(scripts) if scripts is not None else {}
    except ScriptsError as error:
        raise click.BadParameter(str(error), param_hint="--scripts") from error
    console = Console(highlight=False)
    console.print(f"learning starts up to {EXTRA_RUNS} runs more than what comes next says")
    learned = _tested(
        options, console, lambda listener: learn_profile(options, listener, scripts=sources)
    )
    if learned is None:
        return COULD_NOT_RUN
    if learned.report.crashes:
        return _crashed(learned.report, options)
    try:
        write_profile(learned, out, lambda text: redact(text, options.token))
    except OSError as error:
        return _could_not_run(f"the profile could not be written: {error}")
    for finding in learned.findings:
        if finding.seen is Seen.SHOWN:
            console.print(f"{finding.deviation.id}: {finding.deviation.text}", soft_wrap=True)
    counts = Counter(finding.seen for finding in learned.findings)
    said = ", ".join(f"{counts[seen]} {seen.value}" for seen in Seen if counts[seen])
    console.print(f"deviations: {said}; requirements broken: {len(learned.known)}", soft_wrap=True)
    console.print(f"profile: {out}", soft_wrap=True)
    return KEPT


def _tested(
    options: Options, console: Console, test: Callable[[Listener], Tested]
) -> Tested | None:
    """What came of the tests; None, and said why, where they could not be run."""
    spinner = console.status("") if console.is_terminal else None
    try:
        with spinner or _Silent():
            return test(_listener(options, console, spinner))
    except CouldNotRun as error:
        _could_not_run(f"{options.url}: {redact(str(error), options.token)}")
    except KeyboardInterrupt:
        _could_not_run("interrupted")
    return None


def _crashed(report: Report, options: Options) -> int:
    crash = redact(report.crashes[0], options.token)
    return _could_not_run(f"{crash}; this is a fault of contract-tests")


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
