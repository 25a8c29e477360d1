"""A profile learned from a server says what it does differently, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Set
from pathlib import Path

import httpx2
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import contract_tests.learning.learn  # noqa: F401 - registers observers
from agentos_contract.deviations import load_deviations
from agentos_contract.profiles import Profile, load_profile
from contract_tests.learning.observers import OBSERVERS, telling_requirements
from contract_tests.learning.pauses import MIN_PAUSE
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


def learn(url: str, out: Path, scripts: Path = CONDITIONS) -> Profile:
    arguments = ["--scripts", str(scripts), "--seed", "3", "--max-examples", "5"]
    result = run_cli("learn", url, "--out", str(out), *arguments)
    assert result.exit_code == 0, result.output
    return load_profile(str(out))


def learn_all(url: str, out: Path, expected: Set[str]) -> Profile:
    """Learn a server until all shows that is expected. Some shows by the clock: a busy machine may
    hide it, and then nothing is said of it."""
    for _ in range(3):
        profile = learn(url, out)
        shown = set(profile.deviations)
        assert shown <= expected
        assert profile.evidence is not None
        assert expected - shown <= profile.evidence.unseen
        if shown == expected:
            return profile
    pytest.fail(f"did not show: {', '.join(expected - shown)}")


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
    lonely = {name for name, other in IN_COMPANY.items() if name in few and other not in few}
    learn_all(mock(serve, *few), tmp_path / "learned.yaml", few - lonely)


class HeldUpOnce:
    """A server that pauses between two events, and is held up there in each workflow's first
    stream."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._held_up: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def hold_up(message: Message) -> None:
            before, between, after = message.get("body", b"").partition(b"event: StepStarted")
            if between:
                seconds = MIN_PAUSE / 5 if scope["path"] in self._held_up else MIN_PAUSE * 1.5
                self._held_up.add(scope["path"])
                first, end, after = after.partition(b"\n\n")
                sent = before + between + first + end
                await send({"type": message["type"], "body": sent, "more_body": True})
                await asyncio.sleep(seconds)
                message = {**message, "body": after}
            await send(message)

        await self._app(scope, receive, hold_up)


@pytest.mark.slow
def test_what_is_learned_again_of_a_server_is_the_same(
    serve: Serve, others: Path, tmp_path: Path
) -> None:
    """Of the first time no session is left, and it was held up then."""
    workflows = load_scripts(others).workflows
    del workflows["list"]  # whose sessions AgentOS 2.5.6 cannot list, so that nobody knows whose
    settings = Settings(workflows=workflows, seed=1, deviations=frozenset(AGNO))
    url = serve(HeldUpOnce(create_app(settings)))
    first, second = (learn(url, tmp_path / name, others) for name in ("first", "second"))
    assert httpx2.get(f"{url}/sessions", params={"type": "workflow"}).json()["data"] == []
    assert set(first.deviations) == set(second.deviations)
    for profile in (first, second):
        assert profile.evidence is not None
        assert {name for name in LEARNABLE if name.startswith("cancel.")} <= profile.evidence.unseen


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
@pytest.mark.timeout(900)
def test_the_real_server_and_the_mock_as_it_have_one_profile(
    serve: Serve, others: Path, tmp_path: Path
) -> None:
    """Whatever workflows it was learned from, it is not said to differ from itself."""
    ours, theirs, elsewhere = (tmp_path / name for name in ("ours", "theirs", "elsewhere"))
    learn_all(mock(serve, *AGNO), ours, LEARNABLE)
    with agentos(CONDITIONS) as url:
        learned = learn_all(url, theirs, LEARNABLE)
    with agentos(others) as url:
        of_fewer = learn(url, elsewhere, others)
    assert 20 < len(of_fewer.deviations) < len(learned.deviations)
    for old, new in ((ours, theirs), (elsewhere, theirs), (theirs, elsewhere)):
        result = run_cli("diff", str(old), str(new))
        assert result.exit_code == 0, result.output
    # Of the kit's profile nothing is missing that could have shown.
    result = run_cli("diff", "agno-2.5.6", str(elsewhere))
    assert result.exit_code == 0, result.output


EVIDENCE = """\
deviations: []
known: {{}}
evidence:
  unseen: {unseen}
  events: [StepOutput, WorkflowCompleted]
  exercised: {{order.ended: {ended}, event.schema: [[media, stream]], loop.should-continue: [[]]}}
"""

BROKEN = """\
deviations: [step.stop-left-open]
known:
  order.ended: {reason: open, when: [step, step-stopped]}
  event.schema:
  - {reason: a text, event: StepOutput, when: media, at: /step_output/images/*, cause: type-string}
  - {reason: never came, event: StepPaused, cause: required}
  loop.should-continue: {reason: may be, sometimes: true}
"""


@pytest.mark.parametrize(
    ("unseen", "ended", "told"),
    [
        ("[step.stop-left-open]", "[[step, stream]]", {"event.schema"}),
        ("[]", "[[step, stream]]", {"event.schema", "step.stop-left-open"}),
        ("[]", "[[step, step-stopped]]", {"event.schema", "order.ended", "step.stop-left-open"}),
    ],
)
def test_what_nothing_could_have_shown_is_no_difference(
    unseen: str, ended: str, told: set[str], tmp_path: Path
) -> None:
    old, new, report = (tmp_path / name for name in ("old.yaml", "new.yaml", "report.json"))
    old.write_text(BROKEN, encoding="utf-8")
    new.write_text(EVIDENCE.format(unseen=unseen, ended=ended), encoding="utf-8")
    result = run_cli("diff", str(old), str(new), "--report", str(report))
    assert result.exit_code == 1
    differences = json.loads(report.read_text(encoding="utf-8"))["differences"]
    assert {one["id"] for one in differences} == told
    [schema] = [one for one in differences if one["id"] == "event.schema"]
    assert schema["reason"] == "a text"
    assert schema["impact"] == "better"


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
        ("deviations: []\nevidence: []\n", "evidence: expected unseen, events and exercised"),
        ("deviations: []\nevidence: {exercised: {a: b}}\n", "evidence.exercised: expected lists"),
        ("deviations: []\nevidence: {events: 1}\n", "evidence.events: expected a list"),
    ],
)
def test_a_profile_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "profile.yaml"
    file.write_text(text, encoding="utf-8")
    result = run_cli("diff", str(file), "agno-2.5.6")
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output
