"""`python -m tests.differential.sessions`: sequences of calls by the hundred; the first that
differs, as small as it gets."""

from __future__ import annotations

import logging
import sys
import time

import click
import hypothesis
from hypothesis import HealthCheck, Verbosity
from hypothesis.stateful import run_state_machine_as_test

from mockserver.script.cel import Cel
from tests.differential.sessions_calls import Differs, both_servers
from tests.differential.sessions_machine import machine

SETTINGS = hypothesis.settings(
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    verbosity=Verbosity.normal,
    print_blob=False,
    report_multiple_bugs=False,
)


@click.command()
@click.option("--sequences", default=200, show_default=True, help="How many to draw.")
@click.option("--steps", default=25, show_default=True, help="Calls of a sequence, at most.")
@click.option("--seed", default=0, show_default=True)
def main(sequences: int, steps: int, seed: int) -> None:
    """Ask a real AgentOS and the mock as it the same; exit 1 at the first difference."""
    logging.disable(logging.WARNING)
    # cel-python raises the recursion limit at its first expression; Hypothesis minds if that
    # happens in the middle of a test.
    Cel("true", ())
    settings = hypothesis.settings(SETTINGS, max_examples=sequences, stateful_step_count=steps)
    started = time.monotonic()
    with both_servers() as both:
        drawn = hypothesis.seed(seed)(machine(lambda: both))
        try:
            run_state_machine_as_test(drawn, settings=settings)
        except Differs as error:
            click.echo(f"\n{error}")
            sys.exit(1)
        count = both.asked
    seconds = time.monotonic() - started
    click.echo(f"{sequences} sequences, {count} calls, seed {seed}, {seconds:.0f} s: no difference")


if __name__ == "__main__":
    main()
