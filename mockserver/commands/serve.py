"""`agentos-mock serve`."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import os
import re
import sys
import time
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any

import click

from agentos_contract.completion import (
    complete_deviations,
    complete_profiles,
    complete_variations,
)
from agentos_contract.deviations import UnknownDeviation, check_deviations
from agentos_contract.document import DocumentError, load_document
from agentos_contract.output import echo
from agentos_contract.profiles import ProfileError, load_profile
from agentos_contract.variations import UnknownVariation, check_variations
from mockserver.app import DEFAULT_MAX_BODY, DEFAULT_MAX_MEMORY, Mock, Settings, create_app
from mockserver.commands.files import TOKEN_VARIABLES, recordings_of, scripts_of
from mockserver.connections import (
    DEFAULT_CLIENT_TIMEOUT,
    DEFAULT_MAX_HEADER_SIZE,
    DEFAULT_MAX_HEADERS,
    Limits,
)
from mockserver.control.application import Access
from mockserver.control.security import is_loopback
from mockserver.reloading import Files, Reloader
from mockserver.runner.runner import DEFAULT_MAX_RUN_TIME, DEFAULT_MAX_RUNS
from mockserver.script.loader import BUNDLED_SCRIPTS
from mockserver.server import CannotListen, Certificate, listen_for, set_up_log
from mockserver.server import serve as run_server
from mockserver.sessions.opening import UnknownStore, opener
from mockserver.sessions.store import StoreError
from mockserver.workers import Workers

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


def checked_origins(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Origins as browsers send them: a scheme and a host, perhaps a port."""
    for value in values:
        if not re.fullmatch(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:]+\]|[^\s/?#@:]+)(:\d{1,5})?", value):
            hint = "expected a scheme and a host, perhaps a port, such as http://localhost:5173"
            raise click.BadParameter(f"{value!r} is no origin; {hint}", ctx, param)
    return values


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
    callback=checked_origins,
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
    default=DEFAULT_MAX_MEMORY // MIB,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="MIB",
    help="How much of sessions and runs is remembered; beyond it what is longest unused is "
    "forgotten.",
)
@click.option(
    "--max-body",
    default=DEFAULT_MAX_BODY // MIB,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="MIB",
    help="A longer body is answered 413.",
)
@click.option(
    "--max-runs",
    default=DEFAULT_MAX_RUNS,
    show_default=True,
    type=click.IntRange(min=1),
    help="Runs under way at one time; one more is answered 503.",
)
@click.option(
    "--max-run-time",
    default=DEFAULT_MAX_RUN_TIME,
    show_default=True,
    type=Positive(min=0, min_open=True),
    metavar="SECONDS",
    help="A run that takes longer fails, holds and pauses included.",
)
@click.option(
    "--max-header-size",
    default=DEFAULT_MAX_HEADER_SIZE // KIB,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="KIB",
    help="A request whose URL and headers are longer is answered 414 or 431.",
)
@click.option(
    "--max-headers",
    default=DEFAULT_MAX_HEADERS,
    show_default=True,
    type=click.IntRange(min=1),
    help="A request with more headers is answered 431.",
)
@click.option(
    "--client-timeout",
    default=DEFAULT_CLIENT_TIMEOUT,
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
def serve(
    host: str,
    port: int,
    spec: Path | None,
    workflows: Path | None,
    token: str | None,
    profile: str | None,
    faults: tuple[str, ...],
    variations: tuple[str, ...],
    allow_origins: tuple[str, ...],
    no_control: bool,
    store: str,
    speed: float,
    seed: int | None,
    clock: float | None,
    max_memory: int,
    max_body: int,
    max_runs: int,
    max_run_time: float,
    max_header_size: int,
    max_headers: int,
    client_timeout: float,
    no_reload: bool,
    certfile: Path | None,
    keyfile: Path | None,
    workers: int,
    log_level: str,
) -> None:
    """Serve workflow scripts until interrupted."""
    deviations = _deviations(profile, faults) | _variations(variations)
    try:
        opens = opener(store)
    except UnknownStore as error:
        raise click.BadParameter(str(error), param_hint="--store") from error
    _check_workers(workers, store)
    if not host:
        raise click.BadParameter(
            "empty; expected an address, such as 127.0.0.1, or 0.0.0.0 for every network",
            param_hint="--host",
        )
    _check_token(token)
    certificate = _certificate(certfile, keyfile)
    scripts = scripts_of(workflows or BUNDLED_SCRIPTS)
    recordings = recordings_of(workflows or BUNDLED_SCRIPTS)
    for warning in scripts.warnings:
        echo(str(warning), err=True)
    set_up_log(log_level)
    try:
        document = load_document(spec)
        if certificate is not None:
            certificate.check()
        listeners = listen_for(workers, host, port)
    except (DocumentError, CannotListen) as error:
        raise click.ClickException(str(error)) from error
    settings = Settings(
        document,
        scripts.workflows,
        recordings,
        token,
        max_memory=max_memory * MIB // workers,
        max_body=max_body * MIB,
        max_runs=-(-max_runs // workers),
        max_run_time=max_run_time,
        seed=seed,
        clock=time.time if clock is None else partial(float, clock),
        speed=speed,
        deviations=deviations,
        allow_origins=allow_origins,
        control=None if no_control else Access(closed=_why_closed(host, token)),
        profile=profile,
    )
    try:
        app = create_app(replace(settings, store=opens(settings.max_memory * 3 // 4)))
    except (DocumentError, StoreError) as error:
        for listener in listeners:
            listener.close()
        raise click.ClickException(str(error)) from error
    port = listeners[0].getsockname()[1]
    scheme = "http" if certificate is None else "https"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    # What has been loaded stays: the collector need not look at it again. Of a request next to
    # nothing is left for it (tests/mockserver/test_garbage.py), so it need not look often: it took
    # a tenth of a batch request's time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)
    echo(f"listening on {url}")
    echo(f"workflows: {', '.join(scripts.workflows)}")
    if recordings:
        echo(f"recordings: {len(recordings)}, replayed")
    if not no_control:
        echo(_why_closed(host, token) or f"page and control API: {url}/__mock__/")
    echo(
        f"try: curl -N {url}/workflows/{next(iter(scripts.workflows))}/runs -d message=hello"
        + (' -H "Authorization: Bearer …"' if token else "")
    )
    sys.stdout.flush()

    def work(app: Mock, listener: socket, is_here: int | None = None) -> int:
        files = None if no_reload else Files(workflows or BUNDLED_SCRIPTS, spec)
        return run_server(
            app,
            listener,
            beside=None if files is None else Reloader(app, files).follow,
            at_start=app.open,
            at_end=app.close,
            end_waits=app.watch.changes.end,
            end_answers=lambda: app.runner.fail_all("the server is shutting down"),
            certificate=certificate,
            parent=is_here,
            limits=Limits(max_header_size * KIB, max_headers, client_timeout),
            clock=clock,
        )

    if workers == 1:
        sys.exit(work(app, listeners[0]))
    # It was opened to see that it can be. Each worker has its own.
    asyncio.run(app.close())

    def worker(listener: socket) -> int:
        store = opens(settings.max_memory * 3 // 4)
        return work(create_app(replace(settings, store=store)), listener, team.is_here)

    team = Workers(worker, listeners)
    sys.exit(team.run())


def _check_workers(workers: int, store: str) -> None:
    if workers == 1:
        return
    if store == "memory":
        message = f"{workers} workers need a store that they share, and memory is one process's; "
        message += "expected --store sqlite:///FILE or --store redis://HOST:PORT/NUMBER"
    elif not hasattr(os, "fork"):
        message = "this operating system cannot fork a process; leave it out"
    else:
        return
    raise click.BadParameter(message, param_hint="--workers")


def _check_token(token: str | None) -> None:
    """Nobody takes a server for closed that is open, or that no token opens."""
    if token is None:
        for variable in TOKEN_VARIABLES:
            if variable in os.environ:  # click takes an empty one for none
                raise click.UsageError(
                    f"{variable} is empty; set it to the token to ask for, or unset it to let "
                    "everybody in"
                )
    elif not token:
        raise click.BadParameter("empty; leave it out to let everybody in", param_hint="--token")
    elif token != token.strip():
        message = "has white space around it, which no Authorization header can have"
        raise click.BadParameter(message, param_hint="--token")


def _certificate(certfile: Path | None, keyfile: Path | None) -> Certificate | None:
    if certfile is None and keyfile is None:
        return None
    if certfile is None or keyfile is None:
        missing = "--certfile" if certfile is None else "--keyfile"
        raise click.UsageError(f"TLS needs a certificate and its key; {missing} is missing")
    return Certificate(certfile, keyfile)


def _why_closed(host: str, token: str | None) -> str | None:
    """Why nobody may use the control API; None: who is let in may."""
    if token is not None or is_loopback(host.removeprefix("[").removesuffix("]")):
        return None
    return (
        f"the control API is closed, as {host} is open to others and there is no token; "
        "serve --token opens it to who has it"
    )


def _deviations(profile: str | None, faults: tuple[str, ...]) -> frozenset[str]:
    try:
        listed = load_profile(profile).deviations if profile is not None else frozenset()
    except ProfileError as error:
        raise click.BadParameter(str(error), param_hint="--as") from error
    try:
        return listed | check_deviations(faults)
    except UnknownDeviation as error:
        raise click.BadParameter(str(error), param_hint="--fault") from error


def _variations(names: tuple[str, ...]) -> frozenset[str]:
    try:
        return check_variations(names)
    except UnknownVariation as error:
        raise click.BadParameter(str(error), param_hint="--vary") from error
