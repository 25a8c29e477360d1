"""`contract-tests fuzz URL`: sequences of requests until the time is up."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from agentos_contract.completion import complete_profiles
from agentos_contract.output import Command
from contract_tests.cli.options import HELP, level_option, target_options

_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


class Duration(click.ParamType[float]):
    """A number with s (seconds, the default), m or h."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, int | float):
            return float(value)
        found = _TIME.fullmatch(str(value).strip())
        if found is None or float(found[1]) <= 0:
            self.fail(f"{value!r}: expected a time such as 90s, 10m or 1h", param, ctx)
        return float(found[1]) * _SECONDS[found[2] or "s"]


@click.command(cls=Command, context_settings=HELP)
@click.argument("url")
@click.option(
    "--time",
    "seconds",
    type=Duration(),
    default="10m",
    show_default=True,
    help="How long: 90s, 10m, 1h.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1, max=64),
    default=1,
    show_default=True,
    help="How many processes.",
)
@click.option(
    "--database",
    metavar="DIR|redis://…",
    default=".contract-tests/examples",
    show_default=True,
    help="Where what was found is kept, to be replayed first next time. Several machines may share"
    " a Redis.",
)
@click.option(
    "--report-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".contract-tests/failures"),
    show_default=True,
    help="Where to write replay.json, with each failure that is found.",
)
@click.option(
    "--replay",
    "saved_as",
    metavar="DIR[:REQUIREMENT]",
    help="As contract-tests URL --replay: have saved failures again, and nothing else.",
)
@click.option(
    "--max-failures",
    type=click.IntRange(min=1),
    help="Stop when so many were found, before the time is up.",
)
@click.option(
    "--known",
    metavar="PROFILE|FILE",
    shell_complete=complete_profiles,
    help="Deviations that are known: not failures.",
)
@level_option
@click.option(
    "--seed", type=click.IntRange(min=0), help="Draw the sequences of an earlier time again."
)
@target_options(max_runs=1000, idle_timeout=30.0, total_timeout=120.0, generates=False)
def fuzz(**given: Any) -> None:
    """Send generated sequences of requests to URL until the time is up.

    Exits with 0 if nothing was found, with 1 if a failure was, with 2 if it could not be run.
    """
    from contract_tests.commands.fuzz import run

    run(**given)
