"""The command line: `agentos-mock serve`, `check`, `record`, `faults` and `openapi`.

Here are the commands' options, and so --help and completion, which take no second's imports. What a
command does is in `commands/`, which its function imports.
"""

from __future__ import annotations

import click

from agentos_contract import __version__
from agentos_contract.output import Group
from mockserver.cli.check import check
from mockserver.cli.lists import faults, openapi
from mockserver.cli.record import record
from mockserver.cli.serve import serve


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """A scripted mock of the Agno AgentOS workflow API."""


for command in (serve, check, record, faults, openapi):
    main.add_command(command)
