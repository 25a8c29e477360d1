"""Known deviations: what is listed is no failure, what is gone or new is one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentos_contract.profiles import load_profile
from agentos_contract.requirements import DEFAULT_LEVEL, load_catalogue
from contract_tests.judging.known import Known, KnownDeviations, KnownError, load_known
from contract_tests.judging.results import Result, Status, settle
from contract_tests.running.run import Report
from mockserver.app import Settings, create_app
from mockserver.script.loader import BUNDLED_SCRIPTS, load_scripts
from tests.agentos_contract.test_judge import Stream
from tests.conftest import Serve, agentos
from tests.contract_tests.conftest import report_on, run_cli
from tests.contract_tests.server import ConformingServer, Run

QUICK = ("--max-examples", "0", "--seed", "3")
IDS = load_catalogue().requirements


class Flawed(ConformingServer):
    """The workflow `other` says in its last event that it is of another run; `main` is fine."""

    flawed = "other"

    def events(self, run: Run) -> Stream:
        events = super().events(run)
        if run.workflow_id == self.flawed:
            events[-1]["run_id"] = "another"
        return events

    def batch_body(self, run: Run) -> Any:
        return {**super().batch_body(run), "run_id": run.run_id}


WORKFLOWS = ("main", "other")
BROKEN = "identity.run-id"


def settled(report: Report, known: KnownDeviations) -> dict[str, Result]:
    """The results, had that been known."""
    requirements = list(load_catalogue().at_level(DEFAULT_LEVEL))
    results = settle(requirements, report.findings, known=known, required=())
    return {result.requirement.id: result for result in results}


@pytest.fixture(scope="module")
def flawed(stage: Serve) -> Report:
    report = report_on(stage(Flawed(WORKFLOWS)), max_runs=40)
    assert settled(report, {})[BROKEN].status is Status.FAILED
    return report


@pytest.mark.parametrize(
    ("entries", "status"),
    [
        ([Known("x")], Status.KNOWN),
        ([Known("x", workflows=("other",))], Status.KNOWN),
        ([Known("x", when="stream")], Status.KNOWN),
        ([Known("x", when="stream", workflows=("main", "other"))], Status.KNOWN),
        # New where it is not listed.
        ([Known("x", workflows=("main",))], Status.FAILED),
        ([Known("x", when="cancelled")], Status.FAILED),
        ([Known("x", when="stream", workflows=("elsewhere",))], Status.FAILED),
        # Gone where it is listed, though it shows elsewhere.
        ([Known("x", workflows=("other",)), Known("y", workflows=("main",))], Status.FAILED),
        ([Known("x"), Known("y", workflows=("main",), sometimes=True)], Status.KNOWN),
        # Nothing could have shown it there.
        ([Known("x"), Known("y", workflows=("elsewhere",))], Status.KNOWN),
    ],
)
def test_an_entry_may_be_narrow(flawed: Report, entries: list[Known], status: Status) -> None:
    assert settled(flawed, {BROKEN: entries})[BROKEN].status is status


def test_a_stale_narrow_entry_says_where(flawed: Report) -> None:
    known = [Known("x", workflows=("other",)), Known("y", workflows=("main",), when="stream")]
    message = settled(flawed, {BROKEN: known})[BROKEN].message
    assert message == "no longer broken: remove it from the known ones (y (stream of main))"


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("{reason: x, wen: stream}", "unknown key 'wen'; did you mean when?"),
        ("{reason: x, when: streams}", "when: expected one of stream, batch, refused,"),
        ("{reason: x, workflows: main}", "workflows: expected a list of ids"),
        ("{workflows: [main]}", "expected a reason"),
        ("[{reason: x}, {when: batch}]", "order.ended[1]: expected a reason"),
        ("{reason: x, when: [stream, step-stoped]}", "did you mean step-stopped?"),
        ("{reason: x, event: StepComplete}", "found 'StepComplete'; did you mean StepCompleted?"),
        ("{reason: x, cause: never}", "cause: expected none, as there is one alone, found 'never'"),
        ("{reason: x, at: step_output}", "at: expected a JSON pointer such as /detail"),
        ("{reason: x, status: ok}", "status: expected an HTTP status, found 'ok'"),
    ],
)
def test_a_wrong_entry_is_named(entry: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "known.yaml"
    file.write_text(f"known:\n  order.ended: {entry}\n")
    with pytest.raises(KnownError) as caught:
        load_known(str(file), IDS)
    assert says in str(caught.value)
    assert "known.yaml: order.ended" in str(caught.value)


KEPT = """\
# What our server does.
known:
  # Asked in #17.
  sse.pacing: nobody waited long enough      # stays: no case
  form.unknown-fields: we refuse them
  time.created-at:
    reason: by the second   # and by the clock
    sometimes: true
"""


def test_the_file_is_written_anew(stage: Serve, tmp_path: Path) -> None:
    file = tmp_path / "known.yaml"
    file.write_text(KEPT)
    url = stage(Flawed(WORKFLOWS))
    result = run_cli(url, *QUICK, "--update-known", str(file))
    assert result.exit_code == 0, result.output
    assert "known.yaml: added identity.run-id; dropped form.unknown-fields" in result.output
    text = file.read_text()
    for line in KEPT.splitlines():
        assert (line in text) == ("form.unknown-fields" not in line), line
    known = load_known(str(file), IDS)
    assert set(known) == {"sse.pacing", "time.created-at", BROKEN}
    assert "another" in known[BROKEN][0].reason
    result = run_cli(url, *QUICK, "--known", str(file))
    assert result.exit_code == 0, result.output
    assert "nothing to change" in run_cli(url, *QUICK, "--update-known", str(file)).output
    assert file.read_text() == text
    # And once it is mended:
    result = run_cli(stage(ConformingServer(WORKFLOWS)), *QUICK, "--known", str(file))
    assert result.exit_code == 1
    assert f"FAILED {BROKEN}" in result.output


def test_a_new_file_begins_with_what_is_known(stage: Serve, tmp_path: Path) -> None:
    known, file = tmp_path / "known.yaml", tmp_path / "new" / "file.yaml"
    known.write_text(KEPT)
    arguments = ("--known", str(known), "--update-known", str(file))
    result = run_cli(stage(Flawed(WORKFLOWS)), *QUICK, *arguments)
    assert result.exit_code == 0, result.output
    assert "# Asked in #17." in file.read_text()
    assert known.read_text() == KEPT


def test_a_narrow_entry_gets_another_beside_it(stage: Serve, tmp_path: Path) -> None:
    file = tmp_path / "known.yaml"
    file.write_text(f"known:\n  {BROKEN}: {{reason: x, when: cancelled}}\n")
    url = stage(Flawed(WORKFLOWS))
    assert run_cli(url, *QUICK, "--update-known", str(file)).exit_code == 0
    assert [entry.when for entry in load_known(str(file), IDS)[BROKEN]] == ["cancelled", None]


def test_what_is_written_of_a_cancelled_run_is_of_any_that_is_cancelled(
    stage: Serve, tmp_path: Path
) -> None:
    file = tmp_path / "known.yaml"
    step = {"type": "Step", "name": "wait", "mock": {"delay": 2.0}}
    (tmp_path / "one.json").write_text(json.dumps({"id": "one", "name": "One", "steps": [step]}))
    deviations = frozenset({"cancel.completed-too"})
    workflows = load_scripts(tmp_path / "one.json").workflows
    url = stage(create_app(Settings(workflows=workflows, seed=1, deviations=deviations)))
    name = "cancel.one-terminal-event"
    assert run_cli(url, *QUICK, "--only", name, "--update-known", str(file)).exit_code == 0
    conditions = [entry.conditions for entry in load_known(str(file), IDS)[name]]
    assert conditions
    assert all("cancelled" in words for words in conditions)


class HasEventsOfItsOwn(ConformingServer):
    """As AgentOS from 2.6 on, where a run pauses: names that the document does not have."""

    def events(self, run: Run) -> Stream:
        events = super().events(run)
        return [
            *events[:-1],
            {**events[0], "event": "StepExecutorPaused"},
            *events[-1:],
        ]


def test_what_is_written_may_name_events_that_the_document_does_not_have(
    stage: Serve, tmp_path: Path
) -> None:
    file, url = tmp_path / "known.yaml", stage(HasEventsOfItsOwn(("main",)))
    assert run_cli(url, *QUICK, "--update-known", str(file)).exit_code == 0
    [entry] = load_known(str(file), IDS)["event.known-name"]
    assert entry.event == ("StepExecutorPaused",)
    result = run_cli(url, *QUICK, "--known", str(file))
    assert result.exit_code == 0, result.output


class Careless(Flawed):
    """Several workflows are flawed, and in batch one has a status of its own making."""

    def __init__(self, workflows: tuple[str, ...], flawed: tuple[str, ...]) -> None:
        super().__init__(workflows)
        self.all_flawed = flawed

    def events(self, run: Run) -> Stream:
        self.flawed = run.workflow_id if run.workflow_id in self.all_flawed else ""
        events = super().events(run)
        if run.workflow_id == "third":
            events[1]["session_id"] = "another"
        return events


ALL = ("main", "other", "third")


def test_what_is_written_is_as_narrow_as_it_was_seen(stage: Serve, tmp_path: Path) -> None:
    file, reports = tmp_path / "known.yaml", tmp_path / "reports"
    url = stage(Careless(ALL, ("other", "third")))
    assert run_cli(url, *QUICK, "--update-known", str(file)).exit_code == 0
    [entry] = load_known(str(file), IDS)[BROKEN]
    assert entry.workflows == ("other", "third")
    assert (entry.event, entry.cause) == (("WorkflowCompleted",), ("another",))
    for seed in range(2):
        result = run_cli(url, "--max-examples", "5", "--seed", str(seed), "--known", str(file))
        assert result.exit_code == 0, result.output
    # Three more workflows with the same fault are three new ones, by name.
    more = ("fourth", "fifth", "sixth")
    url = stage(Careless((*ALL, *more), ("other", "third", *more)))
    arguments = ("--known", str(file), "--report-dir", str(reports))
    result = run_cli(url, *QUICK, "--max-runs", "100", *arguments)
    assert result.exit_code == 1
    report = json.loads((reports / "report.json").read_text())
    [told] = [one for one in report["results"] if one["requirement"] == BROKEN]
    [source] = told["sources"]
    assert source["workflows"] == ["fifth", "fourth", "sixth"]
    assert source["times"] == told["times"] >= 3
    assert f"FAILED {BROKEN} ({told['times']} times)" in result.output
    in_all = f"{told['times']} x WorkflowCompleted, another (fifth, fourth, sixth)"
    assert f"in all: {in_all}" in result.output
    assert in_all in (reports / "junit.xml").read_text()
    sarif = (reports / "results.sarif").read_text()  # a result for each workflow
    assert all(f"in {workflow}: " in sarif for workflow in source["workflows"])
    assert "fifth, fourth, sixth" in (reports / "report.html").read_text()
    # And once all are mended that is said.
    result = run_cli(stage(Careless(ALL, ())), *QUICK, "--known", str(file))
    assert f"FAILED {BROKEN}" in result.output
    assert "WorkflowCompleted; cause another of other, third)" in result.output


def profile() -> dict[str, tuple[Known, ...]]:
    return dict(load_known("agno-2.5.6", IDS))


def failed(results: dict[str, Result]) -> set[str]:
    return {name for name, result in results.items() if result.status is Status.FAILED}


def shown_by(report: Report, known: KnownDeviations) -> list[tuple[str, int]]:
    """The entries that a report's breaches need, by requirement and position."""
    return [
        (name, position)
        for name, entries in known.items()
        for position, entry in enumerate(entries)
        if any(
            entry.covers(breach) and sum(other.covers(breach) for other in entries) == 1
            for breach in report.findings.breaches.get(name, ())
        )
    ]


def judge_by_the_profile(report: Report, workflow: str = "") -> int:
    """A report fails nothing that the profile knows; without an entry that shows it fails that
    entry's requirement, without another nothing. Returns how many show."""
    known = profile()
    assert failed(settled(report, known)) == set(), workflow
    needed = shown_by(report, known)
    for name, entries in known.items():
        for position in range(len(entries)):
            left = (*entries[:position], *entries[position + 1 :])
            expected = {name} if (name, position) in needed else set()
            found = failed(settled(report, {**known, name: left}))
            assert found == expected, (workflow, name, position)
    return len(needed)


@pytest.mark.agentos
def test_the_profile_is_that_of_the_real_server_with_others_workflows(others: Path) -> None:
    with agentos(others) as url:
        assert judge_by_the_profile(report_on(url)) > 12
        for name in ("agent", "unmet"):
            alone = report_on(url, workflows=[name])
            judge_by_the_profile(alone, name)
        # What these show they show alone; nothing else is said to be gone.
        result = run_cli(url, *QUICK, "--workflow", "function", "--known", "agno-2.5.6")
    assert result.exit_code == 0, result.output


ALONE = {"batch_runs", "cancel", "input_schema", "message_required", "streams", "version_null"}


def test_the_profile_is_that_of_each_workflow_alone(others: Path, stage: Serve) -> None:
    """As the mock plays the real server: it is compared with it frame by frame elsewhere."""
    workflows = {**load_scripts(BUNDLED_SCRIPTS).workflows, **load_scripts(others).workflows}
    workflows.pop("slow-report")  # it takes its time
    as_agno = load_profile("agno-2.5.6").deviations
    url = stage(create_app(Settings(workflows=workflows, seed=1, deviations=as_agno)))
    for name in workflows:
        judge_by_the_profile(report_on(url, workflows=[name], checks=ALONE), name)
