"""The whole, against the kit's own mock and against a real AgentOS."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from agentos_contract.requirements import DEFAULT_LEVEL, load_catalogue
from contract_tests.judging.known import Known, load_known
from contract_tests.judging.results import Status
from contract_tests.running.run import Report
from tests.contract_tests.conftest import broken, by_status, report_on, run_cli
from tests.contract_tests.judging.test_known import failed, judge_by_the_profile, profile, settled

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
    "session.continuity",  # of two runs in a session at a time the one that ends first is lost
    "tool.error",  # such a call completes first
    "results.in-container",  # a Parallel has another step_id in the results
}
SOMETIMES = {"time.created-at"}


def test_the_mock_keeps_everything(brisk_mock_url: str) -> None:
    report = report_on(
        brisk_mock_url, max_examples=30, browser_origin="http://localhost:5173", parallel=3
    )
    assert broken(report) == set()
    skipped = set(by_status(report, Status.SKIPPED))
    others = {name for name in skipped if not name.startswith("authentication.")}
    assert others == {"time.advances"}  # no run of a brisk one takes 3 s


def test_the_locked_mock_keeps_authentication(locked_mock_url: str) -> None:
    report = report_on(locked_mock_url, token="letmein", workflows=["content-pipeline"])
    assert broken(report) == set()
    passed = set(by_status(report, Status.PASSED))
    assert {name for name in passed if name.startswith("authentication.")} == {
        r.requirement.id for r in report.results if r.requirement.area == "authentication"
    }


@pytest.fixture(scope="module")
def of_agentos(agentos_url: str) -> Report:
    """What a real AgentOS does, once for all that look at it."""
    return report_on(agentos_url, max_examples=20)


def test_a_real_agentos_has_these_deviations(of_agentos: Report) -> None:
    found = by_status(of_agentos, Status.FAILED)
    assert set(found) - SOMETIMES == GENUINE
    for result in found.values():
        assert result.reproduce.startswith("curl ")


def test_a_real_agentos_is_read_by_the_pages_it_knows(agentos_url: str) -> None:
    page = ("--area", "browser", "--workflow", "poster", "--browser-origin")
    known = run_cli(agentos_url, *page, "http://localhost:3000")
    assert known.exit_code == 0, known.output
    other = run_cli(agentos_url, *page, "http://localhost:5173")
    assert other.exit_code == 1
    assert re.findall(r"^FAILED (\S+)", other.output, re.MULTILINE) == ["browser.readable"]


def test_a_real_agentos_is_as_known(of_agentos: Report, tmp_path: Path) -> None:
    known = dict.fromkeys(sorted(GENUINE), "seen by hand")
    sometimes = {name: {"reason": "by the second", "sometimes": True} for name in SOMETIMES}
    file = tmp_path / "known.yaml"
    file.write_text(json.dumps({"known": known | sometimes}))
    listed = load_known(str(file), load_catalogue().requirements)
    assert failed(settled(of_agentos, listed)) == set()


def test_the_profile_is_that_of_a_real_agentos(of_agentos: Report) -> None:
    assert judge_by_the_profile(of_agentos) > 20
    # And whatever the real server was seen to keep is refused.
    kept = set(of_agentos.findings.probed_at) - set(of_agentos.findings.breaches)
    assert len(kept) > 40
    for name in kept & {r.id for r in load_catalogue().at_level(DEFAULT_LEVEL)}:
        entries = (*profile().get(name, ()), Known("they say so"))
        assert failed(settled(of_agentos, {**profile(), name: entries})) == {name}
