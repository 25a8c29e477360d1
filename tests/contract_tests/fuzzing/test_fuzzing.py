"""Fuzzing finds what only a sequence of requests shows, makes it small, and keeps it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from contract_tests.fuzzing import execution
from contract_tests.fuzzing.baseline import Baseline, Usual
from contract_tests.fuzzing.campaign import ENOUGH, Campaign, Fuzzing, fuzz_target
from contract_tests.fuzzing.connection import context_for
from contract_tests.fuzzing.machine import make_machine
from contract_tests.fuzzing.outcome import Key
from contract_tests.fuzzing.rounds import DAMAGED, TIME_UP, Failure
from contract_tests.fuzzing.saved import replay_sequences, save
from contract_tests.fuzzing.steps import (
    MARK,
    Await,
    Cancel,
    Disconnect,
    Form,
    Run,
    Step,
    Steps,
    runs_named,
    steps_from_json,
    steps_to_json,
    without,
)
from contract_tests.running.replay import (
    Outcome,
    Replayed,
    SavedFailure,
    find_failures,
)
from contract_tests.running.run import Options
from contract_tests.target.client import Client, Limits
from contract_tests.target.target import Target, Workflow
from tests.conftest import Serve
from tests.contract_tests.conftest import DOCUMENT, run_cli
from tests.contract_tests.server import ConformingServer, Refused
from tests.contract_tests.server import Run as ServersRun

SECONDS = 100
"""How long something may be looked for; it is found much sooner."""


def options(url: str, **more: Any) -> Options:
    settings: dict[str, Any] = {"seed": 1, "max_runs": 5000, "limits": Limits(idle=5, total=10)}
    return Options(url, DOCUMENT, **settings | more)


def fuzz_for(url: str, seconds: float, *, seed: int = 1, **more: Any) -> Campaign:
    return fuzz_target(Fuzzing(options(url, seed=seed), seconds, **more))


def replayed(url: str, requirement: str, steps: Steps) -> Replayed:
    """What comes of a saved sequence."""
    saved = SavedFailure(requirement=requirement, message="seen", sequences=[steps_to_json(steps)])
    (again,) = replay_sequences(options(url), [saved])
    return again


def found_by(campaign: Campaign, requirement: str) -> Failure:
    """The failure that was found first, which is of that requirement."""
    assert campaign.ended == ENOUGH
    assert not campaign.notes
    failure = next(iter(campaign.failures.values()))
    assert failure.key.requirement == requirement, failure
    return failure


def kinds(failure: Failure) -> list[type[Step]]:
    return [type(step) for step in failure.steps]


class Server(ConformingServer):
    """It lets callers hang up before it has read what they ask."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(ClientDisconnect):
            await super().__call__(scope, receive, send)

    def read_run(self, run_id: str, session_id: str | None) -> Any:
        raise Refused(404, "it reads no run back")


# -- what only sequences show


class ForgetsTheThirdRun(Server):
    """Of a session."""

    is_mended = False

    def listed_runs(self, session_id: str) -> list[dict[str, str]]:
        runs = super().listed_runs(session_id)
        return runs if self.is_mended else runs[:2]


def test_a_session_that_loses_its_third_run(serve: Serve, tmp_path: Path) -> None:
    """Found, made as small as it gets, replayed first the next time, by a file too, and gone when
    it is mended."""
    server = ForgetsTheThirdRun(("main",))
    url = serve(server)
    database = str(tmp_path / "examples")
    campaign = fuzz_for(url, SECONDS, database=database, max_failures=1)
    failure = found_by(campaign, "session.continuity")
    assert kinds(failure) == [Run, Run, Run]
    assert failure.certainty == "shown again 2 of 2 times"
    assert len(failure.commands) == 4
    again = fuzz_for(url, SECONDS, seed=2, database=database, max_failures=1)
    kept = [str(file) for file in Path(database).rglob("*") if file.is_file()]
    assert found_by(again, "session.continuity").replayed, (again, kept)
    assert again.rounds == 1

    save([failure], options(url), tmp_path, lambda text: text)
    _, (saved,) = find_failures(str(tmp_path))
    assert [steps_from_json(steps) for steps in saved.sequences] == [failure.steps]
    for command in ([url], ["fuzz", url]):
        outcome = run_cli(*command, "--replay", f"{tmp_path}:session.continuity")
        assert outcome.exit_code == 1
        assert "STILL FAILS session.continuity" in outcome.output
        assert "curl -sSiN -X GET" in outcome.output

    server.is_mended = True
    outcome = run_cli(url, "--replay", str(tmp_path))
    assert outcome.exit_code == 0
    assert "FIXED session.continuity" in outcome.output
    assert list(Path(database).glob("*/*"))
    few = options(url, max_runs=40)
    assert fuzz_target(Fuzzing(few, SECONDS, database=database)).failures == {}
    server.is_mended = False
    last = fuzz_target(Fuzzing(few, SECONDS, database=database))
    assert not any(failure.replayed for failure in last.failures.values())


class Patient(Server):
    """Its slow workflow says all but its last event at once, and then waits: nobody need hurry."""

    async def frames(self, run: ServersRun) -> AsyncIterator[bytes]:
        events = self.events(run)
        for event in events[:-1]:
            yield self.frame(event)
        if run.workflow_id == "slow":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(run.cancelled.wait(), 2)
        is_cancelled = run.workflow_id == "slow" and run.cancelled.is_set()
        for event in self.after_cancel(run) if is_cancelled else events[-1:]:
            yield self.frame(event)


class CancelsEveryRun(Patient):
    def cancel(self, run_id: str) -> Response:
        for run in self.runs.values():
            run.cancelled.set()
        return super().cancel(run_id)


def test_cancelling_one_run_that_cancels_the_other(serve: Serve) -> None:
    one, other = (Run(workflow="slow", session=f"{MARK}{n}", beside=True) for n in range(2))
    url = serve(CancelsEveryRun(("main", "slow")))
    again = replayed(url, "session.isolation", (one, other, Cancel(run=1, after=3)))
    assert again.outcome is Outcome.STILL_FAILS
    assert "nobody cancelled this run" in again.message


class ReusesTheIdOfALostRun(Patient):
    lost: str | None = None

    def make_run(self, workflow_id: str, form: dict[str, str]) -> ServersRun:
        run = super().make_run(workflow_id, form)
        if self.lost is not None:
            run.run_id, self.lost = self.lost, None
        return run

    async def frames(self, run: ServersRun) -> AsyncIterator[bytes]:
        is_lost = True
        try:
            async for frame in super().frames(run):
                yield frame
            is_lost = False
        finally:
            if is_lost:
                self.lost = run.run_id


def test_a_run_id_that_is_used_again_after_hanging_up(serve: Serve) -> None:
    # Until the server has noticed, runs are as they should be.
    runs = [Run(workflow="main") for _ in range(8)]
    steps: Steps = (Run(workflow="slow", beside=True), Disconnect(run=0, after=3), *runs)
    url = serve(ReusesTheIdOfALostRun(("main", "slow")))
    again = replayed(url, "identity.run-id-fresh", steps)
    assert again.outcome is Outcome.STILL_FAILS
    assert "had been given to another run before" in again.message


class DiesOfACancelledRun(Patient):
    is_dead = False

    def cancel(self, run_id: str) -> Response:
        run = self.runs.get(run_id)
        self.is_dead = self.is_dead or (run is not None and run.workflow_id == "slow")
        return super().cancel(run_id)

    async def batch(self, run: ServersRun) -> Response:
        if self.is_dead:
            raise Refused(500, "no")
        return await super().batch(run)


def test_a_server_that_is_never_itself_again(serve: Serve) -> None:
    """Nothing can be made smaller: whatever comes next fails. That is said, with what came
    before."""
    campaign = fuzz_for(serve(DiesOfACancelledRun(("main", "slow"))), SECONDS)
    assert campaign.ended == DAMAGED
    said = "the server has not been itself since"
    (failure, *_) = (each for each in campaign.failures.values() if said in each.certainty)
    assert any(
        isinstance(step, Cancel) for steps in [failure.steps, *failure.before] for step in steps
    )


class NamesAnotherWorkflow(Server):
    def batch_body(self, run: ServersRun) -> Any:
        return {**super().batch_body(run), "workflow_id": "another"}


def test_a_server_that_breaks_something_in_each_run(serve: Serve) -> None:
    """It needs no sequence, and is not looked for by one."""
    campaign = fuzz_for(serve(NamesAnotherWorkflow(("main",))), SECONDS, max_failures=1)
    failure = found_by(campaign, "identity.batch-echo")
    assert kinds(failure) == [Run]
    assert campaign.rounds == 0


# -- no wolf


def test_nothing_is_found_where_nothing_is_wrong(serve: Serve) -> None:
    url = serve(Server(("main", "typed")))
    campaign = fuzz_target(Fuzzing(options(url, max_runs=100), SECONDS))
    assert campaign.failures == {}
    assert campaign.notes == []
    assert campaign.runs == 100
    assert "--max-runs" in campaign.ended


def test_the_mock_is_fuzzed_by_two_processes(mock_url: str) -> None:
    ids = ("visit-counter", "everything", "order-intake")
    one = options(mock_url, workflows=ids, max_runs=60)
    campaign = fuzz_target(Fuzzing(one, SECONDS, workers=2))
    assert campaign.failures == {}
    assert campaign.runs == 60


def test_the_time_ends_a_run_that_is_under_way(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "GRACE_SECONDS", 0.1)

    class Slow(Server):
        async def frames(self, run: ServersRun) -> AsyncIterator[bytes]:
            frames = super().frames(run)
            yield await anext(frames)
            self.started = True
            if run.message == "0":
                await asyncio.sleep(60)
            async for frame in frames:
                yield frame

    server = Slow(("main",))
    campaign = fuzz_target(Fuzzing(options(serve(server), message="0"), 0.5))
    assert campaign.ended in ("", TIME_UP)
    assert server.active == 0


def test_a_database_is_kept_where_there_was_no_time_to_observe_each_workflow(
    mock_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contract_tests.fuzzing.campaign.BASELINE_SHARE", 0)
    ids = ("visit-counter", "everything", "order-intake", "doomed", "gatekeeper", "json-answer")
    fuzzing = Fuzzing(options(mock_url, workflows=ids), 3, database=str(tmp_path / "examples"))
    assert fuzz_target(fuzzing).failures == {}


# -- the sequences


def drawn(seed: int) -> list[Steps]:
    """What is drawn from a seed."""
    target = Target((Workflow("main", "hi"), Workflow("slow", "hi")))
    context = context_for(options("http://127.0.0.1:1"), target, Client("http://127.0.0.1:1"))
    usual = {"main": Usual(0.1, True), "slow": Usual(5.0, True)}
    companions = frozenset({"get_workflow_run", "get_session_runs", "cancel_workflow_run"})
    found: list[Steps] = []
    machine = make_machine(context, Baseline(usual, companions), found.append)
    settings = hypothesis.settings(
        max_examples=60,
        database=None,
        stateful_step_count=8,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    run_state_machine_as_test(hypothesis.seed(seed)(machine), settings=settings)
    return found


def is_cancelled_beside_another(steps: Steps) -> bool:
    """Whether one of two runs that are under way is cancelled."""
    for position, step in enumerate(steps):
        if isinstance(step, Cancel):
            beside = {
                at for at, run in enumerate(steps[:position]) if isinstance(run, Run) and run.beside
            }
            gone = {
                before.run
                for before in steps[:position]
                if isinstance(before, Await | Disconnect | Cancel)
            }
            if step.run in beside - gone and len(beside - gone) > 1:
                return True
    return False


def test_a_seed_draws_the_same_sequences_of_every_kind_of_step() -> None:
    sequences = drawn(5)
    assert drawn(5) == sequences
    assert {type(step) for steps in sequences for step in steps} == set(Step.__args__)
    assert any(is_cancelled_beside_another(steps) for steps in sequences)
    for steps in sequences:
        assert steps_from_json(json.loads(json.dumps(steps_to_json(steps)))) == steps
        for position in range(len(steps)):
            shorter = without(steps, position)
            is_needed = any(position in runs_named(step) for step in steps)
            assert (shorter is None) == is_needed
            if shorter:
                assert len(steps_from_json(steps_to_json(shorter))) == len(steps) - 1


def test_a_typed_workflow_is_sent_no_form_that_nobody_can_judge() -> None:
    for steps in drawn(6):
        for step in steps:
            if isinstance(step, Form):
                assert step.workflow == "main"


# -- files


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        ("{", "cannot be read|Invalid JSON"),
        ("{}", "expected checks or sequences"),
        ('{"sequences": [[]]}', "expected at least one step"),
        ('{"sequences": [[{"kind": "run"}]]}', "0.run.workflow: Field required"),
        ('{"sequences": [[{"kind": "await", "run": 0}]]}', "step 0, which is no run before it"),
    ],
)
def test_a_file_that_holds_no_failure(
    serve: Serve, tmp_path: Path, failure: str, said: str
) -> None:
    save([], options("http://x"), tmp_path, lambda text: text)
    file = tmp_path / "replay.json"
    failure = failure.replace("{", '{"requirement": "order.ended", "message": "seen",', 1)
    failure = failure.replace(",}", "}")
    text = file.read_text()
    file.write_text(text.replace('"failures": []', f'"failures": [{failure}]'))
    outcome = run_cli(serve(Server(("main",))), "--replay", str(tmp_path))
    assert outcome.exit_code == 2
    assert re.search(said, outcome.output), outcome.output


def test_what_does_not_show_again_is_said_to_be_flaky() -> None:
    steps = (Run(workflow="main"),)
    failure = Failure(Key("order.ended", "stream"), steps, "seen", ("curl",), confirmed=1, tried=2)
    assert failure.certainty == "FLAKY: shown again 1 of 2 times"


def test_what_breaks_now_and_then_is_flaky_and_kept(serve: Serve, tmp_path: Path) -> None:
    class Moody(Server):
        times = 0

        def batch_body(self, run: ServersRun) -> Any:
            body = super().batch_body(run)
            self.times += 1
            body["status"] = "RUNNING" if self.times % 9 == 0 else "COMPLETED"
            return body

    url = serve(Moody(("main",)))
    outcome = run_cli(
        *("fuzz", url, "--seed", "1", "--max-failures", "1", "--database", str(tmp_path / "db")),
        *("--report-dir", str(tmp_path / "failures")),
    )
    assert outcome.exit_code == 1, outcome.output
    assert "FLAKY" in outcome.output
    _, (saved,) = find_failures(str(tmp_path / "failures"))
    assert saved.requirement == "batch.status-completed"
    assert "FLAKY" in saved.message
    assert len(replay_sequences(options(url), [saved])) == 1


# -- the command


def test_nobody_listens(tmp_path: Path) -> None:
    place = ("--database", str(tmp_path))
    outcome = run_cli("fuzz", "http://127.0.0.1:1", "--time", "1s", *place)
    assert outcome.exit_code == 2
    assert "nothing listens there" in outcome.output
    assert len(outcome.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--time", "soon"), "expected a time such as 90s, 10m or 1h"),
        (("--time", "0s"), "expected a time such as 90s, 10m or 1h"),
        (("--workers", "0"), "--workers"),
        (("--known", "nobody"), "--known"),
        (("--database", "http://x"), "expected a folder or redis://HOST:PORT/NUMBER"),
        (("--database", "redis://127.0.0.1:1/0"), "no Redis answers there"),
    ],
)
def test_options_that_cannot_be(arguments: tuple[str, ...], said: str) -> None:
    outcome = run_cli("fuzz", "http://127.0.0.1:1", *arguments)
    assert outcome.exit_code == 2
    assert said in outcome.output


def test_known_deviations_are_no_failures(serve: Serve, tmp_path: Path) -> None:
    known = tmp_path / "known.yaml"
    known.write_text("known:\n  identity.batch-echo: it is like that\n")
    outcome = run_cli(
        *(
            "fuzz",
            serve(NamesAnotherWorkflow(("main",))),
            "--max-runs",
            "30",
            "--known",
            str(known),
        ),
        *("--database", str(tmp_path / "db"), "--seed", "1"),
    )
    assert outcome.exit_code == 0, outcome.output
    assert (
        "will start as many runs as 10 min allow, at most 30, of: main (seed 1)" in outcome.output
    )
    assert "0 failures in" in outcome.output


def test_too_few_runs_to_see_what_is_usual(serve: Serve) -> None:
    outcome = run_cli("fuzz", serve(Server(("main",))), "--time", "30s", "--max-runs", "1")
    assert outcome.exit_code == 2
    assert "before anything was drawn: how 1 workflows usually go takes up to 2" in outcome.output
