"""What every command asks that runs requests against a target."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from agentos_contract.completion import complete_workflows
from agentos_contract.connection_options import connection_options
from agentos_contract.requirements import DEFAULT_LEVEL, Level
from contract_tests.target.curl import TOKEN_VARIABLE

F = TypeVar("F", bound=Callable[..., Any])

HELP = {"help_option_names": ["-h", "--help"]}
"""A command's `context_settings`."""


def _configure(ctx: click.Context, param: click.Parameter, file: Path | None) -> None:
    from contract_tests.commands.options import configure

    configure(ctx, file)


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    is_eager=True,
    expose_value=False,
    callback=_configure,
    help="A configuration file. Else the nearest contract-tests.toml, or [tool.contract-tests] of"
    " a pyproject.toml, from the current directory upwards, which does not choose who gets the"
    " token.",
)


level_option = click.option(
    "--level",
    type=click.Choice([str(level) for level in Level]),
    default=str(DEFAULT_LEVEL),
    show_default=True,
    help="How far to go: what the document says; what the protocol implies; what one server does.",
)


def target_options(
    *,
    max_runs: int,
    generates: bool = True,
    idle_timeout: float = 30.0,
    total_timeout: float = 120.0,
) -> Callable[[F], F]:
    """What every command needs that asks a target; `generates`: whether requests are generated."""
    options = [
        config_option,
        click.option(
            "--token",
            envvar=TOKEN_VARIABLE,
            show_envvar=True,
            help="The bearer token; without one, what needs one is skipped.",
        ),
        click.option(
            "--token-command",
            metavar="COMMAND",
            help="Prints the token; run where neither --token nor AGENTOS_TOKEN is given.",
        ),
        connection_options,
        click.option(
            "--workflow",
            "workflows",
            metavar="ID",
            shell_complete=complete_workflows,
            multiple=True,
            help="A workflow to run; may be repeated. All that the server lists, unless said.",
        ),
        click.option(
            "--max-runs",
            type=click.IntRange(min=1),
            default=max_runs,
            show_default=True,
            help="How many runs may be started, whatever happens.",
        ),
        click.option(
            "--keep-sessions",
            is_flag=True,
            help="Leave the sessions that runs made; else they are deleted at the end.",
        ),
        click.option("--message", metavar="TEXT", help="The message that runs are started with."),
        click.option(
            "--spec",
            type=click.Path(path_type=Path, dir_okay=False),
            help="An OpenAPI 3.1 document, not the kit's; NAME.overlay.yaml beside it is applied.",
        ),
        click.option(
            "--idle-timeout",
            type=click.FloatRange(min=0, min_open=True),
            default=idle_timeout,
            show_default=True,
            help="Seconds of silence in an answer.",
        ),
        click.option(
            "--total-timeout",
            type=click.FloatRange(min=0, min_open=True),
            default=total_timeout,
            show_default=True,
            help="Seconds for a whole answer.",
        ),
    ]

    generating = [
        click.option(
            "--max-examples",
            type=click.IntRange(min=0),
            default=25,
            show_default=True,
            help="How many forms to generate of each kind, valid and invalid.",
        ),
        click.option(
            "--seed", type=click.IntRange(min=0), help="Repeat an earlier run's requests."
        ),
    ]

    def decorate(function: F) -> F:
        for option in reversed([*options, *(generating if generates else [])]):
            function = option(function)
        return function

    return decorate
