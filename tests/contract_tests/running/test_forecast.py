"""How long it may take is said before any run, with what it goes by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract_tests.checks.plan import Needs, make_plan
from contract_tests.running.forecast import Durations, Forecast, amount, forecast, in_words
from contract_tests.target.target import Workflow
from tests.conftest import Serve
from tests.contract_tests.conftest import run_cli
from tests.contract_tests.server import ConformingServer

TWENTY = [Workflow(f"w{number}", "hello", deterministic=True) for number in range(20)]
FEW = Needs(probes=10, generated=False, more_messages=False)


def of_twenty(durations: Durations, *, started: int = 0, parallel: int = 1) -> Forecast:
    plan = make_plan(TWENTY, 200, 0, FEW)
    return forecast(plan, TWENTY, durations, started=started, parallel=parallel)


def test_each_workflow_counts_as_long_as_it_takes_and_probes_as_the_quickest() -> None:
    told = {"w0": 1.0, **{f"w{number}": 20.0 for number in range(1, 20)}}
    found = of_twenty(Durations(told=told))
    streams = batches = 1 + 19 * 20
    assert found.seconds == pytest.approx(streams + batches + 10 * 1 + 20, abs=10)
    assert found.at_most == found.seconds
    assert in_words(found) == "some 13 minutes; by the configuration (20 of 20 workflows)"
    quicker = of_twenty(Durations(told=told), parallel=4)
    assert quicker.seconds == pytest.approx((streams + batches) / 4 + 30, abs=10)


def test_what_is_unknown_is_taken_for_the_mean_and_what_was_measured_counts_most() -> None:
    durations = Durations(told={"w0": 60.0}, earlier={"w0": 30.0, "w1": 20.0})
    before = of_twenty(durations)
    durations.measured["w0"] = 0.0
    after = of_twenty(durations, started=1)
    assert before.seconds is not None
    assert after.seconds == pytest.approx(before.seconds * 10 / 40, rel=0.2)
    assert before.basis == (
        "the configuration (1 of 20 workflows) and an earlier run (1 of 20 workflows)"
    )
    assert after.basis == (
        "first streams (1 of 20 workflows) and an earlier run (1 of 20 workflows)"
    )


def test_where_answers_may_differ_there_is_an_upper_time_within_the_limit_of_runs() -> None:
    unsure = [Workflow(f"w{number}", "hello") for number in range(20)]
    durations = Durations(earlier={one.id: 6.0 for one in unsure})
    plan = make_plan(unsure, 80, 0, FEW)
    found = forecast(plan, unsure, durations)
    assert found.seconds is not None
    assert found.at_most == pytest.approx(found.seconds + 30 * 6.0)
    assert "up to 8 minutes where answers differ from run to run" in in_words(found)
    ended = forecast(plan, unsure, durations, most_seconds=100.0)
    assert (ended.seconds, ended.at_most) == (100.0, 100.0)


def test_where_nothing_is_known_it_says_so() -> None:
    assert in_words(of_twenty(Durations())) == "how long that takes, first streams will show"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "5 s"), (33, "35 s"), (89, "90 s"), (130, "2 minutes")]
)
def test_amounts_are_as_exact_as_they_can_be(seconds: float, said: str) -> None:
    assert amount(seconds) == said


def test_a_plan_starts_no_run(stage: Serve, tmp_path: Path) -> None:
    server = ConformingServer(("main", "slow"))
    config = tmp_path / "c.toml"
    config.write_text("[workflows.main]\nseconds = 45\n")
    result = run_cli(stage(server), "--config", str(config), "--plan")
    assert result.exit_code == 0, result.output
    assert not server.runs
    plan, time, end = result.output.splitlines()
    assert "will start at most" in plan
    assert "minutes" in time
    assert time.endswith("by the configuration (1 of 2 workflows)")
    assert end.endswith("requirements would be tested; no run was started")


def test_an_earlier_report_of_the_same_target_says_how_long_it_takes(
    stage: Serve, tmp_path: Path
) -> None:
    url, report = stage(ConformingServer()), tmp_path / "report.json"
    few = ("--report-dir", str(tmp_path), "--area", "order")
    first, second = run_cli(url, *few), run_cli(url, *few)
    assert "how long that takes, first streams will show" in first.output
    assert "by an earlier run (1 of 1 workflows)" in second.output
    saved = json.loads(report.read_text(encoding="utf-8"))
    assert list(saved["seconds"]) == ["main"]
    for odd in ({"target": "http://localhost:1"}, {"seconds": {"main": "long"}}, {"seconds": 3}):
        report.write_text(json.dumps(saved | odd), encoding="utf-8")
        assert "first streams will show" in run_cli(url, *few, "--plan").output
    report.write_text("{", encoding="utf-8")
    assert "first streams will show" in run_cli(url, *few, "--plan").output
