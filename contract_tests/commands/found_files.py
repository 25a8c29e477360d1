"""What a file may not choose: who is sent the token, what is run, what is written elsewhere.

A configuration file is found by where a command is started, and a saved failure names the server
that showed it; both may come with a stranger's repository or report. So what they say counts where
the user said it too: by naming the configuration file (`--config`), or the URL.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click
from click.core import ParameterSource

from agentos_contract.connection import HEADERS_VARIABLE
from contract_tests.target.configuration import Configuration

FILE = "contract_tests.configuration_file"
"""What the configuration's file, or None, is in a context's `meta`."""

IS_NAMED = "contract_tests.configuration_is_named"
"""Whether the user named it."""

WHERE_REQUESTS_GO = ("url", "proxy", "ca", "insecure")
WRITTEN = ("report_dir", "allure_dir", "log")


def refuse_choices(ctx: click.Context, *, has_token: bool) -> None:
    """Raise click.BadParameter where a configuration file that nobody named would choose who gets
    what is secret, or where something is written outside its own folder."""
    file: Path | None = ctx.meta[FILE]
    if file is None or ctx.meta[IS_NAMED]:
        return
    secret = _secret(ctx, has_token=has_token)
    for key in WHERE_REQUESTS_GO if secret else ():
        if _is_the_files(ctx, key):
            _refuse(file, key, f"who gets {secret}", f"or give --{key}" if key != "url" else _URL)
    for key in WRITTEN:
        written: Path | None = ctx.params.get(key)
        if written is None or not _is_the_files(ctx, key):
            continue
        if not written.resolve().is_relative_to(file.parent.resolve()):
            option = f"--{key.replace('_', '-')}"
            _refuse(file, option[2:], "what is written outside its folder", f"or give {option}")


def refuse_command(ctx: click.Context) -> None:
    """Raise click.BadParameter where a configuration file that nobody named has a token-command."""
    file: Path | None = ctx.meta[FILE]
    configuration: Configuration = ctx.obj
    if configuration.token_command is not None and file is not None and not ctx.meta[IS_NAMED]:
        _refuse(file, "token-command", "what is run", "or give --token-command or AGENTOS_TOKEN")


def refuse_saved_target(ctx: click.Context, target: str, name: str, *, has_token: bool) -> None:
    """Raise click.BadParameter where what is secret would go to the server that a saved failure
    names."""
    if (secret := _secret(ctx, has_token=has_token)) is not None:
        command = shlex.join(["contract-tests", target, "--replay", name])
        message = f"{name} names {target}, and a file does not choose who gets {secret}"
        raise click.BadParameter(f"{message}; say the URL: {command}", param_hint="--replay")


_URL = "or say the URL"


def _refuse(file: Path, key: str, what: str, other: str) -> None:
    named = f"--config {shlex.quote(os.path.relpath(file))}"
    message = f"a file that was found, and not named, does not choose {what}"
    raise click.BadParameter(f"{message}; name it ({named}), {other}", param_hint=f"{file}: {key}")


def _is_the_files(ctx: click.Context, key: str) -> bool:
    configuration: Configuration = ctx.obj
    is_said = getattr(configuration, key, None) not in (None, False)
    return is_said and ctx.get_parameter_source(key) is ParameterSource.DEFAULT_MAP


def _secret(ctx: click.Context, *, has_token: bool) -> str | None:
    """What of the user's would be sent that is for the right server alone."""
    told = ParameterSource.COMMANDLINE
    if has_token:
        return "the token"
    if os.environ.get(HEADERS_VARIABLE) or ctx.get_parameter_source("header") is told:
        return "the headers"
    return "the certificate" if ctx.get_parameter_source("cert") is told else None
