"""SIGINT and SIGTERM leave the reports of what was done, and say what was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import junitparser
import pytest

from agentos_contract.requirements import DEFAULT_LEVEL, load_catalogue
from tests.hostile_server import JSON, STREAM, HostileServer, head, hostile, plain
from tests.processes import Forked, module_of

SECONDS = 120
pytestmark = pytest.mark.timeout(300)
FRAMES = [
    b'event: WorkflowStarted\ndata: {"event": "WorkflowStarted", "run_id": "r"}\n\n',
    b'event: WorkflowCompleted\ndata: {"event": "WorkflowCompleted", "run_id": "r"}\n\n',
]


class Holding:
    """Answers so many runs, and then holds one until the end."""

    def __init__(self, runs: int) -> None:
        self.left = runs
        self.holds = threading.Event()
        self.over = threading.Event()

    def __call__(self, path: str, body: bytes) -> Iterable[bytes]:
        self.left -= 1
        if self.left < 0:
            self.holds.set()
            self.over.wait(SECONDS)
            return []
        if b"stream=false" in body:
            return plain(b'{"run_id": "r", "status": "COMPLETED"}')
        return [head(STREAM), *FRAMES]


@contextmanager
def held(runs: int) -> Iterator[tuple[HostileServer, Holding]]:
    holding = Holding(runs)
    with hostile(holding) as server:
        try:
            yield server, holding
        finally:
            holding.over.set()


def interrupted(command: list[str], holding: Holding, *signals: signal.Signals) -> tuple[int, str]:
    """Exit code and output of a command that is sent the signals while a run is held."""
    environment = {key: value for key, value in os.environ.items() if "AGENTOS" not in key}
    process: subprocess.Popen[str] | Forked
    if module := module_of(command):
        process = Forked(module, *command[1:], environment=environment)
    else:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
    try:
        assert holding.holds.wait(SECONDS)
        for one in signals:
            process.send_signal(one)
        output, _ = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    return process.wait(), output


def contract_tests(*arguments: str) -> list[str]:
    return ["contract-tests", *arguments]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_tests_leave_all_reports(number: signal.Signals, tmp_path: Path) -> None:
    with held(6) as (server, holding):
        # One as a shell starts it: the others are processes that have imported the kit.
        command = [sys.executable, "-m", "contract_tests", server.url]
        command += ["--report-dir", str(tmp_path), "--log", str(tmp_path / "log.har")]
        code, output = interrupted(command, holding, number)
    assert code == 128 + number
    *_, last = output.strip().splitlines()
    assert last.startswith(f"contract-tests: interrupted by {number.name}, before ")
    assert "Traceback" not in output
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert report["interrupted"] == last.removeprefix("contract-tests: ")
    ids = [requirement.id for requirement in load_catalogue().at_level(DEFAULT_LEVEL)]
    assert [entry["requirement"] for entry in report["results"]] == ids
    by_status = {entry["status"] for entry in report["results"]}
    assert {"passed", "skipped"} <= by_status
    assert "error" not in by_status
    why = {entry["message"] for entry in report["results"] if entry["status"] == "skipped"}
    assert f"interrupted by {number.name} before it was tried" in why
    junit = junitparser.JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert junit.tests == len(ids)
    assert last.removeprefix("contract-tests: ") in (tmp_path / "junit.xml").read_text("utf-8")
    assert last.removeprefix("contract-tests: ") in (tmp_path / "report.html").read_text("utf-8")
    (run,) = json.loads((tmp_path / "results.sarif").read_text("utf-8"))["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False
    json.loads((tmp_path / "replay.json").read_text("utf-8"))
    assert json.loads((tmp_path / "log.har").read_text("utf-8"))["log"]["entries"]


def test_before_anything_was_done_all_is_skipped(tmp_path: Path) -> None:
    holds, over = threading.Event(), threading.Event()

    def listing(path: str, body: bytes) -> Iterable[bytes]:
        holds.set()
        over.wait(SECONDS)
        return [head(JSON)]

    holding = Holding(0)
    holding.holds = holds
    with hostile(holding, workflows=listing) as server:
        try:
            command = contract_tests(server.url, "--report-dir", str(tmp_path))
            code, output = interrupted(command, holding, signal.SIGTERM)
        finally:
            over.set()
    assert code == 143, output
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert {entry["status"] for entry in report["results"]} == {"skipped"}


def test_drift_says_what_came(tmp_path: Path) -> None:
    with held(1) as (server, holding):
        command = contract_tests("drift", server.url, "--report-dir", str(tmp_path))
        code, output = interrupted(command, holding, signal.SIGTERM)
    assert code == 143
    assert "note: interrupted by SIGTERM: not all was asked" in output
    assert "NO LONGER" not in output
    report = json.loads((tmp_path / "drift.json").read_text("utf-8"))
    assert "interrupted by SIGTERM: " in report["notes"][0]
    assert report["gone"] == []


@pytest.mark.parametrize("workers", ["1", "2"])
def test_fuzzing_has_what_it_found(workers: str, tmp_path: Path) -> None:
    with held(10) as (server, holding):
        command = [
            *contract_tests("fuzz", server.url),
            *("--time", "50s", "--workers", workers),
            *("--report-dir", str(tmp_path), "--database", str(tmp_path / "examples")),
        ]
        code, output = interrupted(command, holding, signal.SIGTERM)
    assert code == 143
    assert "Traceback" not in output
    assert "FAILED" in output
    assert "interrupted" in output.strip().splitlines()[-1]
    assert json.loads((tmp_path / "replay.json").read_text("utf-8"))["failures"]


@pytest.mark.parametrize(
    ("command", "runs", "said"),
    [
        (("contract-tests", "learn", "--out"), 6, "contract-tests: interrupted by SIGTERM, before"),
        (("mockserver", "record", "--out"), 1, "mockserver record: interrupted by SIGTERM; "),
    ],
)
def test_the_others_say_so(command: tuple[str, ...], runs: int, said: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with held(runs) as (server, holding):
        words = [*command, str(out), server.url]
        code, output = interrupted(words, holding, signal.SIGTERM)
    assert code == 143
    assert said in output.strip().splitlines()[-1]
    assert not out.is_file()  # half a profile would be a wrong one


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with held(6) as (server, holding):
        command = contract_tests(server.url, "--report-dir", str(tmp_path))
        code, _ = interrupted(command, holding, signal.SIGTERM, signal.SIGTERM, signal.SIGTERM)
    assert code == 143  # and not -15, nor a traceback's 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_plugin_leaves_its_reports(number: signal.Signals, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    with held(6) as (server, holding):
        command = [
            *("pytest", "-p", "no:cacheprovider", "--rootdir"),
            *(str(tmp_path), f"--contract-url={server.url}", f"--contract-report-dir={reports}"),
            *(f"--junitxml={tmp_path / 'pytest.xml'}", str(tmp_path)),
        ]
        code, output = interrupted(command, holding, number)
    assert code == 128 + number
    assert f"contract tests: interrupted by {number.name}, before" in output
    assert json.loads((reports / "report.json").read_text("utf-8"))["interrupted"]
    assert junitparser.JUnitXml.fromfile(str(tmp_path / "pytest.xml")) is not None
