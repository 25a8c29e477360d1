"""The command line: `contract-tests URL`, and the commands beside it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from agentos_contract import __version__
from contract_tests.commands.diff import diff
from contract_tests.commands.drift import drift
from contract_tests.commands.fuzz import fuzz
from contract_tests.commands.judge import judge
from contract_tests.commands.learn import learn
from contract_tests.commands.options import HELP

COMMANDS: dict[str, click.Command] = {
    "learn": learn,
    "diff": diff,
    "drift": drift,
    "fuzz": fuzz,
}


class WithCommands(click.Command):
    """A command with others beside it: `contract-tests URL …`, and `contract-tests learn URL …`.

    A group would need a name for what has none. No URL is a command's name.
    """

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *more: Any,
        **settings: Any,
    ) -> Any:
        args = list(sys.argv[1:] if args is None else args)
        name = prog_name or "contract-tests"
        if args and args[0] in COMMANDS:
            return COMMANDS[args[0]].main(args[1:], f"{name} {args[0]}", *more, **settings)
        return super().main(args, name, *more, **settings)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, command.get_short_help_str()) for name, command in COMMANDS.items()]
        with formatter.section("Commands, each with a --help of its own"):
            formatter.write_dl(rows)


main = click.version_option(__version__, prog_name="contract-tests")(
    click.command(cls=WithCommands, context_settings=HELP)(judge)
)
