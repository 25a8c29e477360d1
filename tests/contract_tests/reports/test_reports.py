"""The reports that a run of the tests leaves: each as its readers take it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from agentos_contract.requirements import DEFAULT_LEVEL, load_catalogue
from contract_tests.cli import main
from mockserver.app import Settings, create_app
from tests.conftest import serving

TOKEN = "A-secret-1"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports on a mock whose stops leave their step open; that is known of the aborted ones."""
    folder = tmp_path_factory.mktemp("reports")
    known = folder / "known.yaml"
    known.write_text("known:\n  order.ended: it never closes\n")
    deviations = frozenset({"step.stop-left-open", "loop.last-continues"})
    with serving(create_app(Settings(seed=1, token=TOKEN, speed=10, deviations=deviations))) as url:
        arguments = [url, "--token", TOKEN, "--known", str(known), "--report-dir", str(folder)]
        arguments += ["--max-examples", "2", "--seed", "1"]
        arguments += ["--workflow", "gatekeeper", "--workflow", "slow-report"]
        result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1, result.output
    return folder


def test_json_has_every_requirement(reports: Path) -> None:
    report = json.loads((reports / "report.json").read_text())
    names = [result["requirement"] for result in report["results"]]
    assert names == [r.id for r in load_catalogue().at_level(DEFAULT_LEVEL)]
    statuses = {result["requirement"]: result["status"] for result in report["results"]}
    assert statuses["loop.should-continue"] == "failed"
    assert statuses["order.ended"] == "known"


def test_junit_has_a_case_for_each_and_counts_them(reports: Path) -> None:
    root = ElementTree.parse(reports / "junit.xml").getroot()
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert len(cases) == len(list(load_catalogue().at_level(DEFAULT_LEVEL)))
    failure = cases["loop.should-continue"].find("failure")
    assert failure is not None
    assert "curl" in (failure.text or "")
    assert cases["order.ended"].find("skipped") is not None
    assert list(cases["order.first-event"]) == []


def test_sarif_has_a_rule_and_a_result_for_what_broke(reports: Path) -> None:
    log = json.loads((reports / "results.sarif").read_text())
    run = log["runs"][0]
    assert log["version"] == "2.1.0"
    results = {result["ruleId"]: result for result in run["results"]}
    assert set(results) == {"loop.should-continue", "order.ended"}
    for name, result in results.items():
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == name
    assert results["order.ended"]["suppressions"]
    assert "suppressions" not in results["loop.should-continue"]


def test_the_page_marks_the_event_that_broke_it(reports: Path) -> None:
    page = (reports / "report.html").read_text()
    marked = [line for line in page.splitlines() if 'class="marked"' in line]
    assert any("LoopIterationCompleted" in line for line in marked)
    assert page.index('id="loop.should-continue"') < page.index('id="order.first-event"')


def test_the_token_is_in_none(reports: Path) -> None:
    for file in reports.iterdir():
        assert TOKEN not in file.read_text(), file
