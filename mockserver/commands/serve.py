"""What `agentos-mock serve` does."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from socket import socket

import click

from agentos_contract.deviations import UnknownDeviation, check_deviations
from agentos_contract.document import DocumentError, load_document
from agentos_contract.output import echo
from agentos_contract.profiles import ProfileError, load_profile
from agentos_contract.variations import UnknownVariation, check_variations
from mockserver.app import MockServer, Settings, create_app
from mockserver.commands.files import recordings_of, scripts_of
from mockserver.connections import Limits
from mockserver.control.application import Access
from mockserver.control.security import is_loopback
from mockserver.defaults import TOKEN_VARIABLES
from mockserver.reloading import Files, Reloader
from mockserver.script.loader import BUNDLED_SCRIPTS
from mockserver.server import CannotListen, Certificate, listen_for, set_up_log
from mockserver.server import serve as run_server
from mockserver.sessions.opening import UnknownStore, opener
from mockserver.sessions.store import SessionStore, StoreError
from mockserver.workers import Workers

KIB = 1024
MIB = 1024 * 1024


def run(
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
    deviations = _deviations(profile, faults) | _variations(variations)
    opens = _store_opener(store)
    _check_workers(workers, store)
    _check_host(host)
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
    why_closed = _why_closed(host, token)
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
        control=None if no_control else Access(closed=why_closed),
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
    _look_for_garbage_seldom()
    control = None if no_control else why_closed or f"page and control API: {url}/__mock__/"
    _announce(url, list(scripts.workflows), len(recordings), control, has_token=bool(token))

    def work(app: MockServer, listener: socket, is_here: int | None = None) -> int:
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
            limits=Limits(
                max_header_size * KIB,
                max_headers,
                client_timeout,
                max_body * MIB,
                settings.max_memory,
            ),
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


def _look_for_garbage_seldom() -> None:
    """Set up Python's garbage collector for serving."""
    # What has been loaded stays: the collector need not look at it again. Of a request next to
    # nothing is left for it (tests/mockserver/test_garbage.py), so it need not look often: it took
    # a tenth of a batch request's time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)
    gc.enable()


def _announce(
    url: str, workflows: Sequence[str], recordings: int, control: str | None, *, has_token: bool
) -> None:
    """Say where the mock listens, and what it serves. `control`: what there is to say of the
    control API; None: there is none."""
    echo(f"listening on {url}")
    echo(f"workflows: {', '.join(workflows)}")
    if recordings:
        echo(f"recordings: {recordings}, replayed")
    if control is not None:
        echo(control)
    authorization = ' -H "Authorization: Bearer …"' if has_token else ""
    echo(f"try: curl -N {url}/workflows/{workflows[0]}/runs -d message=hello{authorization}")
    sys.stdout.flush()


def _store_opener(store: str) -> Callable[[int], SessionStore]:
    """What opens the store of `--store`, which is given the bytes that it may take."""
    try:
        return opener(store)
    except UnknownStore as error:
        raise click.BadParameter(str(error), param_hint="--store") from error


def _check_host(host: str) -> None:
    if not host:
        raise click.BadParameter(
            "empty; expected an address, such as 127.0.0.1, or 0.0.0.0 for every network",
            param_hint="--host",
        )


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
