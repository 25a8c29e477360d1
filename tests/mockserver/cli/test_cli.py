"""The command line, as a user types it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml
from click.testing import CliRunner, Result

from agentos_contract.document import DEFAULT_DOCUMENT
from mockserver.cli import main
from tests.runs import batch


def invoke(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env=environment)


def started(*arguments: str, **environment: str) -> tuple[subprocess.Popen[str], str, str]:
    """`mockserver serve` on a free port: the process, its URL, and what it said."""
    command = [sys.executable, "-m", "mockserver", "serve", "--port", "0", *arguments]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith("try: "):
            break
    assert said.startswith("listening on http://"), said
    return process, said.splitlines()[0].removeprefix("listening on "), said


def stop(process: subprocess.Popen[str]) -> None:
    """As Ctrl-C does: it ends in good order."""
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    rest = process.stdout.read()
    process.stdout.close()
    assert process.wait(20) == 0
    assert "Traceback" not in rest
    assert "Aborted" not in rest


def test_serve_serves_until_interrupted() -> None:
    process, url, said = started("--seed", "4")
    with httpx.Client(base_url=url) as client:
        assert client.get("/health").json()["status"] == "ok"
        assert batch(client, "content-pipeline")["status"] == "COMPLETED"
    stop(process)
    assert "workflows: article-steps, " in said


def test_serve_takes_another_document(tmp_path: Path) -> None:
    document = yaml.safe_load(DEFAULT_DOCUMENT.read_text(encoding="utf-8"))
    paths = document["paths"]
    paths["/v2/workflows/{workflow_id}/execute"] = paths.pop("/workflows/{workflow_id}/runs")
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    process, url, _ = started("--spec", str(file))
    form = {"message": "x", "stream": "false"}
    moved = httpx.post(f"{url}/v2/workflows/content-pipeline/execute", data=form)
    assert moved.json()["status"] == "COMPLETED"
    assert httpx.post(f"{url}/workflows/content-pipeline/runs", data=form).status_code == 404
    stop(process)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("openapi: 3.0.3\npaths: {}\n", "openapi: '3.0.3'; expected 3.1.x"),
        ("openapi: 3.1.0\ninfo: {}\npaths: {}\n", "no operation has operationId"),
        ("{", "cannot be read"),
    ],
)
def test_a_document_that_cannot_be_served_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text, encoding="utf-8")
    result = invoke("serve", "--spec", str(file))
    assert result.exit_code == 1
    assert fault in result.output
    assert str(file) in result.output


def test_wrong_scripts_are_refused_at_start(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("id: a\nsteps:\n  - {type: Step, mock: {contnt: x}}\n")
    for command in (["serve", "--workflows", str(tmp_path)], ["check", str(tmp_path)]):
        result = invoke(*command)
        assert result.exit_code == 1
        assert f"{tmp_path}/a.yaml:3: steps[0].mock.contnt: unknown key 'contnt'" in result.output


def test_check_counts_what_is_well() -> None:
    result = invoke("check", "fixtures/workflows")
    assert result.exit_code == 0
    assert "19 scripts, no problem" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "2"], "2 workers need a store that they share"),
        (["--store", "redis://localhost"], "is no store that this version has; expected memory"),
        (["--as", "agno-9"], "no such profile"),
        (["--token", ""], "empty; leave it out"),
        (["--port", "70000"], "70000 is not in the range"),
        (["--speed", "0"], "is not in the range"),
    ],
)
def test_an_option_that_cannot_be_met_is_refused(arguments: list[str], message: str) -> None:
    result = invoke("serve", *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = invoke("serve", "--port", str(port))
    assert result.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in result.output
    assert "choose another with --port" in result.output


def test_the_token_comes_from_the_environment_too() -> None:
    process, url, _ = started(AGENTOS_TOKEN="letmein")
    assert httpx.get(f"{url}/workflows").status_code == 401
    headers = {"authorization": "Bearer letmein"}
    assert httpx.get(f"{url}/workflows", headers=headers).status_code == 200
    stop(process)
