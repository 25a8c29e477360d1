"""The whole, against the kit's own mock and against a real AgentOS."""

from __future__ import annotations

import json
import re
from pathlib import Path

from contract_tests.judging.results import Status
from tests.contract_tests.conftest import broken, by_status, run_cli, test_target

# Seen by hand, each by the curl command that the failure prints.
GENUINE = {
    "batch.equals-stream",  # a Condition's result is lost from the stream's last event
    "cancel.one-terminal-event",  # WorkflowCancelled, and then WorkflowCompleted
    "error.body-schema",  # a 422's detail is a list of objects
    "event.schema",  # a second WorkflowError, bare
    "form.input-schema",  # 500 in batch; in a stream 200 and a bare WorkflowError
    "form.message-any-string",
    "form.version-null",
    "identity.run-id",  # the bare WorkflowError names no run
    "identity.session-id",
    "identity.step-index",  # a Parallel within a Parallel gives its children one index
    "identity.workflow-id",
    "loop.should-continue",  # true on the last iteration
    "order.ended-once",  # a tool call that fails completes, and then has ToolCallError
    "order.ended",  # a step that stops the run, or fails and is skipped, never ends
    "order.one-terminal-event",  # two WorkflowErrors
    "order.within",  # a function passes on its agent's contents, without its RunStarted
    "tool.error",  # such a call completes first
    "results.in-container",  # a Parallel has another step_id in the results
}
SOMETIMES = {"time.created-at"}


def test_the_mock_keeps_everything(brisk_mock_url: str) -> None:
    report = test_target(
        brisk_mock_url, max_examples=30, browser_origin="http://localhost:5173", parallel=3
    )
    assert broken(report) == set()
    skipped = set(by_status(report, Status.SKIPPED))
    others = {name for name in skipped if not name.startswith("authentication.")}
    assert others == {"time.advances"}  # no run of a brisk one takes 3 s


def test_the_locked_mock_keeps_authentication(locked_mock_url: str) -> None:
    report = test_target(locked_mock_url, token="letmein", workflows=["content-pipeline"])
    assert broken(report) == set()
    passed = set(by_status(report, Status.PASSED))
    assert {name for name in passed if name.startswith("authentication.")} == {
        r.requirement.id for r in report.results if r.requirement.area == "authentication"
    }


def test_a_real_agentos_has_these_deviations(agentos_url: str, tmp_path: Path) -> None:
    result = run_cli(agentos_url, "--seed", "1", "--report-dir", str(tmp_path))
    assert result.exit_code == 1, result.output
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    found = {r["requirement"] for r in report["results"] if r["status"] == "failed"}
    assert found - SOMETIMES == GENUINE
    for entry in report["results"]:
        if entry["status"] == "failed":
            assert entry["reproduce"].startswith("curl ")


def test_a_real_agentos_is_read_by_the_pages_it_knows(agentos_url: str) -> None:
    page = ("--area", "browser", "--workflow", "poster", "--browser-origin")
    known = run_cli(agentos_url, *page, "http://localhost:3000")
    assert known.exit_code == 0, known.output
    other = run_cli(agentos_url, *page, "http://localhost:5173")
    assert other.exit_code == 1
    assert re.findall(r"^FAILED (\S+)", other.output, re.MULTILINE) == ["browser.readable"]


def test_a_real_agentos_is_as_known(agentos_url: str, tmp_path: Path) -> None:
    known = dict.fromkeys(sorted(GENUINE), "seen by hand")
    sometimes = {name: {"reason": "by the second", "sometimes": True} for name in SOMETIMES}
    file = tmp_path / "known.yaml"
    file.write_text(json.dumps({"known": known | sometimes}))
    result = run_cli(agentos_url, "--seed", "2", "--max-examples", "20", "--known", str(file))
    assert result.exit_code == 0, result.output
