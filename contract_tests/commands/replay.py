"""`contract-tests [URL] --replay DIR[:REQUIREMENT]`: whether saved failures still fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from agentos_contract.document import DocumentError, load_document
from contract_tests.checks.plan import Plan
from contract_tests.commands.outcome import BROKEN, COULD_NOT_RUN, KEPT, tested
from contract_tests.fuzzing.saved import replay_sequences
from contract_tests.reports.exchange_log import logging_to
from contract_tests.reports.terminal import make_console, print_replayed, say
from contract_tests.running.replay import (
    Outcome,
    Replayed,
    SavedFailure,
    SavedFailures,
    replay_failures,
)
from contract_tests.running.run import Listener, Options
from contract_tests.target.client import Limits
from contract_tests.target.target import Target


def replay(
    saved: SavedFailures, failures: list[SavedFailure], options: Options, log: Path | None
) -> int:
    """Replay, say what came of it, and give the exit code."""
    console = make_console()
    if not failures:
        console.print("no failure was saved")
        return KEPT
    options = _as_saved(options, saved)

    def test(listener: Listener) -> list[Replayed]:
        def listener_of(group: Sequence[SavedFailure]) -> Listener:
            names = ", ".join(failure.requirement for failure in group)

            def planned(target: Target, plan: Plan) -> None:
                say(console, f"{names}: {plan.describe()}")

            return replace(logged, planned=planned)

        with logging_to(log, options, listener) as logged:
            by_checks = [failure for failure in failures if not failure.sequences]
            drawn = [failure for failure in failures if failure.sequences]
            replayed = replay_failures(saved, by_checks, options, listener_of)
            if drawn:
                replayed += replay_sequences(options, drawn)
            return replayed

    replayed = tested(options, console, test)
    if replayed is None:
        return COULD_NOT_RUN
    print_replayed(replayed, console, options.secrets)
    outcomes = {one.outcome for one in replayed}
    if Outcome.STILL_FAILS in outcomes:
        return BROKEN
    return COULD_NOT_RUN if Outcome.UNDECIDED in outcomes else KEPT


def _as_saved(options: Options, saved: SavedFailures) -> Options:
    """The document and the limits as they were, unless the command line has others."""
    context = click.get_current_context()

    def is_told(name: str) -> bool:
        return context.get_parameter_source(name) is ParameterSource.COMMANDLINE

    if saved.spec is not None and not is_told("spec"):
        try:
            options = replace(options, document=load_document(saved.spec), spec=saved.spec)
        except DocumentError as error:
            raise click.BadParameter(str(error), param_hint="'--replay'") from error
    limits = options.limits
    idle = limits.idle if is_told("idle_timeout") else saved.idle_timeout
    total = limits.total if is_told("total_timeout") else saved.total_timeout
    return replace(options, limits=Limits(idle=idle, total=total))
