"""`contract-tests drift URL`: what a client would notice of a server that is not the kit's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agentos_contract.completion import Items, complete_kits_files
from agentos_contract.output import Command
from contract_tests.cli.options import HELP, target_options

DEFAULT_BASELINE = "agno-2.5.6"


def _complete_baselines(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    from contract_tests.drift.baseline import BASELINES

    return complete_kits_files(BASELINES, incomplete)


@click.command(cls=Command, context_settings=HELP)
@click.argument("url")
@click.option(
    "--since",
    metavar="NAME|FILE|none",
    shell_complete=_complete_baselines,
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
def drift(**given: Any) -> None:
    """Say what a client that was built for the kit's document would notice of the server at URL.

    Compares what the server publishes (/openapi.json) and what it sends with the kit's document
    and its event schemas. Exits with 0 if nothing breaks such a client, with 1 if something does,
    with 2 if the comparison could not be made.
    """
    from contract_tests.commands.drift import run

    run(**given)
