"""`contract-tests learn URL`: writes the profile of a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agentos_contract.output import Command
from contract_tests.cli.options import HELP, target_options


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
@target_options(max_runs=200)
def learn(**given: Any) -> None:
    """Learn the profile of the server at URL: what it does differently.

    Runs the contract tests, looks for the kit's deviations in what came, and writes a profile for
    `mockserver serve --as FILE` and `contract-tests --known FILE`. Exits with 0 if it was written,
    with 2 if the tests could not be run.
    """
    from contract_tests.commands.learn import run

    run(**given)
