"""`agentos-mock record`: a server's runs as recordings, and recordings as scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agentos_contract.completion import complete_workflows
from agentos_contract.connection_options import connection_options
from mockserver.defaults import RECORDED_MESSAGE, TOKEN_VARIABLES


@click.command()
@click.argument("url")
@click.option(
    "--workflow",
    "workflows",
    metavar="ID",
    shell_complete=complete_workflows,
    multiple=True,
    help="A workflow to record; more than once for several. All that are listed, unless said.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder to write descriptions and recordings to; `serve --workflows` replays it.",
)
@click.option(
    "--token",
    envvar=TOKEN_VARIABLES,
    show_envvar=True,
    help="The server's bearer token; it is not written.",
)
@connection_options
@click.option(
    "--message",
    "messages",
    metavar="TEXT",
    multiple=True,
    default=(RECORDED_MESSAGE,),
    show_default=True,
    help="What to ask; more than once for several runs.",
)
@click.option(
    "--session", metavar="ID", help="The session to run in; a fresh one each, unless said."
)
@click.option("--user", metavar="ID", help="The user to run as.")
def record(**given: Any) -> None:
    """Record a server at URL: descriptions, streams with their times, batch bodies.

    Where URL is a folder of recordings, scripts are written that do as they show.
    """
    from mockserver.commands.record import run

    run(**given)
