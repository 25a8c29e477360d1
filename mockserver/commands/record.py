"""What `agentos-mock record` does: a server's runs as recordings, and recordings as scripts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import httpx2

from agentos_contract.connection import ConnectionMistake, check_url
from agentos_contract.connection_options import take_connection
from agentos_contract.output import echo
from agentos_contract.signals import Signals
from agentos_contract.writable import check_folder
from mockserver.commands.files import count_of, recordings_of, scripts_of
from mockserver.recordings.inference import infer_script
from mockserver.recordings.recorder import CouldNotRecord, Recorder


def run(
    url: str,
    workflows: tuple[str, ...],
    out: Path,
    token: str | None,
    messages: tuple[str, ...],
    session: str | None,
    user: str | None,
    **connection: Any,
) -> None:
    if Path(url).is_dir():
        _infer(Path(url), workflows, out)
        return
    try:
        check_url(url, lambda: httpx2.URL(url).host)
    except ConnectionMistake as error:
        # It may have a password in it.
        why = str(error) if "@" not in url else "it is no server's URL"
        raise click.BadParameter(why, param_hint="URL") from error
    recorder = Recorder(
        url,
        out,
        token or None,
        take_connection(connection),
        messages,
        session_id=session,
        user_id=user,
        say=echo,
    )
    check_folder(out, "--out")
    try:
        with Signals() as signals:
            recorder.record(workflows)
    except KeyboardInterrupt as signal:
        files = len(recorder.written)
        echo(f"mockserver record: interrupted by {signal}; {out}: {files} files", err=True)
        sys.exit(signals.exit_code(1))
    except (CouldNotRecord, httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
        echo(f"mockserver record: {redacted(url)}: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        raise click.ClickException(f"{out}: cannot be written: {error.strerror}") from error
    for failure in recorder.failures:
        echo(failure, err=True)
    echo(f"{out}: {len(recorder.written)} files; mockserver serve --workflows {out}")
    if recorder.failures:
        sys.exit(1)


def _infer(folder: Path, workflow_ids: tuple[str, ...], out: Path) -> None:
    scripts, recordings = scripts_of(folder), recordings_of(folder)
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
        echo(f"{file}: from {count_of(len(recordings.of(workflow_id)), 'recording')}")


def redacted(url: str) -> str:
    """A URL without what may be a secret in it."""
    try:
        return str(httpx2.URL(url).copy_with(userinfo=b"", query=None))
    except httpx2.InvalidURL:
        return "the URL"
