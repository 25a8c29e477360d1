"""The options that say how a server is reached, of every command that asks one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import getproxies

import click
from click.core import ParameterSource

from agentos_contract.connection import (
    HEADERS_VARIABLE,
    PROXY_VARIABLE,
    Connection,
    ConnectionMistake,
    make_connection,
)

F = TypeVar("F", bound=Callable[..., Any])

NAMES = ("header", "ca", "insecure", "cert", "key", "proxy")
"""Of the options, and of the parameters that they are."""

_FILE = click.Path(path_type=Path, dir_okay=False)


def connection_options(function: F) -> F:
    """Declare them; `take_connection` makes a Connection of the parameters."""
    options = [
        click.option(
            "--header",
            metavar="'NAME: VALUE'",
            multiple=True,
            help="A header of every request, which a gateway wants; may be repeated. Secret ones"
            f" stand in {HEADERS_VARIABLE}, one a line. No value is shown.",
        ),
        click.option("--ca", type=_FILE, help="Certificates (PEM) to trust, and no others."),
        click.option("--insecure", is_flag=True, help="Trust any certificate."),
        click.option("--cert", type=_FILE, help="The client's certificate (PEM)."),
        click.option("--key", type=_FILE, help="Its key, where that is another file."),
        click.option(
            "--proxy",
            metavar="URL",
            envvar=PROXY_VARIABLE,
            show_envvar=True,
            help="An HTTP proxy; else what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def take_connection(parameters: dict[str, Any]) -> Connection:
    """What the options say, which are taken out of `parameters`. The command line wins over the
    environment, that over a configuration file. Raises click.BadParameter."""
    values = {name: parameters.pop(name) for name in NAMES}
    told: Iterable[str] = values.pop("header")
    set_ = os.environ.get(HEADERS_VARIABLE, "").splitlines()
    environment = [line for line in set_ if line.strip()]
    source = click.get_current_context().get_parameter_source("header")
    is_told = source is ParameterSource.COMMANDLINE
    first, second = (told, environment) if is_told else (environment, told)
    if values["proxy"] is None:
        _check_proxies()
    try:
        return make_connection(headers=first, more_headers=second, **values)
    except ConnectionMistake as error:
        raise click.BadParameter(str(error), param_hint=error.option) from error


def _check_proxies() -> None:
    """httpx2 wants each proxy of the environment to be one that it can use, asked for or not."""
    proxies = getproxies()
    for name in ("http", "https", "all"):
        scheme, colon, _ = proxies.get(name, "").partition("://")
        if colon and scheme.lower() not in ("http", "https"):
            message = (
                f"{name.upper()}_PROXY of the environment is no HTTP proxy, but {scheme}; expected "
                "one such as http://proxy.example:3128, or --proxy"
            )
            raise click.BadParameter(message, param_hint="--proxy")
