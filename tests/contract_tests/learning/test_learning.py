"""A profile learned from a server says what it does differently, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentos_contract.deviations import load_deviations
from agentos_contract.profiles import Profile, load_profile
from contract_tests.learning.observers import OBSERVERS, telling_requirements
from mockserver.app import Settings, create_app
from mockserver.script.loader import load_scripts
from tests.conftest import ROOT, Serve, agentos
from tests.contract_tests.conftest import run_cli

CONDITIONS = ROOT / "fixtures" / "conditions"
AGNO = load_profile("agno-2.5.6").deviations

# The profile's, but those that nobody can tell from outside, or only with a token.
LEARNABLE = {
    name
    for name, deviation in load_deviations().items()
    if name in AGNO and deviation.undetectable is None and not name.startswith("authentication.")
}

# Shown only in the company of another: a run that is kept from its start is not lost by failing.
IN_COMPANY = {
    "session.failed-run-lost": "session.made-at-end",
    "error.unwritable-input": "error.detail-list",
}


def learn(url: str, out: Path) -> Profile:
    arguments = ["--scripts", str(CONDITIONS), "--seed", "3", "--max-examples", "5"]
    result = run_cli("learn", url, "--out", str(out), *arguments)
    assert result.exit_code == 0, result.output
    return load_profile(str(out))


def mock(serve: Serve, *deviations: str) -> str:
    workflows = load_scripts(CONDITIONS).workflows
    settings = Settings(workflows=workflows, seed=1, deviations=frozenset(deviations))
    return serve(create_app(settings))


@pytest.mark.slow
def test_the_mock_alone_does_nothing_differently(serve: Serve, tmp_path: Path) -> None:
    learned = learn(mock(serve), tmp_path / "learned.yaml")
    assert set(learned.deviations) == set()
    assert set(learned.known or {}) == set()


@pytest.mark.slow
@pytest.mark.parametrize("half", [0, 1])
def test_each_half_of_the_deviations_is_told_from_the_other(
    serve: Serve, tmp_path: Path, half: int
) -> None:
    few = set(sorted(LEARNABLE)[half::2])
    learned = learn(mock(serve, *few), tmp_path / "learned.yaml")
    lonely = {name for name, other in IN_COMPANY.items() if name in few and other not in few}
    assert set(learned.deviations) == few - lonely


def test_every_deviation_that_can_be_told_is_looked_for_in_one_place() -> None:
    detectable = {
        deviation.id
        for deviation in load_deviations().values()
        if deviation.is_observed and deviation.undetectable is None
    }
    assert OBSERVERS.keys() | telling_requirements().keys() == detectable
    assert not OBSERVERS.keys() & telling_requirements().keys()
    assert all(load_deviations()[name].when for name in detectable)


@pytest.mark.agentos
def test_the_real_server_and_the_mock_as_it_have_one_profile(serve: Serve, tmp_path: Path) -> None:
    ours = tmp_path / "ours.yaml"
    theirs = tmp_path / "theirs.yaml"
    learn(mock(serve, *AGNO), ours)
    with agentos(CONDITIONS) as url:
        learned = learn(url, theirs)
    assert set(learned.deviations) == LEARNABLE
    report = tmp_path / "differences.json"
    run_cli("diff", str(ours), str(theirs), "--report", str(report))
    differences = json.loads(report.read_text(encoding="utf-8"))["differences"]
    assert [d for d in differences if d["kind"] == "deviation"] == []


def test_diff_says_what_a_front_end_would_notice(tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text("deviations: [step.stop-left-open]\n", encoding="utf-8")
    new.write_text(
        "deviations: [run.unnamed]\nknown: {cancel.one-terminal-event: seen}\n", encoding="utf-8"
    )
    assert run_cli("diff", str(old), str(old)).exit_code == 0
    result = run_cli("diff", str(old), str(new))
    assert result.exit_code == 1
    breaking, _, rest = result.output.partition("NOTICEABLE")
    assert "BREAKING" in breaking
    assert "cancel.one-terminal-event" in breaking
    noticeable, _, better = rest.partition("BETTER")
    assert "run.unnamed" in noticeable
    assert "step.stop-left-open" in better


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("deviations: [step.stop-left-opne]\n", "step.stop-left-opne"),
        ("deviations: {}\n", "deviations"),
        ("known: {no.such: reason}\n", "no.such"),
        ("[", "line 2"),  # its end
    ],
)
def test_a_profile_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "profile.yaml"
    file.write_text(text, encoding="utf-8")
    result = run_cli("diff", str(file), "agno-2.5.6")
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output
