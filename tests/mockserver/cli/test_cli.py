"""The command line, as a user types it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO

import httpx2
import pytest
import yaml
from click.testing import CliRunner, Result
from websockets.sync.client import connect

from agentos_contract.document import DEFAULT_DOCUMENT
from mockserver.cli import main
from mockserver.script.loader import BUNDLED_SCRIPTS
from tests.processes import Forked
from tests.runs import batch


def invoke(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env=environment)


def started(*arguments: str, **environment: str) -> tuple[Forked, str, str]:
    """`mockserver serve` on a free port: the process, its URL, and what it said."""
    command = ["serve", "--port", "0", *arguments]
    process = Forked("mockserver", *command, environment={**os.environ, **environment})
    said = said_at_start(process.stdout)
    return process, said.splitlines()[0].removeprefix("listening on "), said


def said_at_start(output: IO[str]) -> str:
    said = ""
    for line in output:
        said += line
        if line.startswith("try: "):
            break
    assert said.startswith(("listening on http://", "listening on https://")), said
    return said


def stop(process: Forked, number: int = signal.SIGINT) -> str:
    """As Ctrl-C does: it ends in good order. What it said since it was started."""
    process.send_signal(number)
    return rest_of(process, 0)


def rest_of(process: Forked, exit_code: int) -> str:
    """What a process that ends has said since it was started."""
    rest = process.stdout.read()
    process.stdout.close()
    assert process.wait(20) == exit_code
    assert "Traceback" not in rest
    assert "Aborted" not in rest
    return rest


def test_serve_serves_until_interrupted() -> None:
    command = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--seed", "4"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = said_at_start(process.stdout)
        url = said.splitlines()[0].removeprefix("listening on ")
        with httpx2.Client(base_url=url, timeout=30) as client:
            assert client.get("/health").json()["status"] == "ok"
            assert batch(client, "content-pipeline")["status"] == "COMPLETED"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert "workflows: article-steps, " in said


def test_serve_takes_another_document(tmp_path: Path) -> None:
    document = yaml.safe_load(DEFAULT_DOCUMENT.read_text(encoding="utf-8"))
    paths = document["paths"]
    paths["/v2/workflows/{workflow_id}/execute"] = paths.pop("/workflows/{workflow_id}/runs")
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    process, url, _ = started("--spec", str(file))
    form = {"message": "x", "stream": "false"}
    moved = httpx2.post(f"{url}/v2/workflows/content-pipeline/execute", data=form, timeout=30)
    assert moved.json()["status"] == "COMPLETED"
    assert (
        httpx2.post(f"{url}/workflows/content-pipeline/runs", data=form, timeout=30).status_code
        == 404
    )
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
    count = len(list(BUNDLED_SCRIPTS.glob("*.yaml")))
    assert f"{count} scripts, no problem" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "2"], "2 workers need a store that they share, and memory is one"),
        (["--store", "redis"], "'redis' is no store; expected memory, sqlite:///FILE or redis://"),
        (["--as", "agno-9"], "no such profile"),
        (["--token", ""], "empty; leave it out"),
        (["--token", "s3cret\r"], "has white space around it"),
        (["--port", "70000"], "70000 is not in the range"),
        (["--speed", "0"], "is not in the range"),
        (["--speed", "-1"], "is not in the range"),
        (["--speed", "nan"], "nan is no finite number; expected such as 2"),
        (["--speed", "inf"], "inf is no finite number"),
        (["--speed", "-inf"], "is not in the range"),
        (["--host", ""], "empty; expected an address, such as 127.0.0.1"),
    ],
)
def test_an_option_that_cannot_be_met_is_refused(arguments: list[str], message: str) -> None:
    result = invoke("serve", *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_folder_without_its_option_is_told_where_it_belongs(tmp_path: Path) -> None:
    refused = CliRunner().invoke(main, ["serve", str(tmp_path)])
    assert refused.exit_code == 2
    assert f"such as --workflows {tmp_path}" in refused.stderr


def test_a_store_that_cannot_be_opened_is_refused() -> None:
    result = invoke("serve", "--port", "0", "--store", "sqlite:///no/folder/mock.db")
    assert result.exit_code == 1
    assert "no/folder/mock.db: there is no folder no/folder; make it" in result.output


def test_a_run_outlives_the_server(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'mock.db'}"
    process, url, _ = started("--store", store)
    with httpx2.Client(base_url=url, timeout=30) as client:
        run = batch(client, "content-pipeline")
    stop(process)
    process, url, _ = started("--store", store)
    path = f"/workflows/content-pipeline/runs/{run['run_id']}"
    again = httpx2.get(f"{url}{path}", params={"session_id": run["session_id"]}, timeout=30)
    stop(process)
    assert again.json() == {**run, "events": []}


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = invoke("serve", "--port", str(port))
    assert result.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in result.output
    assert "choose another with --port" in result.output


@pytest.mark.parametrize("host", ["no host", "256.1.1.1", "::g", "[::g]", "a" * 80, ".."])
def test_a_host_that_is_none_is_named(host: str) -> None:
    result = invoke("serve", "--port", "0", "--host", host)
    assert result.exit_code == 1
    assert result.output.startswith("Error: cannot listen on ")
    assert "choose an address of this machine with --host" in result.output


@pytest.mark.parametrize(
    ("first", "second"), [(signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)]
)
def test_a_second_signal_ends_at_once(first: signal.Signals, second: signal.Signals) -> None:
    """What the first one does is in test_limits.py."""
    assert any(ended_at_once(first, second) for _ in range(5))


def ended_at_once(first: signal.Signals, second: signal.Signals) -> bool:
    """False: a busy processor let the server end in good order before the second signal came."""
    process, url, _ = started()
    form = {"message": "x"}
    with httpx2.stream(
        "POST", f"{url}/workflows/slow-report/runs", data=form, timeout=20
    ) as answer:
        next(answer.iter_bytes())
        process.send_signal(first)
        # It listens no more once the first signal has been taken.
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        with contextlib.suppress(OSError):
            while True:
                socket.create_connection(address, timeout=20).close()
        process.send_signal(second)
        if process.wait(20) == 0:
            process.stdout.close()
            return False
        assert "slow-report/runs 200" in rest_of(process, 128 + second)
        return True


def test_each_request_is_in_the_log_without_what_may_be_secret() -> None:
    process, url, _ = started("--token", "s3cret", "--as", "agno-2.5.6")
    with httpx2.Client(base_url=url, timeout=30) as client:
        client.get("/sessions?user_id=s3cret", headers={"authorization": "Bearer s3cret"})
        client.get("/health", headers={"origin": "https://evil.example"})
        client.request(
            "OPTIONS",
            "/workflows",
            headers={
                "origin": "https://os.agno.com",
                "access-control-request-method": "GET",
                "access-control-request-private-network": "true",
            },
        )
        client.get("/workflows/a%0Ab", headers={"authorization": "s3cret"})
        with connect(f"{url.replace('http', 'ws', 1)}/workflows/ws?token=s3cret"):
            pass
    said = re.sub(r"\d+ ms", "N ms", stop(process))
    assert "s3cret" not in said
    assert [line.partition(": ")[2].partition(": ")[2] for line in said.splitlines()] == [
        "GET /sessions 200 N ms",
        "GET /health 200 N ms (CORS: refused to pages of https://evil.example; "
        "serve --allow-origin https://evil.example lets them)",
        "OPTIONS /workflows 400 N ms (CORS: refused to pages of https://os.agno.com)",
        "GET /workflows/a%0Ab 401 N ms",
        "GET /workflows/ws websocket N ms",
    ]


def test_the_log_can_be_quieter() -> None:
    process, url, _ = started("--log-level", "warning")
    httpx2.get(f"{url}/health", timeout=30)
    assert stop(process, signal.SIGTERM) == ""


@pytest.mark.parametrize("variable", ["AGENTOS_TOKEN", "OS_SECURITY_KEY"])
def test_an_empty_token_in_the_environment_is_refused(variable: str) -> None:
    refused = CliRunner(env={variable: ""}).invoke(main, ["serve"])
    assert refused.exit_code == 2
    assert f"{variable} is empty; set it to the token to ask for, or unset it" in refused.output


def test_the_token_comes_from_the_environment_too() -> None:
    process, url, _ = started(AGENTOS_TOKEN="letmein")
    assert httpx2.get(f"{url}/workflows", timeout=30).status_code == 401
    headers = {"authorization": "Bearer letmein"}
    assert httpx2.get(f"{url}/workflows", headers=headers, timeout=30).status_code == 200
    stop(process)
