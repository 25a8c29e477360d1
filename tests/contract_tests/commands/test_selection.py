"""A part of the requirements: --area, --only, --skip, and --level document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentos_contract.requirements import DEFAULT_LEVEL, Level, load_catalogue
from tests.conftest import Serve, serving
from tests.contract_tests.conftest import run_cli
from tests.contract_tests.server import ConformingServer

ALL = list(load_catalogue().at_level(DEFAULT_LEVEL))


def report_of(url: str, folder: Path, *options: str) -> tuple[dict[str, Any], int]:
    """report.json, and how many runs were started."""
    few = ("--seed", "3", "--max-examples", "3")
    result = run_cli(url, *few, "--report-dir", str(folder), *options)
    assert result.exit_code == 0, result.output
    started = int(result.output.rpartition(" runs started")[0].rpartition(" ")[2])
    return json.loads((folder / "report.json").read_text(encoding="utf-8")), started


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (["--area", "order"], [one.id for one in ALL if one.area == "order"]),
        (["--only", "sse.*"], [one.id for one in ALL if one.area == "sse"]),
        (
            ["--area", "routing", "--only", "order.end*", "--skip", "*-once"],
            [
                *[one.id for one in ALL if one.area == "routing"],
                "order.ended",
            ],
        ),
        (["--skip", "form.*"], [one.id for one in ALL if one.area != "form"]),
    ],
)
def test_these_are_tested_and_no_others(
    stage: Serve, tmp_path: Path, options: list[str], chosen: list[str]
) -> None:
    report, _ = report_of(stage(ConformingServer()), tmp_path, *options)
    assert {one["requirement"] for one in report["results"]} == set(chosen)
    assert set(report["not_asked_for"]) == {one.id for one in ALL} - set(chosen)


def test_what_is_left_out_starts_no_runs(stage: Serve, tmp_path: Path) -> None:
    url = stage(ConformingServer())
    started = {
        options: report_of(url, tmp_path, *options.split())[1]
        for options in (
            "--level protocol",
            "--level document",
            "--area order",
            "--only form.message-required",
        )
    }
    counts = list(started.values())
    assert counts == sorted(counts, reverse=True), started
    assert len(set(counts)) == len(counts), started
    assert counts[-1] == 0


def test_habits_of_the_measured_server_are_tested_unless_said(stage: Serve, tmp_path: Path) -> None:
    url = stage(ConformingServer())
    habits = {"order.step-output", "identity.step-order"}
    usual, _ = report_of(url, tmp_path, "--area", "order", "--area", "identity")
    without, _ = report_of(
        url, tmp_path, "--area", "order", "--area", "identity", "--level", "protocol"
    )
    found = [{one["requirement"] for one in report["results"]} for report in (usual, without)]
    assert found[0] - found[1] == habits


@pytest.mark.parametrize(
    ("area", "why"), [("authentication", "no token was given"), ("browser", "no page's origin")]
)
def test_what_nobody_gave_what_it_takes_starts_no_runs(
    stage: Serve, tmp_path: Path, area: str, why: str
) -> None:
    report, started = report_of(stage(ConformingServer()), tmp_path, "--area", area)
    assert started == 0
    assert {one["status"] for one in report["results"]} == {"skipped"}
    assert why in report["results"][0]["message"]


def test_what_is_kept_as_far_as_the_runs_went_says_so(stage: Serve, tmp_path: Path) -> None:
    url = stage(ConformingServer())
    result = run_cli(url, "--max-runs", "8", "--report-dir", str(tmp_path), "--seed", "3")
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    found = {one["requirement"]: one for one in report["results"]}
    assert found["order.ended"] | {"message": ""} == found["order.ended"]
    # Its own check had no run left; what other runs showed of it was kept.
    partly = found["error.sporadic"]
    assert partly["status"] == "passed"
    assert partly["message"].startswith("in part: all 8 runs of the plan had been started")
    assert "  in part: all 8 runs of the plan had been started (--max-runs): " in result.output


@pytest.mark.parametrize(
    "requirement",
    # The document's, and the last of each other area: runs judge many of them alike.
    [
        one.id
        for one, following in zip(ALL, [*ALL[1:], None], strict=True)
        if one.area not in ("authentication", "tool")
        and (one.level is Level.DOCUMENT or following is None or following.area != one.area)
    ],
)
def test_each_alone_is_exercised_as_it_is_among_all(
    stage: Serve, tmp_path: Path, requirement: str, exercised: frozenset[str]
) -> None:
    report, _ = report_of(stage(ConformingServer()), tmp_path, "--only", requirement)
    (result,) = report["results"]
    assert result["requirement"] == requirement
    assert (result["status"] == "passed") == (requirement in exercised)


@pytest.mark.parametrize("requirement", ["session.kept-state", "session.fresh-state"])
def test_what_takes_a_state_is_exercised_alone(
    stage: Serve, tmp_path: Path, requirement: str
) -> None:
    server = ConformingServer(("main", "counting"))
    report, started = report_of(stage(server), tmp_path, "--only", requirement)
    assert [one["status"] for one in report["results"]] == ["passed"]
    assert started == 2 + 4


@pytest.fixture(scope="module")
def exercised(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """What all checks together exercise on that server."""
    with serving(ConformingServer()) as url:
        report, _ = report_of(url, tmp_path_factory.mktemp("all"))
    return frozenset(one["requirement"] for one in report["results"] if one["status"] == "passed")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--only", "order.endd"],
            "there is no requirement 'order.endd'; did you mean order.ended",
        ),
        (["--skip", "zzz.*"], "there is no requirement 'zzz.*'; areas are authentication,"),
        (["--area", "ordr"], "there is no area 'ordr'; did you mean order?"),
        (["--only", "order.ended", "--skip", "order.*"], "no requirement of this --level is left"),
        (
            ["--level", "document", "--only", "order.ended"],
            "no requirement of this --level is left",
        ),
    ],
)
def test_what_names_nothing_is_a_usage_error(options: list[str], said: str) -> None:
    result = run_cli("http://127.0.0.1:1", *options)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
