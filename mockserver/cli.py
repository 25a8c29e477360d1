"""The command line: `mockserver serve`, `faults`, `check` and `record`."""

from __future__ import annotations

import gc
import json
import math
import os
import re
import sys
from pathlib import Path
from typing import Any

import click
import httpx
import yaml

from agentos_contract import __version__
from agentos_contract.deviations import UnknownDeviation, check_deviations, load_deviations
from agentos_contract.document import DocumentError, load_document
from agentos_contract.profiles import ProfileError, load_profile
from agentos_contract.variations import UnknownVariation, check_variations, load_variations
from agentos_contract.views import VERSIONS, document_view
from mockserver.app import DEFAULT_MAX_MEMORY, Settings, create_app
from mockserver.control.application import Access, load_control_document
from mockserver.control.security import is_loopback
from mockserver.recordings.format import RecordingError, Recordings, load_recordings
from mockserver.recordings.inference import infer_script
from mockserver.recordings.recorder import DEFAULT_MESSAGE, CouldNotRecord, Recorder
from mockserver.script.loader import (
    BUNDLED_SCRIPTS,
    Scripts,
    load_files,
    load_scripts,
    script_files,
)
from mockserver.script.problems import ScriptError
from mockserver.server import CannotListen, listen, set_up_log
from mockserver.server import serve as run_server

# The contract tests' variable, and the one that a real server reads.
MIB = 1024 * 1024
TOKEN_VARIABLES = ["AGENTOS_TOKEN", "OS_SECURITY_KEY"]


class Speed(click.FloatRange):
    """A finite number above 0."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number; expected such as 2 or 0.5", param, ctx)
        return number


def checked_origins(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Origins as browsers send them: a scheme and a host, perhaps a port."""
    for value in values:
        if not re.fullmatch(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:]+\]|[^\s/?#@:]+)(:\d{1,5})?", value):
            hint = "expected a scheme and a host, perhaps a port, such as http://localhost:5173"
            raise click.BadParameter(f"{value!r} is no origin; {hint}", ctx, param)
    return values


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mockserver")
def main() -> None:
    """A scripted mock of the Agno AgentOS workflow API."""


@main.command()
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
    help="Behave as that server does where it departs from its contract: agno-2.5.6, or a file.",
)
@click.option(
    "--fault",
    "faults",
    metavar="NAME",
    multiple=True,
    help="Perform this deviation; may be repeated. `mockserver faults` lists them.",
)
@click.option(
    "--vary",
    "variations",
    metavar="NAME",
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
@click.option("--store", default="memory", show_default=True, metavar="URL")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=Speed(min=0, min_open=True),
    help="How much faster than their scripts runs go.",
)
@click.option(
    "--seed",
    type=int,
    help="The same seed gives the same ids to the same requests in the same order.",
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
@click.option("--workers", default=1, show_default=True, type=click.IntRange(min=1))
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
    max_memory: int,
    workers: int,
    log_level: str,
) -> None:
    """Serve workflow scripts until interrupted."""
    deviations = _deviations(profile, faults) | _variations(variations)
    if store != "memory":
        raise click.BadParameter(
            f"{store!r} is no store that this version has; expected memory", param_hint="--store"
        )
    if workers > 1:
        raise click.BadParameter(
            f"{workers} workers need a store that they share, and there is only memory; expected 1",
            param_hint="--workers",
        )
    if not host:
        raise click.BadParameter(
            "empty; expected an address, such as 127.0.0.1, or 0.0.0.0 for every network",
            param_hint="--host",
        )
    _check_token(token)
    scripts = _load(workflows or BUNDLED_SCRIPTS)
    recordings = _recordings(workflows or BUNDLED_SCRIPTS)
    for warning in scripts.warnings:
        click.echo(str(warning), err=True)
    try:
        document = load_document(spec)
        app = create_app(
            Settings(
                document,
                scripts.workflows,
                recordings,
                token,
                max_memory=max_memory * MIB,
                seed=seed,
                speed=speed,
                deviations=deviations,
                allow_origins=allow_origins,
                control=None if no_control else Access(closed=_why_closed(host, token)),
                profile=profile,
            )
        )
    except DocumentError as error:
        raise click.ClickException(str(error)) from error
    set_up_log(log_level)
    try:
        listener = listen(host, port)
    except CannotListen as error:
        raise click.ClickException(str(error)) from error
    port = listener.getsockname()[1]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    # What has been loaded stays: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    click.echo(f"listening on {url}")
    click.echo(f"workflows: {', '.join(scripts.workflows)}")
    if recordings:
        click.echo(f"recordings: {len(recordings)}, replayed")
    if not no_control:
        click.echo(_why_closed(host, token) or f"page and control API: {url}/__mock__/")
    click.echo(
        f"try: curl -N {url}/workflows/{next(iter(scripts.workflows))}/runs -d message=hello"
        + (' -H "Authorization: Bearer …"' if token else "")
    )
    sys.stdout.flush()
    sys.exit(run_server(app, listener))


@main.command()
@click.argument("words", metavar="[WORD]...", nargs=-1)
def faults(words: tuple[str, ...]) -> None:
    """List the deviations and variations to perform, or those with every WORD in name, text or in
    what they break."""
    found = [
        *((d.id, d.text, d.breaks) for d in load_deviations().values()),
        *((v.id, v.text, None) for v in load_variations().values()),
    ]
    shown = 0
    for name, text, breaks in found:
        if not all(word.lower() in f"{name} {text} {breaks}".lower() for word in words):
            continue
        shown += 1
        option = "--vary" if breaks is None else "--fault"
        click.echo(f"{option} {name}")
        click.echo(f"    {text}")
        if breaks:
            click.echo(f"    breaks {', '.join(breaks)}")
    if not shown:
        raise click.ClickException(f"nothing has {' and '.join(map(repr, words))} in it")


@main.command()
@click.argument(
    "paths", metavar="DIR|FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
def check(paths: tuple[Path, ...]) -> None:
    """Check scripts: folders, with the recordings beside them, or files; exit 1 with every problem.

    Ids are unique among the scripts of one folder.
    """
    by_folder: dict[Path, list[Path]] = {}
    for path in paths:
        by_folder.setdefault(path if path.is_dir() else path.parent, []).append(path)
    results = [_check(folder, given) for folder, given in by_folder.items()]
    if not all(results):
        sys.exit(1)


def _check(folder: Path, given: list[Path]) -> bool:
    """Whether scripts of one folder, and its recordings where it was given whole, are right."""
    name = folder if len(given) > 1 else given[0]
    counted: list[str] = []
    errors = 0
    try:
        files = dict.fromkeys(file for path in given for file in script_files(path))
        scripts = load_files(list(files))
        problems = scripts.warnings
        counted.append(_count(len(scripts.workflows), "script"))
    except ScriptError as error:
        problems = error.problems
    for problem in problems:
        click.echo(str(problem), err=True)
        errors += not problem.is_warning
    if folder in given:
        try:
            recordings = load_recordings(folder)
            counted += [_count(len(recordings), "recording")] if recordings else []
        except RecordingError as error:
            click.echo(str(error), err=True)
            errors += len(str(error).splitlines())
    if errors:
        click.echo(f"Error: {name}: {_count(errors, 'problem')}; it cannot be served", err=True)
    else:
        click.echo(f"{name}: {', '.join(counted)}, no problem")
    return not errors


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@main.command()
@click.option(
    "--version",
    default="3.1",
    show_default=True,
    type=click.Choice(VERSIONS),
    help="Of OpenAPI; 3.2 says what a stream's items are.",
)
@click.option(
    "--format",
    "form",
    default="json",
    show_default=True,
    type=click.Choice(["json", "yaml"]),
)
@click.option("--spec", type=click.Path(path_type=Path), help="Another document, as of `serve`.")
@click.option(
    "--control", is_flag=True, help="The document of the control API instead of AgentOS's."
)
def openapi(version: str, form: str, spec: Path | None, control: bool) -> None:
    """Write the OpenAPI document with its overlay, as it is served at /openapi.json."""
    try:
        document = load_control_document() if control else load_document(spec)
    except DocumentError as error:
        raise click.ClickException(str(error)) from error
    content = document_view(document, version)
    if form == "yaml":
        click.echo(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), nl=False)
    else:
        click.echo(json.dumps(content, indent=2, ensure_ascii=False))


@main.command()
@click.argument("url")
@click.option(
    "--workflow",
    "workflows",
    metavar="ID",
    multiple=True,
    help="A workflow to record; more than once for several. All that are listed, unless said.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder to write descriptions and recordings to; `serve --workflows` replays it.",
)
@click.option(
    "--token",
    envvar=TOKEN_VARIABLES,
    show_envvar=True,
    help="The server's bearer token; it is not written.",
)
@click.option(
    "--message",
    "messages",
    metavar="TEXT",
    multiple=True,
    default=(DEFAULT_MESSAGE,),
    show_default=True,
    help="What to ask; more than once for several runs.",
)
@click.option(
    "--session", metavar="ID", help="The session to run in; a fresh one each, unless said."
)
@click.option("--user", metavar="ID", help="The user to run as.")
def record(
    url: str,
    workflows: tuple[str, ...],
    out: Path,
    token: str | None,
    messages: tuple[str, ...],
    session: str | None,
    user: str | None,
) -> None:
    """Record a server at URL: descriptions, streams with their times, batch bodies.

    Where URL is a folder of recordings, scripts are written that do as they show.
    """
    if Path(url).is_dir():
        _infer(Path(url), workflows, out)
        return
    recorder = Recorder(
        url.rstrip("/"),
        out,
        token or None,
        messages,
        session_id=session,
        user_id=user,
        say=click.echo,
    )
    try:
        recorder.record(workflows)
    except (CouldNotRecord, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        click.echo(f"mockserver record: {redacted(url)}: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        raise click.ClickException(f"{out}: cannot be written: {error.strerror}") from error
    for failure in recorder.failures:
        click.echo(failure, err=True)
    click.echo(f"{out}: {len(recorder.written)} files; mockserver serve --workflows {out}")
    if recorder.failures:
        sys.exit(1)


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


def _infer(folder: Path, workflow_ids: tuple[str, ...], out: Path) -> None:
    scripts, recordings = _load(folder), _recordings(folder)
    files: set[Path] = set()
    for workflow_id in workflow_ids or scripts.workflows:
        if workflow_id not in scripts.workflows:
            known = ", ".join(scripts.workflows)
            raise click.BadParameter(f"{workflow_id!r} is none of {known}", param_hint="--workflow")
        workflow = scripts.workflows[workflow_id]
        file = out / Path(workflow.file).with_suffix(".yaml").name
        if file in files:  # of x.json and x.yaml
            file = out / f"{Path(workflow.file).name}.yaml"
        files.add(file)
        out.mkdir(parents=True, exist_ok=True)
        file.write_text(infer_script(workflow.source, recordings.of(workflow_id)), encoding="utf-8")
        click.echo(f"{file}: from {_count(len(recordings.of(workflow_id)), 'recording')}")


def _recordings(directory: Path) -> Recordings:
    try:
        return load_recordings(directory)
    except RecordingError as error:
        raise click.ClickException(f"{error}; nothing is served") from error


def redacted(url: str) -> str:
    """A URL without what may be a secret in it."""
    try:
        return str(httpx.URL(url).copy_with(userinfo=b"", query=None))
    except httpx.InvalidURL:
        return "the URL"


def _load(directory: Path) -> Scripts:
    try:
        return load_scripts(directory)
    except ScriptError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        count = _count(sum(not problem.is_warning for problem in error.problems), "problem")
        raise click.ClickException(f"{directory}: {count}; nothing is served") from error
