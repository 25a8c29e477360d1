"""The command line: `contract-tests URL`, and the commands beside it.

Here are the commands' options, a module each, and so --help and completion, which take no second's
imports. What a command does is in `commands/`, which its function imports. A new one: a module in
both, and its line in COMMANDS.
"""

from __future__ import annotations

from typing import Any

import click

from agentos_contract import __version__
from agentos_contract.completion import complete_commands
from agentos_contract.output import Command
from contract_tests.cli.diff import diff
from contract_tests.cli.drift import drift
from contract_tests.cli.fuzz import fuzz
from contract_tests.cli.judge import judge
from contract_tests.cli.learn import learn
from contract_tests.cli.options import HELP

COMMANDS: dict[str, click.Command] = {
    "learn": learn,
    "diff": diff,
    "drift": drift,
    "fuzz": fuzz,
}


class WithCommands(Command):
    """A command with others beside it: `contract-tests URL …`, and `contract-tests learn URL …`.

    A group would need a name for what has none. No URL is a command's name.
    """

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        if args and args[0] in COMMANDS:
            name = f"{info_name} {args[0]}"
            return COMMANDS[args[0]].make_context(name, args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        return super().invoke(ctx) if ctx.command is self else ctx.command.invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, command.get_short_help_str()) for name, command in COMMANDS.items()]
        with formatter.section("Commands, each with a --help of its own"):
            formatter.write_dl(rows)


_url = click.argument(
    "url",
    required=False,
    shell_complete=lambda ctx, param, text: complete_commands(COMMANDS, text),
)

main = click.version_option(__version__, prog_name="contract-tests")(
    click.command(cls=WithCommands, context_settings=HELP)(_url(judge))
)
