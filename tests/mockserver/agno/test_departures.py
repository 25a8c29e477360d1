"""Where the real AgentOS 2.5.6 breaks the contract, and the mock does not: measured, both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.runs import batch, stream

# What each bundled workflow's stream breaks on the real server. Those that break nothing are
# compared frame by frame in test_against_agentos.py.
DEPARTURES = {
    "best-effort": {"order.ended"},
    "doomed": {
        "order.one-terminal-event",
        "identity.run-id",
        "identity.session-id",
        "identity.workflow-id",
    },
    "everything": {"identity.step-index", "loop.should-continue", "results.in-container"},
    "gatekeeper": {"order.ended"},
    "hotel-scout": {"order.within"},
    "market-scan": {"results.in-container"},
    "slow-report": {"loop.should-continue"},
}


@pytest.fixture(scope="module")
def client(brisk_mock_url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=brisk_mock_url, timeout=30) as client:
        yield client


def broken(client: httpx2.Client, workflow_id: str) -> set[str]:
    violations = stream(client, workflow_id).judge().violations
    return {violation.requirement for violation in violations}


@pytest.mark.parametrize("workflow_id", DEPARTURES)
def test_a_stream_breaks_there_what_it_keeps_here(
    client: httpx2.Client, real: httpx2.Client, workflow_id: str
) -> None:
    assert broken(real, workflow_id) == DEPARTURES[workflow_id]
    assert broken(client, workflow_id) == set()


@pytest.mark.parametrize(
    ("workflow_id", "form", "theirs", "ours"),
    [
        ("content-pipeline", {"message": ""}, 422, 200),
        ("content-pipeline", {"message": "x", "version": "null"}, 422, 200),
        ("content-pipeline", {"message": "x", "version": ""}, 200, 422),
        ("content-pipeline", {"message": "x", "stream": ""}, 200, 422),
        ("order-intake", {"message": "{}", "stream": "false"}, 500, 400),
        ("order-intake", {"message": "{}", "stream": "true"}, 200, 400),
        ("doomed", {"message": "x", "stream": "false"}, 500, 500),
        ("nope", {}, 422, 404),
    ],
)
def test_a_form_is_answered_with_another_status(
    client: httpx2.Client,
    real: httpx2.Client,
    workflow_id: str,
    form: dict[str, str],
    theirs: int,
    ours: int,
) -> None:
    path = f"/workflows/{workflow_id}/runs"
    assert real.post(path, data=form).status_code == theirs
    assert client.post(path, data=form).status_code == ours


def test_a_422_has_a_list_for_its_detail_there(client: httpx2.Client, real: httpx2.Client) -> None:
    def detail(server: httpx2.Client) -> Any:
        return server.post("/workflows/content-pipeline/runs").json()["detail"]

    assert isinstance(detail(real), list)
    assert isinstance(detail(client), str)


def test_a_false_condition_has_a_result_in_batch_only_there(
    client: httpx2.Client, real: httpx2.Client
) -> None:
    def names(results: list[dict[str, Any]]) -> list[str]:
        return [result["step_name"] for result in results]

    def both(server: httpx2.Client) -> tuple[list[str], list[str]]:
        streamed = stream(server, "pet-advice", message="fish").payloads[-1]["step_results"]
        return names(streamed), names(batch(server, "pet-advice", message="fish")["step_results"])

    streamed, in_batch = both(real)
    assert streamed != in_batch
    streamed, in_batch = both(client)
    assert streamed == in_batch
