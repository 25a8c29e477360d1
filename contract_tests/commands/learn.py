"""`contract-tests learn URL`: writes the profile of a server."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click

from agentos_contract.output import Command
from agentos_contract.signals import Signals
from agentos_contract.writable import check_file
from contract_tests.commands.options import HELP, make_options, target_options
from contract_tests.commands.outcome import COULD_NOT_RUN, KEPT, could_not_run, crashed, tested
from contract_tests.learning.learn import EXTRA_RUNS, Verdict, learn_profile
from contract_tests.learning.profile_file import write_profile
from contract_tests.learning.script_sources import ScriptsError, load_scripts_as_written
from contract_tests.reports.terminal import make_console, say
from contract_tests.running.run import Options
from contract_tests.target.redaction import redact


@click.command(cls=Command, context_settings=HELP)
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
    check_file(out, "--out")
    with Signals() as signals:
        code = _learn(make_options(url, **target), out, scripts)
    sys.exit(signals.exit_code(code))


def _learn(options: Options, out: Path, scripts: Path | None) -> int:
    try:
        sources = load_scripts_as_written(scripts) if scripts is not None else {}
    except ScriptsError as error:
        raise click.BadParameter(str(error), param_hint="--scripts") from error
    console = make_console()
    console.print(f"learning starts up to {EXTRA_RUNS} runs more than what comes next says")
    learned = tested(
        options, console, lambda listener: learn_profile(options, listener, scripts=sources)
    )
    if learned is None:
        return COULD_NOT_RUN
    if learned.report.crashes:
        return crashed(learned.report, options)
    try:
        write_profile(learned, out, lambda text: redact(text, options.secrets))
    except OSError as error:
        return could_not_run(f"the profile could not be written: {error}")
    for finding in learned.findings:
        if finding.verdict is Verdict.SHOWN:
            say(console, f"{finding.deviation.id}: {finding.deviation.text}")
    counts = Counter(finding.verdict for finding in learned.findings)
    said = ", ".join(f"{counts[one]} {one.value}" for one in Verdict if counts[one])
    console.print(f"deviations: {said}; requirements broken: {len(learned.known)}", soft_wrap=True)
    say(console, f"profile: {out}")
    return KEPT
