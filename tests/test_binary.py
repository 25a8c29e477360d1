"""The one-file binary (`make binary`), in a folder with nothing else and an empty environment."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from filelock import FileLock

from mockserver.script.loader import BUNDLED_SCRIPTS
from tests.conftest import ROOT
from tests.runs import stream

pytestmark = [pytest.mark.binary, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the binary is, and `contract-tests`, its second name."""
    (ROOT / "build").mkdir(exist_ok=True)
    with FileLock(ROOT / "build" / "binary.lock"):  # pytest-xdist's workers make it once
        subprocess.run(["make", "-s", "binary"], cwd=ROOT, check=True, timeout=590)
    folder = tmp_path_factory.mktemp("binary")
    shutil.copy(ROOT / "dist" / "agentos-mock", folder)
    (folder / "contract-tests").symlink_to("agentos-mock")
    return folder


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [f"./{words[0]}", *words[1:]],
        cwd=folder,
        env={"PYTHONTZPATH": ""},  # as where the system has no time zones
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def said(folder: Path, *words: str, code: int = 0) -> str:
    process = start(folder, *words)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == code, output
    return output


@contextlib.contextmanager
def mock(folder: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = start(folder, "agentos-mock", "serve", "--port", "0", "--seed", "1", *options)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on "), line + process.stdout.read()
        yield line.split()[-1], process
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_it_serves_what_the_checkout_serves(folder: Path) -> None:
    with mock(folder) as (url, process), httpx2.Client(base_url=url, timeout=30) as client:
        listed = {one["id"] for one in client.get("/workflows").json()}
        assert listed == {file.stem for file in BUNDLED_SCRIPTS.glob("*.yaml")}
        for workflow in sorted(listed - {"lost-connection", "slow-report"}):
            assert stream(client, workflow).judge().violations == [], workflow
        pages = ["/docs", "/docs/swagger-ui-bundle.js", "/__mock__/", "/__mock__/openapi.json"]
        for path in [*pages, "/openapi.json?version=3.2"]:
            assert client.get(path).status_code == 200, path
        process.terminate()
        assert process.wait(timeout=20) == 0


def test_its_commands_read_what_comes_with_it(folder: Path) -> None:
    shutil.copytree(BUNDLED_SCRIPTS, folder / "scripts", dirs_exist_ok=True)
    assert "no problem" in said(folder, "agentos-mock", "check", "scripts")
    (folder / "wrong.yaml").write_text("id: wrong\nsteps: 3\n", encoding="utf-8")
    assert "wrong.yaml:2" in said(folder, "agentos-mock", "check", "wrong.yaml", code=1)
    assert json.loads(said(folder, "agentos-mock", "openapi"))["openapi"].startswith("3.1")
    assert "--fault " in said(folder, "agentos-mock", "faults")


def test_the_contract_tests_are_in_it(folder: Path) -> None:
    quick = ["--workflow", "content-pipeline", "--max-examples", "2", "--seed", "1"]
    with mock(folder, "--as", "agno-2.5.6") as (url, _):
        known = [*quick, "--known", "agno-2.5.6", "--report-dir", "report"]
        assert " passed, " in said(folder, "contract-tests", url, *known)
        assert json.loads((folder / "report" / "report.json").read_text())["target"] == url
        # As there is no Python to start others with, it starts itself.
        fuzz = ["--time", "2s", "--workers", "2", "--known", "agno-2.5.6", "--seed", "1"]
        assert "0 failures" in said(folder, "contract-tests", "fuzz", url, *fuzz)
        assert "AS BEFORE: agno-2.5.6" in said(folder, "contract-tests", "drift", url, *quick[:2])


def test_it_has_workers(folder: Path) -> None:
    store = ["--workers", "2", "--store", "sqlite:///shared.db"]
    process = start(folder, "agentos-mock", "serve", "--port", "0", *store)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        form = {"message": "bees", "stream": "false", "session_id": "s"}
        for _ in range(6):
            with httpx2.Client(base_url=url, timeout=30) as client:
                assert client.post("/workflows/content-pipeline/runs", data=form).is_success
        assert len(httpx2.get(f"{url}/sessions/s/runs", params={"type": "workflow"}).json()) == 6
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux: a child ends with its parent")
def test_where_it_is_killed_nothing_of_it_goes_on(folder: Path) -> None:
    with mock(folder) as (url, process):
        pid = process.pid
        (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        serving = os.pidfd_open(int(child))
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=20)  # its output is held open by its child
        assert select.select([serving], [], [], 20)[0], "the server goes on"
        os.close(serving)
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(url)
