"""Reports for CI servers: valid for who reads them, on the user's files, the same each time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema_rs
import pytest
from junitparser import JUnitXml

from agentos_contract.requirements import load_catalogue
from contract_tests.judging.results import Result, Status
from contract_tests.reports.github import MAX_ANNOTATIONS, annotation_lines, summary
from contract_tests.reports.places import Places
from contract_tests.reports.texts import Texts
from contract_tests.running.run import Report
from contract_tests.target.user_files import UserFiles
from mockserver.app import Settings, create_app
from tests.conftest import serving
from tests.contract_tests.conftest import run_cli

SCHEMAS = Path(__file__).parent / "schemas"
FAULTS = frozenset({"step.stop-left-open", "loop.never-continues", "error.detail-list"})
IN_GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_WORKFLOW_REF": "our/agents/.github/workflows/contract.yml@refs/heads/main",
}


@dataclass
class Repository:
    """A user's repository, and what a run of the tests in it left."""

    root: Path
    output: str

    @property
    def sarif(self) -> dict[str, Any]:
        log: dict[str, Any] = json.loads((self.root / "reports/results.sarif").read_text())
        return log

    def results(self) -> dict[tuple[str, str], dict[str, Any]]:
        """By requirement and the workflow that it was seen in."""
        return {
            (one["ruleId"], one["locations"][0]["logicalLocations"][0]["name"]): one
            for one in self.sarif["runs"][0]["results"]
        }

    def allure(self) -> dict[str, dict[str, Any]]:
        found = [json.loads(file.read_text()) for file in self.root.glob("allure/*-result.json")]
        return {one["name"]: one for one in found}


def report_of_failures(count: int, message: str) -> Report:
    """A report in which the catalogue's first requirements failed."""
    requirements = list(load_catalogue().requirements.values())[:count]
    failed = [Result(one, Status.FAILED, message, "") for one in requirements]
    return Report("http://localhost", 1, failed, 0)


FIRST = next(iter(load_catalogue().requirements))


def place(result: dict[str, Any]) -> tuple[str, int]:
    location = result["locations"][0]["physicalLocation"]
    return location["artifactLocation"]["uri"], location["region"]["startLine"]


def run_in(root: Path, url: str, seed: int, *more: str) -> Repository:
    (root / ".git").mkdir(parents=True)
    (root / "src").mkdir()
    (root / "src" / "data.bin").write_bytes(b"\xff'gatekeeper'")
    (root / "src" / "agents.py").write_text("# gatekeeper\n\ngate = Workflow(id='gatekeeper')\n")
    (root / "known.yaml").write_text("known:\n\n  order.ended: it never closes\n")
    (root / "contract-tests.toml").write_text(
        'max-examples = 0\nworkflow = ["gatekeeper", "draft-refiner"]\ncode = ["src"]\n'
        'allure-dir = "allure"\nreport-dir = "reports"\n\n'
        '[workflows.draft-refiner]\nmessage = "x"\n'
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(root)
        environment = {**IN_GITHUB, "GITHUB_STEP_SUMMARY": str(root / "summary.md")}
        done = run_cli(url, "--known", "known.yaml", "--seed", str(seed), *more, env=environment)
    assert done.exit_code == 1, done.output
    return Repository(root, done.output)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(create_app(Settings(seed=1, speed=10, deviations=FAULTS))) as url:
        yield url


@pytest.fixture(scope="module")
def repository(url: str, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return run_in(tmp_path_factory.mktemp("repository") / "agents", url, 1)


@pytest.fixture(scope="module")
def again(url: str, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return run_in(tmp_path_factory.mktemp("again") / "agents", url, 2, "--no-github")


def test_sarif_is_valid(repository: Repository) -> None:
    schema = json.loads((SCHEMAS / "sarif-schema-2.1.0.json").read_text())
    jsonschema_rs.Draft4Validator(schema).validate(repository.sarif)


def test_sarif_is_on_the_user_s_files(repository: Repository) -> None:
    results = repository.results()
    assert place(results["loop.should-continue", "draft-refiner"]) == ("contract-tests.toml", 7)
    known = results["order.ended", "gatekeeper"]
    assert place(known) == ("known.yaml", 3)
    assert known["level"] == "note"
    assert known["suppressions"]
    assert place(results["error.body-schema", "server"]) == ("contract-tests.toml", 1)
    for result in results.values():
        assert (repository.root / place(result)[0]).is_file()


def test_a_workflow_is_found_where_it_is_written(url: str, tmp_path: Path) -> None:
    unknown = ("--known", "agno-2.5.6", "--config", "contract-tests.toml")
    found = run_in(tmp_path / "agents", url, 1, *unknown).results()
    assert place(found["order.ended", "gatekeeper"]) == ("src/agents.py", 3)


def test_alerts_are_the_same_each_time(repository: Repository, again: Repository) -> None:
    def told(one: Repository) -> dict[Any, Any]:
        results = one.results()
        return {key: (place(one), one["partialFingerprints"]) for key, one in results.items()}

    assert told(repository) == told(again)
    prints = [str(one["partialFingerprints"]) for one in repository.results().values()]
    assert len(set(prints)) == len(prints)
    ids = {name: one["historyId"] for name, one in repository.allure().items()}
    assert ids == {name: one["historyId"] for name, one in again.allure().items()}
    assert len(set(ids.values())) == len(ids)


def test_each_rule_says_what_it_is(repository: Repository) -> None:
    rules = {one["id"]: one for one in repository.sarif["runs"][0]["tool"]["driver"]["rules"]}
    assert rules["routing.allow-header"]["helpUri"].startswith("https://www.rfc-editor.org/rfc/")
    for rule in rules.values():
        assert rule["shortDescription"]["text"]
        assert "Source: " in rule["help"]["text"]


def test_junit_is_valid_for_jenkins_and_has_times(repository: Repository) -> None:
    import xmlschema  # half a second, of each worker, if it stood above

    file = repository.root / "reports" / "junit.xml"
    xmlschema.XMLSchema(SCHEMAS / "junit-10.xsd").validate(file)
    suites = list(JUnitXml.fromfile(str(file)))
    for area in ElementTree.parse(file).getroot():
        properties = {one.get("name"): one.get("value") for one in area.iter("property")}
        assert properties["server"] == "AgentOS API 1.0.0"
    for suite in suites:
        assert suite.time == pytest.approx(sum(case.time for case in suite), abs=1e-3)
    took = {case.name: case.time for suite in suites for case in suite}
    assert took["order.ended"] > 0
    assert took["authentication.wrong-token"] == 0  # there was no token to try


def test_annotations_are_escaped_and_few(repository: Repository) -> None:
    lines = [line for line in repository.output.splitlines() if line.startswith("::")]
    failed = [name for name, one in repository.allure().items() if one["status"] == "failed"]
    assert len(lines) == len(failed)
    (line,) = (line for line in lines if "loop.should-continue" in line)
    assert re.match(
        r"::error title=contract%3A loop\.should-continue,file=contract-tests\.toml,line=7::An "
        r"iteration's should_continue .*%0Aseen: ",
        line,
    )


def test_what_is_no_github_gets_nothing(again: Repository) -> None:
    assert "::error" not in again.output
    assert not (again.root / "summary.md").exists()


def test_many_failures_are_named_in_the_last_annotation() -> None:
    report = report_of_failures(12, "100%: a, b\r\n::error::x\n\x1b[31m")
    lines = annotation_lines(report, Places(UserFiles(), ()), Texts(str))
    assert len(lines) == MAX_ANNOTATIONS
    assert all(line.startswith("::error title=contract%3A ") for line in lines)
    assert not any("\n" in line or "\r" in line for line in lines)
    assert r"100%25: a, b\r\n\x3a:error::x\n\x1b[31m" in lines[0]
    assert lines[-1].startswith("::error title=contract%3A 3 more::")
    for result in report.results[MAX_ANNOTATIONS - 1 :]:
        assert result.requirement.id in lines[-1]


def test_the_summary_takes_no_markup_from_a_server() -> None:
    report = report_of_failures(1, "<img src=x>|@octocat [a](http://x) `b`\n## c")
    said = summary(report, Texts(str))
    (row,) = (line for line in said.splitlines() if line.startswith(f"| `{FIRST}`"))
    for markup in ("<img", "@octocat", "](", "`b`", "|&", "## c", "http:"):
        assert markup not in row
    assert "&lt;img src=x&gt;" in row


def test_the_summary_has_what_broke(repository: Repository) -> None:
    text = (repository.root / "summary.md").read_text()
    assert "| `loop.should-continue` |" in text
    assert "<summary>1 known</summary>" in text


def test_github_is_told_that_nothing_could_be_run(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(file)}
    done = run_cli("http://127.0.0.1:9", env=environment)
    assert done.exit_code == 2
    assert "::error title=contract-tests could not be run::http://127.0.0.1:9: " in done.stderr
    assert "could not be run" in file.read_text()


def test_allure_has_a_test_for_each_requirement(repository: Repository) -> None:
    tests = repository.allure()
    rules = repository.sarif["runs"][0]["tool"]["driver"]["rules"]
    assert set(tests) == {rule["id"] for rule in rules}
    assert tests["order.first-event"]["status"] == "passed"
    assert tests["authentication.wrong-token"]["status"] == "skipped"
    known = tests["order.ended"]
    assert known["status"] == "skipped"
    assert known["statusDetails"]["known"] is True
    for test in tests.values():
        assert test["start"] <= test["stop"]
        assert all(step["start"] >= test["start"] for step in test.get("steps", []))


def test_allure_shows_what_broke(repository: Repository) -> None:
    test = repository.allure()["loop.should-continue"]
    assert test["status"] == "failed"
    assert "curl" in test["statusDetails"]["trace"]
    assert "streams (1 request)" in {step["name"] for step in test["steps"]}
    texts = {
        one["name"]: (repository.root / "allure" / one["source"]).read_text()
        for one in test["attachments"]
    }
    assert texts["commands"].startswith("curl ")
    assert texts["answer"].startswith("200 OK\n")
    assert "event: LoopIterationCompleted" in texts["answer"]
    marked = [line for line in texts["timeline"].splitlines() if line.startswith(">")]
    assert len(marked) == 1
    assert "LoopIterationCompleted" in marked[0]
    environment = (repository.root / "allure" / "environment.properties").read_text()
    assert "server=AgentOS API 1.0.0\n" in environment
