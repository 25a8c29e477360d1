"""With --as agno-2.5.6 every bundled workflow gives the real server's frames and bodies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agentos_contract.profiles import load_profile
from mockserver.app import Settings, create_app
from mockserver.script.loader import bundled_workflows, load_scripts
from tests.conftest import serving
from tests.runs import masked, message_for, stream

WORKFLOWS = sorted(bundled_workflows())
MESSAGES = ["tea", "cats", "news\nand dogs"]
CASES = [
    (message, workflow_id)
    for message in MESSAGES
    for workflow_id in WORKFLOWS
    if workflow_id != "slow-report" or message == "tea"  # a second each, on either server
]


@pytest.fixture(scope="module")
def mock(brisk_scripts: Path) -> Iterator[httpx2.Client]:
    settings = Settings(
        workflows=load_scripts(brisk_scripts).workflows,
        seed=1,
        deviations=load_profile("agno-2.5.6").deviations,
    )
    with (
        serving(create_app(settings)) as url,
        httpx2.Client(base_url=url, timeout=60) as client,
    ):
        yield client


@pytest.mark.parametrize(("message", "workflow_id"), CASES)
def test_the_stream_is_the_real_servers(
    mock: httpx2.Client, real: httpx2.Client, workflow_id: str, message: str
) -> None:
    form = {"message": message_for(workflow_id, message)}
    ours, theirs = (stream(server, workflow_id, **form).comparable() for server in (mock, real))
    for our_frame, their_frame in zip(ours, theirs, strict=True):
        assert our_frame == their_frame


@pytest.mark.parametrize(("message", "workflow_id"), CASES)
def test_the_batch_body_is_the_real_servers(
    mock: httpx2.Client, real: httpx2.Client, workflow_id: str, message: str
) -> None:
    def answer(server: httpx2.Client) -> tuple[int, Any]:
        form = {"message": message_for(workflow_id, message), "stream": "false", "user_id": "ada"}
        response = server.post(f"/workflows/{workflow_id}/runs", data=form)
        return response.status_code, json.dumps(masked(response.json()), ensure_ascii=False)

    assert answer(mock) == answer(real)


@pytest.mark.parametrize("workflow_id", ["content-pipeline", "slow-report", "doomed"])
def test_a_background_run_is_answered_as_the_real_server_does(
    mock: httpx2.Client, real: httpx2.Client, workflow_id: str
) -> None:
    def answer(server: httpx2.Client) -> tuple[int, str]:
        form = {"message": "tea", "stream": "false", "background": "true"}
        response = server.post(f"/workflows/{workflow_id}/runs", data=form)
        return response.status_code, json.dumps(masked(response.json()))

    assert answer(mock) == answer(real)
