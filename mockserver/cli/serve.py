"""`agentos-mock serve`: its options."""

from __future__ import annotations

import contextlib
import gc
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from agentos_contract.completion import (
    complete_deviations,
    complete_profiles,
    complete_variations,
)
from agentos_contract.origins import OriginParam
from mockserver import defaults
from mockserver.defaults import TOKEN_VARIABLES

KIB = 1024
MIB = 1024 * 1024


END_OF_TIME = datetime.fromisoformat("9999-01-01T00:00:00Z").timestamp()
"""Beyond it no date and time can be written."""


class Positive(click.FloatRange):
    """A finite number above 0."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number; expected such as 2 or 0.5", param, ctx)
        return number


def checked_instant(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Seconds since the epoch, of those or of a date and time with its zone (RFC 3339)."""
    if value is None:
        return None
    seconds = math.nan
    with contextlib.suppress(ValueError):
        seconds = float(value)
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            seconds = moment.timestamp()
    if not 0 <= seconds < END_OF_TIME:
        expected = "expected seconds since the epoch, or such as 2026-01-31T09:00:00Z"
        raise click.BadParameter(f"{value!r} is no time; {expected}", ctx, param)
    return seconds


def _no_argument(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> None:
    """Whoever gives a folder alone means the scripts."""
    if value:
        message = f"there is nothing for {' '.join(value)!r} to be; expected options alone"
        message += f", such as --workflows {value[0]}" if Path(value[0]).exists() else ""
        raise click.UsageError(message, ctx)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    default=7777,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="The port to listen on; 0 is any free one.",
)
@click.option(
    "--spec",
    type=click.Path(path_type=Path),
    help="An OpenAPI 3.1 document instead of the kit's; NAME.overlay.yaml beside it is applied.",
)
@click.option(
    "--workflows",
    type=click.Path(path_type=Path),
    help="A folder of workflow scripts instead of the bundled ones.",
)
@click.option(
    "--token",
    envvar=TOKEN_VARIABLES,
    show_envvar=True,
    help="The bearer token to ask for; without one everybody is let in.",
)
@click.option(
    "--as",
    "profile",
    metavar="PROFILE",
    shell_complete=complete_profiles,
    help="Behave as that server does where it departs from its contract: agno-2.5.6, or a file.",
)
@click.option(
    "--fault",
    "faults",
    metavar="NAME",
    shell_complete=complete_deviations,
    multiple=True,
    help="Perform this deviation; may be repeated. `mockserver faults` lists them.",
)
@click.option(
    "--vary",
    "variations",
    metavar="NAME",
    shell_complete=complete_variations,
    multiple=True,
    help="Differ in this way that the contract allows; may be repeated.",
)
@click.option(
    "--allow-origin",
    "allow_origins",
    metavar="ORIGIN",
    multiple=True,
    type=OriginParam(),
    help="Pages of this origin, such as http://localhost:5173, may read answers also where --as "
    "refuses them, and use the control API; may be repeated.",
)
@click.option(
    "--no-control", is_flag=True, help="Serve no control API and no page under /__mock__/."
)
@click.option(
    "--store",
    default="memory",
    show_default=True,
    metavar="URL",
    help="Where sessions and runs are kept: memory; sqlite:///FILE, which outlives the server; or "
    "redis://HOST:PORT/NUMBER, which several mocks share.",
)
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=Positive(min=0, min_open=True),
    help="How much faster than their scripts runs go.",
)
@click.option(
    "--seed",
    type=int,
    help="The same seed gives the same ids to the same requests in the same order.",
)
@click.option(
    "--clock",
    metavar="TIME",
    callback=checked_instant,
    help="What time it is, for ever or until a test says otherwise: seconds since the epoch, or "
    "like 2026-01-31T09:00:00Z. With --seed the same requests are answered with the same bytes.",
)
@click.option(
    "--max-memory",
    default=defaults.MAX_MEMORY // MIB,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="MIB",
    help="How much of sessions and runs is remembered; beyond it what is longest unused is "
    "forgotten. While runs under way hold as much, or bodies on their way, a further one is "
    "answered 503.",
)
@click.option(
    "--max-body",
    default=defaults.MAX_BODY // MIB,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="MIB",
    help="A longer body is answered 413; a longer message ends a websocket, with 1009.",
)
@click.option(
    "--max-runs",
    default=defaults.MAX_RUNS,
    show_default=True,
    type=click.IntRange(min=1),
    help="Runs under way at one time; one more is answered 503.",
)
@click.option(
    "--max-run-time",
    default=defaults.MAX_RUN_TIME,
    show_default=True,
    type=Positive(min=0, min_open=True),
    metavar="SECONDS",
    help="A run that takes longer fails, holds and pauses included.",
)
@click.option(
    "--max-header-size",
    default=defaults.MAX_HEADER_SIZE // KIB,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="KIB",
    help="A request whose URL and headers are longer is answered 414 or 431.",
)
@click.option(
    "--max-headers",
    default=defaults.MAX_HEADERS,
    show_default=True,
    type=click.IntRange(min=1),
    help="A request with more headers is answered 431.",
)
@click.option(
    "--client-timeout",
    default=defaults.CLIENT_TIMEOUT,
    show_default=True,
    type=Positive(min=0, min_open=True),
    metavar="SECONDS",
    help="A request that takes longer to come is answered 408; a client that takes nothing of its "
    "answer for so long is left.",
)
@click.option(
    "--no-reload",
    is_flag=True,
    help="Do not read scripts, recordings and the document again when they are edited.",
)
@click.option(
    "--certfile",
    type=click.Path(path_type=Path),
    help="Serve TLS with this certificate (PEM); with --keyfile.",
)
@click.option("--keyfile", type=click.Path(path_type=Path), help="The certificate's private key.")
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Processes that serve on the port, with a --store that they share.",
)
@click.option(
    "--log-level",
    default="info",
    show_default=True,
    type=click.Choice(["critical", "error", "warning", "info", "debug"]),
)
@click.argument("arguments", nargs=-1, metavar="", callback=_no_argument, expose_value=False)
def serve(**given: Any) -> None:
    """Serve workflow scripts until interrupted."""
    # What is loaded until it listens stays: to look through it for garbage would take a tenth of
    # the start. commands/serve.py has the collector on from then on.
    gc.disable()
    try:
        from mockserver.commands.serve import run

        run(**given)
    finally:
        gc.enable()
