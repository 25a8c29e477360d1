"""What the options mean of every command that runs requests against a target."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import click
import httpx2
from click.core import ParameterSource

from agentos_contract.connection import Connection, ConnectionMistake, below, check_url
from agentos_contract.connection_options import take_connection
from agentos_contract.document import DocumentError, load_document
from contract_tests.commands.found_files import FILE, IS_NAMED, refuse_choices, refuse_command
from contract_tests.plugins.loading import PluginError, load_plugins
from contract_tests.running.run import Options
from contract_tests.target.client import Limits
from contract_tests.target.configuration import (
    Configuration,
    ConfigurationError,
    find_configuration,
    load_configuration,
    token_from,
)
from contract_tests.target.user_files import UserFiles

PARAMETERS = {"workflow": "workflows", "require": "required", "area": "areas"}
"""Names of parameters, where they are not those of the configuration's keys."""


class PluginFailure(click.ClickException):
    """A plugin of the environment cannot be used: one line, and exit code 2."""

    exit_code = 2


def use_plugins() -> None:
    """Add the checks of one's own that are installed. Raises PluginFailure."""
    try:
        load_plugins()
    except PluginError as error:
        raise PluginFailure(str(error)) from error


def configure(ctx: click.Context, file: Path | None) -> None:
    """Make what the configuration says the defaults of the other options. It comes before whatever
    names a requirement, so the plugins' are added here."""
    if not ctx.resilient_parsing:
        use_plugins()
    ctx.meta[IS_NAMED] = file is not None
    try:
        file = file or find_configuration(Path.cwd())
        found = load_configuration(file) if file is not None else Configuration()
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from error
    ctx.obj, ctx.meta[FILE] = found, file
    values = found.model_dump(exclude_none=True, exclude={"workflows", "token_command"})
    ctx.default_map = {PARAMETERS.get(name, name): value for name, value in values.items()}


def make_options(
    url: str,
    *,
    token: str | None,
    token_command: str | None,
    workflows: tuple[str, ...],
    max_runs: int,
    keep_sessions: bool,
    message: str | None,
    spec: Path | None,
    idle_timeout: float,
    total_timeout: float,
    max_examples: int = 0,
    seed: int | None = None,
    **connection: Any,
) -> Options:
    """What the parameters mean. Raises click.UsageError."""
    try:
        document = load_document(spec)
    except DocumentError as error:
        raise click.BadParameter(str(error), param_hint="--spec") from error
    _check_url(url)
    reached = take_connection(connection)
    context = click.get_current_context()
    configuration: Configuration = context.obj
    command = token_command or configuration.token_command
    if not token and token_command is None:
        refuse_command(context)
    if not token and command is not None:
        try:
            token = token_from(command)
        except ConfigurationError as error:
            raise click.UsageError(str(error)) from error
    _check_texts(token, message, workflows)
    _check_authorization(token, reached)
    refuse_choices(context, has_token=bool(token))
    is_told = context.get_parameter_source("message") is ParameterSource.COMMANDLINE
    settings = {
        workflow_id: one.model_copy(update={"message": message, "messages": []}) if is_told else one
        for workflow_id, one in configuration.workflows.items()
    }
    return Options(
        url=below(url, ""),
        document=document,
        seed=secrets.randbits(32) if seed is None else seed,
        token=token or None,
        connection=reached,
        workflows=workflows,
        max_examples=max_examples,
        max_runs=max_runs,
        keep_sessions=keep_sessions,
        message=message,
        settings=settings,
        limits=Limits(idle=idle_timeout, total=total_timeout),
        spec=spec,
        files=UserFiles(configuration=context.meta[FILE], spec=spec),
    )


def _check_url(url: str) -> None:
    if "@" in url.partition("://")[2].partition("/")[0]:
        message = (
            "it has a user or a password in it, which reports would show; "
            "expected one without, and --token, AGENTOS_TOKEN or token-command"
        )
        raise click.BadParameter(message, param_hint="URL")
    try:
        check_url(url, lambda: httpx2.URL(url).host)
    except ConnectionMistake as error:
        raise click.BadParameter(str(error), param_hint="URL") from error


def _check_authorization(token: str | None, connection: Connection) -> None:
    """Of two things that one header would have to be, neither is sent."""
    if token and any(name.lower() == "authorization" for name, _ in connection.headers):
        message = "Authorization is the token's; expected it as --token, or as a header, not both"
        raise click.BadParameter(message, param_hint="--header")


def _check_texts(token: str | None, message: str | None, workflows: tuple[str, ...]) -> None:
    """What could not be sent is said before anything is."""
    if token and not (token.isascii() and token.isprintable() and token == token.strip()):
        raise click.BadParameter("no header can carry it; expected ASCII", param_hint="--token")
    for hint, text in (("--message", message or ""), *(("--workflow", id_) for id_ in workflows)):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise click.BadParameter("it is no UTF-8", param_hint=hint) from error
        if hint == "--workflow" and text in ("", ".", ".."):
            raise click.BadParameter(f"{text!r} is no workflow's id", param_hint=hint)
