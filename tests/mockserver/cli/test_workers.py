"""`serve --workers N`: several processes on one port, with a store that they share."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.mockserver.cli.test_cli import invoke, rest_of, started
from tests.processes import Forked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for processes")

WORKFLOW = "content-pipeline"


def workers_of(process: Forked) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # nobody has asked for its exit code


def until(is_so: Callable[[], bool]) -> None:
    """Wait for another process; a minute is more than any machine takes."""
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_served(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health", timeout=30).status_code == 200
    except httpx2.TransportError:
        return False


def answering(url: str) -> str:
    """Which of the workers answers a new connection: each says when it was made."""
    try:
        health = httpx2.get(f"{url}/health", timeout=30)
    except httpx2.TransportError:  # it was killed meanwhile
        return ""
    return str(health.json()["instantiated_at"])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Forked, str]]:
    """Two workers: the process that has started them, and their URL."""
    store = f"sqlite:///{tmp_path / 'mock.db'}"
    process, url, _ = started("--workers", "2", "--store", store)
    yield process, url
    if process.poll() is None:
        process.kill()
        process.wait()
        print(process.stdout.read())  # pytest shows it where a test failed
    process.stdout.close()


def all_answer(url: str, count: int) -> None:
    """So many different ones have answered."""
    seen = {""}

    def have_all() -> bool:
        seen.add(answering(url))
        return len(seen) > count

    until(have_all)


def test_workers_share_runs_and_end_together(served: tuple[Forked, str], tmp_path: Path) -> None:
    process, url = served
    all_answer(url, 2)
    form = {"message": "x", "stream": "false", "session_id": "s"}
    runs = [
        httpx2.post(f"{url}/workflows/{WORKFLOW}/runs", data=form, timeout=30).json()
        for _ in range(8)
    ]
    for run in runs:
        path, session = f"{url}/workflows/{WORKFLOW}/runs/{run['run_id']}", {"session_id": "s"}
        for _ in range(4):  # by one or the other
            assert httpx2.get(path, params=session, timeout=30).json()["status"] == "COMPLETED"
    process.send_signal(signal.SIGTERM)
    rest_of(process, 0)
    assert not is_served(url)
    assert [path.name for path in tmp_path.iterdir()] == ["mock.db"]


def test_a_worker_that_is_killed_is_replaced_and_none_outlives_the_first(
    served: tuple[Forked, str],
) -> None:
    process, url = served
    all_answer(url, 2)
    before = workers_of(process)
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(now := workers_of(process)) == 2 and before[0] not in now)
    all_answer(url, 2)
    after = workers_of(process)
    process.kill()
    process.wait()
    until(lambda: not any(map(is_alive, after)))
    assert "a worker has ended (SIGKILL): another takes its place" in process.stdout.read()
    assert not is_served(url)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "2 workers need a store that they share, and memory is one process's; expected"),
    ],
)
def test_workers_that_cannot_be_are_refused(arguments: tuple[str, ...], message: str) -> None:
    result = invoke("serve", "--workers", "2", *arguments)
    assert result.exit_code == 2
    assert message in result.output
