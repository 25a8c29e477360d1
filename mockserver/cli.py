"""The command line: `agentos-mock serve`, `check`, `record`, `faults` and `openapi`."""

from __future__ import annotations

import click

from agentos_contract import __version__
from agentos_contract.output import Group
from mockserver.commands.check import check
from mockserver.commands.lists import faults, openapi
from mockserver.commands.record import record
from mockserver.commands.serve import serve


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """A scripted mock of the Agno AgentOS workflow API."""


for command in (serve, check, record, faults, openapi):
    main.add_command(command)
