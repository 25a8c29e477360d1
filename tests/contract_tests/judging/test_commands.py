"""The commands of a failure that takes several requests show it when they are run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agentos_contract.document import load_document
from agentos_contract.sse import ServerSentEvent
from contract_tests.judging.commands import commands_of
from contract_tests.running.run import Options, run_contract_tests
from contract_tests.target.exchange import Exchange, Request
from mockserver.app import Settings, create_app
from tests.conftest import Serve


@pytest.mark.parametrize(
    ("fault", "requirement", "shown"),
    [
        ("cancel.as-completed", "cancel.one-terminal-event", "event: WorkflowCompleted"),
        ("cancel.bare-end", "cancel.one-terminal-event", ""),
        ("cancel.as-failure", "cancel.one-terminal-event", "event: WorkflowError"),
    ],
)
def test_a_cancels_failure_is_shown(
    fault: str, requirement: str, shown: str, serve: Serve, tmp_path: Path
) -> None:
    url = serve(create_app(Settings(seed=1, deviations=frozenset({fault}))))
    options = Options(url, load_document(), seed=1, checks=["cancel"], max_examples=0)
    results = {one.requirement.id: one for one in run_contract_tests(options).results}
    done = subprocess.run(
        ["sh", "-e", "-c", results[requirement].reproduce],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "event: WorkflowStarted" in done.stdout
    assert shown in done.stdout
    assert "event: WorkflowCancelled" not in done.stdout


def an_exchange(number: int, began: float, seconds: float, path: str, run_id: str = "") -> Exchange:
    exchange = Exchange(Request("POST", path), f"curl {number} http://h{path}", 200)
    exchange.began, exchange.seconds = began, seconds
    if run_id:
        data = f'{{"run_id": "{run_id}"}}'
        exchange.events = [(0.1, ServerSentEvent("WorkflowStarted", data))]
    return exchange


def test_one_after_the_other_is_as_it_was() -> None:
    exchanges = [an_exchange(n, 2.0 * n, 1.0, "/x", f"r{n}") for n in (3, 1, 2)]
    assert commands_of(exchanges) == "\n".join(exchange.curl for exchange in exchanges)
    assert commands_of([]) == ""


def test_what_overlaps_goes_on_meanwhile() -> None:
    cancelled = an_exchange(1, 0.0, 3.0, "/w/runs", "a/b")
    beside = an_exchange(2, 0.5, 3.0, "/w/runs", "c")
    cancel = an_exchange(3, 1.0, 0.5, "/w/runs/a%2Fb/cancel")
    again = an_exchange(4, 5.0, 0.5, "/w/runs/a%2Fb/cancel?x='1'")
    again.curl = "curl 4 'http://h/w/runs/a%2Fb/cancel?x=1'"
    lines = commands_of([cancelled, beside, cancel, again]).split("\n")
    assert lines[:3] == [
        "curl 1 http://h/w/runs > run-1.txt &",
        "curl 2 http://h/w/runs > run-2.txt &",
        lines[2],
    ]
    assert lines[2].startswith("while ! grep -q")
    assert " run-1.txt | " in lines[3]
    assert lines[4:] == [
        'curl 3 http://h/w/runs/"$run_id"/cancel',
        "wait",
        """curl 4 'http://h/w/runs/'"$run_id"'/cancel?x=1'""",
        "wait; cat run-1.txt run-2.txt",
    ]
