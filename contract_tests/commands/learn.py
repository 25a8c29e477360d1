"""What `contract-tests learn URL` does: write the profile of a server."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click

from agentos_contract.signals import Signals
from agentos_contract.writable import check_file
from contract_tests.commands.options import make_options
from contract_tests.commands.outcome import COULD_NOT_RUN, KEPT, could_not_run, crashed, tested
from contract_tests.learning.learn import EXTRA_RUNS, Outcome, learn_profile
from contract_tests.learning.profile_file import write_profile
from contract_tests.learning.script_sources import ScriptsError, load_scripts_as_written
from contract_tests.reports.terminal import make_console, say
from contract_tests.running.run import Options
from contract_tests.target.redaction import redact


def run(url: str, out: Path, scripts: Path | None, **target: Any) -> None:
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
        if finding.outcome is Outcome.SHOWN:
            say(console, f"{finding.deviation.id}: {finding.deviation.text}")
    counts = Counter(finding.outcome for finding in learned.findings)
    said = ", ".join(f"{counts[one]} {one.value}" for one in Outcome if counts[one])
    console.print(f"deviations: {said}; requirements broken: {len(learned.known)}", soft_wrap=True)
    say(console, f"profile: {out}")
    return KEPT
