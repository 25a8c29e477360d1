"""What a page finds that is reloaded while its run is under way, and after (docs/restore.md)."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator

import httpx2
import pytest

from agentos_contract.profiles import load_profile
from mockserver.app import Settings, create_app
from mockserver.client import MockClient
from tests.conftest import Serve, serving

WORKFLOW = "content-pipeline"
RUN = f"/workflows/{WORKFLOW}/runs"


@contextlib.contextmanager
def held(profile: str | None) -> Iterator[tuple[MockClient, str]]:
    """A mock, and the run_id of a streamed run of session `s` that waits before its last step."""
    deviations = load_profile(profile).deviations if profile else frozenset()
    with (
        serving(create_app(Settings(seed=1, deviations=deviations))) as url,
        MockClient(url, "restore") as mock,
    ):
        mock.hold("g", before="StepStarted", step="headline", times=1)

        def stream() -> None:
            with contextlib.suppress(httpx2.HTTPError):  # it may be cut
                mock.http.post(RUN, data={"message": "bees", "session_id": "s"})

        thread = threading.Thread(target=stream)
        thread.start()
        try:
            yield mock, mock.wait(gate="g")["run_id"]
        finally:
            mock.release("g")
            thread.join(20)


def run_of(client: httpx2.Client, run_id: str) -> httpx2.Response:
    return client.get(f"{RUN}/{run_id}", params={"session_id": "s"})


def test_by_the_contract_a_run_is_found_as_far_as_it_has_come() -> None:
    with held(None) as (mock, run_id):
        found = run_of(mock.http, run_id).json()
        assert (found["status"], len(found["events"])) == ("RUNNING", 5)
        (listed,) = mock.http.get("/sessions/s/runs?type=workflow").json()
        assert (listed["status"], len(listed["events"])) == ("RUNNING", 5)
        again = mock.http.post(RUN, data={"message": "ants", "session_id": "s", "stream": "false"})
        assert again.status_code == 200
        assert len(mock.http.get("/sessions/s/runs?type=workflow").json()) == 2


def test_once_it_is_over_the_run_is_found_whole() -> None:
    with held(None) as (mock, run_id):
        mock.release("g")
        mock.wait(run_id=run_id)
        found = run_of(mock.http, run_id).json()
        assert (found["status"], found["events"][-1]["event"]) == ("COMPLETED", "WorkflowCompleted")


@pytest.mark.parametrize(("profile", "status"), [(None, 200), ("agno-2.5.6", 404)])
def test_a_stream_ends_with_its_connection(profile: str | None, status: int) -> None:
    with held(profile) as (mock, run_id):
        mock.cut(run_id)
        mock.wait(run_id=run_id)
        found = run_of(mock.http, run_id)
        assert found.status_code == status
        if status == 200:
            assert found.json()["status"] == "CANCELLED"


def test_as_agno_a_run_is_not_found_before_it_is_over() -> None:
    with held("agno-2.5.6") as (mock, run_id):
        assert run_of(mock.http, run_id).status_code == 404
        assert mock.http.get("/sessions/s/runs?type=workflow").status_code == 404
        mock.release("g")
        mock.wait(run_id=run_id)
        assert run_of(mock.http, run_id).json()["status"] == "COMPLETED"


@pytest.mark.agentos
def test_so_does_a_real_agentos(agentos_url: str) -> None:
    form = {"message": "bees", "session_id": "restore-real"}
    url = f"{agentos_url}/workflows/slow-report/runs"
    query = {"session_id": "restore-real"}
    run_id = ""
    with httpx2.stream("POST", url, data=form, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("data:") and not run_id:
                run_id = line.partition('"run_id":"')[2].partition('"')[0]
                run_id = run_id or line.partition('"run_id": "')[2].partition('"')[0]
                assert httpx2.get(f"{url}/{run_id}", params=query).status_code == 404
    assert httpx2.get(f"{url}/{run_id}", params=query).json()["status"] == "COMPLETED"


def test_a_streamed_run_keeps_what_its_steps_gave(serve: Serve) -> None:
    with httpx2.Client(base_url=serve(create_app(Settings(seed=1)))) as client:
        form = {"message": "bees", "session_id": "s"}
        streamed = client.post("/workflows/poster/runs", data=form).text
        run_id = json.loads(streamed.partition("data: ")[2].partition("\n")[0])["run_id"]
        found = client.get(f"/workflows/poster/runs/{run_id}?session_id=s").json()
        (listed,) = client.get("/sessions/s/runs?type=workflow").json()
    assert found["images"] == listed["images"] != []
    assert "audio" not in found
