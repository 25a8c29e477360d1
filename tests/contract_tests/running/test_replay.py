"""--replay: a saved failure is had again on the server that has it, and on no other."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve
from tests.contract_tests.checks.test_mutations import (
    TOKEN,
    FallsSilent,
    IgnoresCase,
    Locked,
    LosesAResultInBatch,
    NumbersRunsAnew,
    RemembersTheLastRunOnly,
    TakesCapitals,
    TakesTheWordNullForNothing,
)
from tests.contract_tests.commands.test_cli import Broken
from tests.contract_tests.conftest import run_cli
from tests.contract_tests.judging.test_known import Flawed
from tests.contract_tests.server import ConformingServer, Refused, Run


class CutSessions(ConformingServer):
    """Breaks order.terminal-event, in sessions that were asked for: no check is there for that."""

    async def frames(self, run: Run) -> AsyncIterator[bytes]:
        is_cut = run.session_id.startswith("contract-tests-")
        async for frame in super().frames(run):
            if not (is_cut and frame.startswith(b"event: WorkflowCompleted")):
                yield frame


@pytest.mark.parametrize(
    ("server", "workflows", "failure", "arguments"),
    [
        (NumbersRunsAnew, ("main",), "identity.run-id-fresh", ()),
        (IgnoresCase, ("main",), "authentication.wrong-token", ()),
        (LosesAResultInBatch, ("main",), "batch.equals-stream", ()),
        (RemembersTheLastRunOnly, ("main",), "session.continuity", ()),
        (TakesTheWordNullForNothing, ("main",), "form.valid-accepted", ("--max-examples", "10")),
        (TakesCapitals, ("main",), "form.invalid-refused", ("--max-examples", "1")),
        (FallsSilent, ("main",), "sse.idle", ("--max-runs", "1", "--idle-timeout", "0.3")),
    ],
)
def test_a_failure_is_had_again_where_it_is(
    server: type[ConformingServer],
    workflows: tuple[str, ...],
    failure: str,
    arguments: tuple[str, ...],
    stage: Serve,
    tmp_path: Path,
) -> None:
    token = ("--token", TOKEN) if server.token else ()
    url = stage(server(workflows))
    area = failure.partition(".")[0]
    asked = ("--area", area, "--max-examples", "0", *arguments, *token)
    first = run_cli(url, *asked, "--report-dir", str(tmp_path), "--seed", "7")
    assert first.exit_code == 1, first.output
    assert f"  contract-tests {url} --replay {tmp_path}:{failure}" in first.output.splitlines()
    again = run_cli(url, "--replay", f"{tmp_path}:{failure}", *token)
    assert again.exit_code == 1, again.output
    assert f"STILL FAILS {failure}" in again.output
    assert "curl" in again.output
    fixed = (Locked if token else ConformingServer)(workflows)
    kept = run_cli(stage(fixed), "--replay", str(tmp_path), *token)
    assert kept.exit_code == 0, kept.output
    assert f"FIXED {failure}" in kept.output
    for file in tmp_path.iterdir():
        assert TOKEN not in file.read_text(encoding="utf-8")


class FlawedAndSlow(Flawed):
    """Its probes are of `main`, which is quicker on any machine."""

    flawed = "slow"


@pytest.fixture(scope="module")
def reports(stage: Serve, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a server that has one fault, in the workflow `other`."""
    folder = tmp_path_factory.mktemp("flawed")
    run_cli(stage(Flawed(("main", "other"))), "--max-examples", "0", "--report-dir", str(folder))
    return folder


@pytest.fixture
def flawed(reports: Path, tmp_path: Path) -> Path:
    """A copy of them."""
    shutil.copytree(reports, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_no_more_is_run_than_shows_it(stage: Serve, tmp_path: Path) -> None:
    url = stage(FlawedAndSlow(("main", "slow")))
    run_cli(url, "--only", "identity.run-id", "--report-dir", str(tmp_path))
    server = FlawedAndSlow(("main", "slow"))
    result = run_cli(stage(server), "--replay", str(tmp_path / "report.json"))
    assert result.exit_code == 1
    assert [run.workflow_id for run in server.runs.values()] == ["slow"]
    assert "will start at most 1 run" in result.output


def test_sessions_are_other_ones(stage: Serve, tmp_path: Path) -> None:
    server = CutSessions()
    url = stage(server)
    run_cli(url, "--max-examples", "0", "--report-dir", str(tmp_path))
    first = {run.session_id for run in server.runs.values()}
    server.runs.clear()
    result = run_cli("--replay", f"{tmp_path}:order.terminal-event")
    assert "STILL FAILS order.terminal-event" in result.output
    again = {run.session_id for run in server.runs.values()}
    assert any(session.startswith("contract-tests-") for session in again)
    assert not first & again


def test_known_failures_are_replayed_too(stage: Serve, tmp_path: Path) -> None:
    url = stage(Broken())
    known = tmp_path / "known.yaml"
    known.write_text("known: {form.version-null: as ever}")
    asked = ("--only", "form.*", "--max-examples", "0", "--known", str(known))
    arguments = (url, *asked, "--report-dir", str(tmp_path))
    assert run_cli(*arguments).exit_code == 0
    assert run_cli("--replay", str(tmp_path)).exit_code == 1


def test_what_cannot_be_decided_is_said(flawed: Path, stage: Serve) -> None:
    """The workflow is gone; nothing listens; the workflow no longer gets as far."""
    gone = run_cli(stage(ConformingServer()), "--replay", str(flawed))
    assert gone.exit_code == 2
    assert "other" in gone.stderr
    silent = run_cli("http://127.0.0.1:9", "--replay", str(flawed))
    assert silent.exit_code == 2
    assert "nothing listens there" in silent.stderr

    class Down(ConformingServer):
        def make_run(self, workflow_id: str, form: dict[str, str]) -> Run:
            raise Refused(500, "it is down")

    down = run_cli(stage(Down(("main", "other"))), "--replay", str(flawed))
    assert down.exit_code == 2
    assert "COULD NOT BE DECIDED identity.run-id" in down.output


@pytest.mark.parametrize(
    ("suffix", "says"),
    [
        ("/nowhere", "cannot be read (No such file or directory); --report-dir writes it"),
        (":identity.run-i", "no failure of 'identity.run-i'; did you mean identity.run-id?"),
        (":sse.idle", "no failure of 'sse.idle'; it has identity.run-id"),
    ],
)
def test_what_was_not_saved_is_said(suffix: str, says: str, flawed: Path) -> None:
    result = run_cli("--replay", f"{flawed}{suffix}")
    assert result.exit_code == 2
    assert says in _unwrapped(result.stderr)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": 2}, "version: Input should be 1; was it written by this kit?"),
        ({"failures": [{"checks": ["streams"]}]}, "failures.0.requirement: Field required"),
        ({"more": 1}, "more: Extra inputs are not permitted"),
    ],
)
def test_what_was_not_written_by_the_kit_is_refused(
    change: dict[str, Any], says: str, flawed: Path
) -> None:
    file = flawed / "replay.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | change))
    result = run_cli("--replay", str(flawed))
    assert result.exit_code == 2
    assert says in _unwrapped(result.stderr)
    content["failures"][0]["checks"] = ["of_next_year"]
    file.write_text(json.dumps(content))
    assert "no check 'of_next_year'" in _unwrapped(run_cli("--replay", str(flawed)).stderr)


def _unwrapped(text: str) -> str:
    return re.sub(r"\s+", " ", text)
