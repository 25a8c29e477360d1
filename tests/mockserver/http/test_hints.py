"""What was asked for wrongly is told with what would be right."""

from __future__ import annotations

import logging
import time

import httpx2
import pytest

from mockserver.app import Settings, create_app
from tests.conftest import Serve

RUN = "/workflows/article-writer/runs"
FORM = {"message": "bees", "stream": "false"}


@pytest.mark.parametrize("profile", [False, True])
def test_an_answer_says_what_would_be_right(serve: Serve, *, profile: bool) -> None:
    deviations = frozenset({"error.terse"}) if profile else frozenset()
    url = serve(create_app(Settings(seed=1, deviations=deviations)))
    events = {"accept": "text/event-stream"}
    with httpx2.Client(base_url=url) as client:
        for answer, hint in (
            (client.post("/workflow/article-writer/runs"), f"did you mean {RUN}?"),
            (client.post("/workflows/article-writer/run"), f"did you mean {RUN}?"),
            (client.post(f"/api/v1{RUN}"), f"did you mean {RUN}?"),
            (client.post(f"/some/gateways/long/prefix{RUN}"), f"did you mean {RUN}?"),
            (client.get(RUN, headers=events), "an EventSource can only GET"),
            (client.post(RUN, data={"mesage": "x"}), "there is 'mesage'; did you mean 'message'?"),
            (client.post(f"{RUN}?message=x"), "'message' stands in the query"),
            (client.post(RUN, data={'{"message": "a long one"}': ""}), "a form, such as message="),
        ):
            assert answer.status_code in (404, 405, 422)
            assert (hint in answer.json()["detail"]) is not profile
        for path in ("/agents/host/runs", "/foo", "/"):
            assert "did you mean" not in client.get(path).text


def test_the_control_api_says_its_names(mock_url: str) -> None:
    with httpx2.Client(base_url=mock_url) as client:
        for path, body, said in (
            ("/__mock__/rule", {}, "nothing at /__mock__/rule; did you mean /__mock__/rules?"),
            (
                "/__mock__/rules",
                {"answr": {}},
                "there is no member 'answr'",
            ),
            ("/__mock__/rules", {"answer": {"staus": 503}}, "did you mean 'status'?"),
            ("/__mock__/rules", {"answer": {"faults": ["sse.cut"]}}, "did you mean 'sse.cut-"),
        ):
            assert said in client.post(path, json=body).json()["detail"]


def test_a_long_path_is_not_looked_for(mock_url: str) -> None:
    with httpx2.Client(base_url=mock_url) as client:
        began = time.process_time()
        answer = client.post(f"/{'workflow/' * 2000}runs")
        assert answer.status_code == 404
        assert time.process_time() - began < 1


def test_a_field_that_is_written_otherwise_is_logged_once(
    mock_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with httpx2.Client(base_url=mock_url) as client, caplog.at_level(logging.WARNING):
        for name in ("Session-Id", "Session-Id", "anything"):
            assert client.post(RUN, data={**FORM, name: "s"}).status_code == 200
    said = [record.getMessage() for record in caplog.records]
    assert said == ["the form's field 'Session-Id' is not read; expected 'session_id'"]
