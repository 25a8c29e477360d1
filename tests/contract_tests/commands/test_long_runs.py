"""Runs of the tests that take long: what is said meanwhile, and where the time ends them."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import pytest
from rich.console import Console

from contract_tests.commands.progress import Progress
from tests.conftest import Serve
from tests.contract_tests.conftest import run_cli
from tests.contract_tests.server import ConformingServer


def test_a_log_says_now_and_then_what_is_being_done(tmp_path: Path) -> None:
    said = threading.Event()
    with (tmp_path / "log").open("w+") as file:

        class Log(Console):
            def print(self, *objects: object, **options: object) -> None:
                super().print(*objects, **options)  # type: ignore[arg-type]
                said.set()

        progress = Progress(Log(file=file), quiet=0.01)
        with progress.shown():
            progress.checking("batch_runs", 2, 7)
            progress.doing("batch \x1b[31mslow-one")
            said.clear()
            assert said.wait(10)
        file.seek(0)
        lines = file.read().splitlines()
    assert re.fullmatch(r"\d+ s: 3/7 batch runs: batch \\x1b\[31mslow-one", lines[-1])


def test_what_the_time_leaves_out_is_skipped_and_says_why(stage: Serve, tmp_path: Path) -> None:
    result = run_cli(
        stage(ConformingServer()), "--time-budget", "0.000001", "--report-dir", str(tmp_path)
    )
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    reasons = {
        one["message"]
        for one in report["results"]
        if one["status"] == "skipped"
        and not one["requirement"].startswith(("authentication.", "browser."))  # not given
    }
    assert reasons == {"its time was over (1e-06 s; --time-budget allows more)"}
    assert " 0 runs started" in result.output


def test_what_must_be_exercised_is_a_failure_then(stage: Serve) -> None:
    options = ("--time-budget", "0.000001", "--require", "order.ended")
    result = run_cli(stage(ConformingServer()), *options)
    assert result.exit_code == 1
    assert "required, but skipped: its time was over" in result.output


@pytest.mark.parametrize("seconds", ["0", "-1", "soon"])
def test_no_time_is_a_usage_error(seconds: str) -> None:
    result = run_cli("http://127.0.0.1:1", "--time-budget", seconds)
    assert result.exit_code == 2
    assert "--time-budget" in result.output
