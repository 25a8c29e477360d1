"""`contract-tests diff OLD NEW`: compares two profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agentos_contract.completion import complete_profiles
from agentos_contract.output import Command
from contract_tests.cli.options import HELP


@click.command(cls=Command, context_settings=HELP)
@click.argument("old", shell_complete=complete_profiles)
@click.argument("new", shell_complete=complete_profiles)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the differences as JSON, too.",
)
def diff(**given: Any) -> None:
    """Say what a front end built for the profile OLD would notice of the server of NEW.

    Each is one of the kit's profiles, or a file. Exits with 0 if they are the same, with 1 if not.
    """
    from contract_tests.commands.diff import run

    run(**given)
