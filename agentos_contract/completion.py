"""What a shell completes (`shell_complete=` of click's options): names of the kit's, and a server's
workflows."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterable, Mapping
from http.client import HTTPException
from pathlib import Path
from textwrap import shorten
from urllib.request import BaseHandler, HTTPSHandler, ProxyHandler, Request, build_opener

import click
from click.shell_completion import CompletionItem

from agentos_contract.connection import below
from agentos_contract.connection_options import take_connection
from agentos_contract.deviations import load_deviations
from agentos_contract.json_values import mappings
from agentos_contract.profiles import PROFILES
from agentos_contract.requirements import load_catalogue
from agentos_contract.variations import load_variations

Items = list[CompletionItem[str]]

SECONDS = 2.0
"""For a server to answer; nobody waits longer at a prompt."""

WIDTH = 80
"""Characters of a text beside a name, in shells that show one."""


def complete_deviations(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    return _items(((d.id, d.text) for d in load_deviations().values()), incomplete)


def complete_variations(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    return _items(((v.id, v.text) for v in load_variations().values()), incomplete)


def complete_departures(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Deviations and variations."""
    return [
        *complete_deviations(ctx, param, incomplete),
        *complete_variations(ctx, param, incomplete),
    ]


def complete_requirements(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    requirements = load_catalogue().requirements.values()
    return _items(((r.id, r.text) for r in requirements), incomplete)


def complete_areas(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    return _items(((area, "") for area in load_catalogue().areas), incomplete)


def complete_profiles(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    return complete_kits_files(PROFILES, incomplete)


def complete_kits_files(folder: Path, incomplete: str) -> Items:
    """The names of a folder of the kit's, or else files of the user's."""
    names = _items(((file.stem, "") for file in sorted(folder.iterdir())), incomplete)
    return names or [CompletionItem(incomplete, type="file")]


def complete_workflows(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """What the server at URL lists, where it does within SECONDS."""
    try:
        return _items(_workflows(ctx), incomplete)
    except (OSError, HTTPException, click.UsageError, ValueError):
        return []  # a prompt has no place for errors; the command itself says them


def _workflows(ctx: click.Context) -> list[tuple[str, str]]:
    # bash has split http://localhost:7777 at its colons.
    url = "".join([ctx.params.get("url") or "", *ctx.args])
    if not url.startswith(("http://", "https://")):
        return []
    with ctx.scope(cleanup=False):
        connection = take_connection(dict(ctx.params))
    headers = dict(connection.headers)
    if token := ctx.params.get("token"):
        headers["Authorization"] = f"Bearer {token}"
    handlers: list[BaseHandler] = [HTTPSHandler(context=connection.tls(ssl.create_default_context))]
    if connection.proxy is not None:
        handlers.append(ProxyHandler({"http": connection.proxy, "https": connection.proxy}))
    asked = Request(below(url, "/workflows"), headers=headers)
    with build_opener(*handlers).open(asked, timeout=SECONDS) as answer:
        listed = mappings(json.load(answer))
    return [(str(one.get("id", "")), str(one.get("name") or "")) for one in listed]


def complete_commands(commands: Mapping[str, click.Command], incomplete: str) -> Items:
    named = ((name, command.get_short_help_str()) for name, command in commands.items())
    return _items(named, incomplete)


def _items(named: Iterable[tuple[str, str]], incomplete: str) -> Items:
    return [
        CompletionItem(name, help=shorten(text, WIDTH, placeholder=" …") or None)
        for name, text in named
        if name.startswith(incomplete)
    ]
