"""`--seed` and `--clock`: the same requests in the same order are answered with the same bytes,
whichever process answers."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import server_process
from tests.mockserver.cli.test_cli import invoke, started

OPTIONS = ("--seed", "7", "--clock", "2026-01-31T09:00:00Z", "--speed", "1000")

Bytes = list[bytes]


@contextmanager
def served(*arguments: str) -> Iterator[str]:
    process, url, _ = started(*OPTIONS, *arguments)
    try:
        yield url
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@contextmanager
def served_by_another_python(*arguments: str) -> Iterator[str]:
    """By one whose sets and hashes are in another order."""
    command = [sys.executable, "-m", "mockserver", "serve", "--port", "0", *OPTIONS, *arguments]
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    with server_process(command, environment=environment) as url:
        yield url


def answers(url: str) -> Bytes:
    """What a series of requests is answered with: each over a connection of its own, so that
    several workers have their share."""
    heard: Bytes = []

    def ask(method: str, path: str, **more: Any) -> httpx2.Response:
        response = httpx2.request(method, f"{url}{path}", timeout=30, **more)
        headers = [f"{name}: {value}" for name, value in response.headers.items()]
        heard.append("\n".join([f"{response.status_code} {method} {path}", *headers]).encode())
        heard.append(response.content)
        return response

    ask("GET", "/health")
    for workflow in ("content-pipeline", "city-guide", "trip-desk"):
        form = {"message": "hello", "user_id": "ada"}
        runs = f"/workflows/{workflow}/runs"
        run = ask("POST", runs, data={**form, "stream": "false"}).json()
        ask("POST", runs, data={**form, "stream": "true", "session_id": run["session_id"]})
        ask("POST", runs, data=form)
        ask("POST", runs, data={"stream": "maybe"})
        ask("POST", runs, data={**form, "stream": "false"}, headers={"Prefer": "code=429"})
        ask("GET", f"{runs}/{run['run_id']}", params={"session_id": run["session_id"]})
        ask("GET", f"/sessions/{run['session_id']}", params={"type": "workflow"})
    ask("POST", "/sessions", params={"type": "workflow"}, json={"workflow_id": "trip-desk"})
    ask("GET", "/sessions", params={"type": "workflow"})
    ask("POST", "/__mock__/scopes", json={"scope": "test-1"})
    in_scope = {"X-Mock-Scope": "test-1"}
    data = {"message": "hello", "stream": "false"}
    first = ask("POST", "/workflows/city-guide/runs", data=data, headers=in_scope).json()
    ask("POST", "/__mock__/reset", json={})
    again = ask("POST", "/workflows/content-pipeline/runs", data={**data, "user_id": "ada"}).json()
    assert first["run_id"] != again["run_id"]
    return heard


def test_the_same_requests_have_the_same_bytes() -> None:
    with served() as url:
        first = answers(url)
    with served_by_another_python() as url:
        assert answers(url) == first


@pytest.mark.skipif(sys.platform != "linux", reason="workers share a port as Linux does it")
def test_so_they_have_whichever_worker_answers(tmp_path: Path) -> None:
    heard = []
    for workers in ("1", "3"):
        store = f"sqlite:///{tmp_path / workers}.db"
        with served("--store", store, "--workers", workers) as url:
            heard.append(answers(url))
    assert heard[0] == heard[1]


def test_a_time_may_be_seconds() -> None:
    with served("--clock", "1.5") as url:
        assert httpx2.get(f"{url}/__mock__/clock", timeout=30).json() == {"now": 1.5}


@pytest.mark.parametrize("time", ["noon", "2026-01-31T09:00:00", "-1", "nan", "inf", "1e300"])
def test_what_is_no_time_is_refused(time: str) -> None:
    result = invoke("serve", "--clock", time)
    assert result.exit_code == 2
    assert "expected seconds since the epoch, or such as 2026-01-31T09:00:00Z" in result.output
