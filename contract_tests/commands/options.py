"""What every command asks that runs requests against a target."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import httpx

from agentos_contract.document import DocumentError, load_document
from contract_tests.client import Limits
from contract_tests.curl import TOKEN_VARIABLE
from contract_tests.session import Options

F = TypeVar("F", bound=Callable[..., Any])

HELP = {"help_option_names": ["-h", "--help"]}
"""A command's `context_settings`."""


def target_options(*, max_runs: int) -> Callable[[F], F]:
    """What every command needs that runs the tests."""
    options = [
        click.option(
            "--token",
            envvar=TOKEN_VARIABLE,
            show_envvar=True,
            help="The bearer token; without one, what needs one is skipped.",
        ),
        click.option(
            "--workflow",
            "workflows",
            metavar="ID",
            multiple=True,
            help="A workflow to run; may be repeated. All that the server lists, unless said.",
        ),
        click.option(
            "--max-examples",
            type=click.IntRange(min=0),
            default=50,
            show_default=True,
            help="How many forms to generate of each kind, valid and invalid.",
        ),
        click.option(
            "--max-runs",
            type=click.IntRange(min=1),
            default=max_runs,
            show_default=True,
            help="How many runs may be started, whatever happens.",
        ),
        click.option("--message", metavar="TEXT", help="The message that runs are started with."),
        click.option(
            "--seed", type=click.IntRange(min=0), help="Repeat an earlier run's requests."
        ),
        click.option(
            "--spec",
            type=click.Path(path_type=Path, dir_okay=False),
            help="An OpenAPI 3.1 document, not the kit's; NAME.overlay.yaml beside it is applied.",
        ),
        click.option(
            "--idle-timeout",
            type=click.FloatRange(min=0, min_open=True),
            default=60.0,
            show_default=True,
            help="Seconds of silence in an answer.",
        ),
        click.option(
            "--total-timeout",
            type=click.FloatRange(min=0, min_open=True),
            default=300.0,
            show_default=True,
            help="Seconds for a whole answer.",
        ),
    ]

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def make_options(
    url: str,
    *,
    token: str | None,
    workflows: tuple[str, ...],
    max_examples: int,
    max_runs: int,
    message: str | None,
    seed: int | None,
    spec: Path | None,
    idle_timeout: float,
    total_timeout: float,
) -> Options:
    try:
        document = load_document(spec)
    except DocumentError as error:
        raise click.BadParameter(str(error), param_hint="--spec") from error
    _check_url(url)
    _check_texts(token, message, workflows)
    return Options(
        url=url.rstrip("/"),
        document=document,
        seed=secrets.randbits(32) if seed is None else seed,
        token=token or None,
        workflows=workflows,
        max_examples=max_examples,
        max_runs=max_runs,
        message=message,
        limits=Limits(idle=idle_timeout, total=total_timeout),
    )


def _check_url(url: str) -> None:
    try:
        parts = httpx.URL(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.host)
    except (httpx.InvalidURL, ValueError):
        is_url = False
    if not is_url or parts.query or parts.fragment:
        message = f"{url!r} is no server's URL; expected one such as http://localhost:7777"
        raise click.BadParameter(message, param_hint="URL")


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
