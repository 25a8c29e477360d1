"""Every documented status from a real cause, with the document's body; and who comes first."""

from __future__ import annotations

import asyncio

import httpx2
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos_contract.document import Document, load_document
from mockserver.app import Settings, create_app
from tests.conftest import ROOT, Serve
from tests.runs import ORDER, batch, stream

PIPELINE = "/workflows/content-pipeline/runs"


def check_error(document: Document, response: httpx2.Response, status: int) -> str:
    """The answer is that error, with the document's body; its detail."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    schema = document.response_schema(document.run_operation, status, "application/json")
    if schema is not None:
        jsonschema_rs.validator_for(schema).validate(body)
    assert set(body) == {"detail", "error_code"}
    assert isinstance(body["detail"], str)
    assert "Traceback" not in response.text
    return str(body["detail"])


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "message"),
        ({"stream": "false"}, "message"),
        ({"message": "x", "stream": "maybe"}, "stream"),
        ({"message": "x", "stream": ""}, "stream"),
        ({"message": "x", "version": "one"}, "version"),
        ({"message": "x", "version": "1.5"}, "version"),
        ({"message": "x", "version": ""}, "version"),
    ],
)
def test_a_form_that_the_document_does_not_allow_is_422(
    client: httpx2.Client, document: Document, form: dict[str, str], field: str
) -> None:
    detail = check_error(document, client.post(PIPELINE, data=form), 422)
    assert f"body.{field}" in detail


@pytest.mark.parametrize(
    "form",
    [
        {"message": ""},
        {"message": "null", "session_id": "null", "user_id": "null", "version": "null"},
        {"message": "x", "version": "-3"},
        {"message": "x", "stream": "False"},
        {"message": "x", "unknown": "field"},
        {"message": "a\x00b\r\n\u00e9\u4e16\U0001f600%2B+&="},
        {"message": "{{ 7 * 7 }}{% if %}"},
    ],
)
def test_a_form_that_the_document_allows_is_accepted(
    client: httpx2.Client, form: dict[str, str]
) -> None:
    body = batch(client, "content-pipeline", **form)
    assert body["input"] == form["message"]
    assert form["message"] in body["step_results"][0]["content"]
    if "session_id" in form:
        assert (body["session_id"], body["user_id"]) == ("null", "null")


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(message=st.text(), extra=st.dictionaries(st.text(), st.text(), max_size=3))
def test_any_text_is_a_message_and_comes_back_as_it_was(
    mock_url: str, message: str, extra: dict[str, str]
) -> None:
    reserved = {"message", "stream", "session_id", "user_id", "version", "session_state"}
    form = {key: value for key, value in extra.items() if key not in reserved}
    with httpx2.Client(base_url=mock_url, timeout=30) as client:
        assert batch(client, "rush-hour", **form, message=message.replace("forbidden", ""))[
            "input"
        ] == message.replace("forbidden", "")


def test_a_field_that_comes_twice_has_its_last_value(client: httpx2.Client) -> None:
    content = "message=first&stream=false&message=second"
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    response = client.post(PIPELINE, content=content, headers=headers)
    assert response.json()["input"] == "second"


@pytest.mark.parametrize("body", [b"message=%ff", b"message=\xff", b"\xfe\x00", b"a=1&" * 2000])
def test_an_unreadable_body_is_422(client: httpx2.Client, document: Document, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    response = client.post(PIPELINE, content=body, headers=headers)
    assert "no readable form" in check_error(document, response, 422)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"message": "x"}'),
        ("text/plain", b"message=x"),
        ("multipart/form-data; boundary=b", b"--b--"),
        ("nonsense", b"message=x"),
    ],
)
def test_another_media_type_is_415(
    client: httpx2.Client, document: Document, content_type: str, body: bytes
) -> None:
    response = client.post(PIPELINE, content=body, headers={"content-type": content_type})
    detail = check_error(document, response, 415)
    assert "expected application/x-www-form-urlencoded" in detail


def test_a_body_beyond_the_limit_is_413(serve: Serve, document: Document) -> None:
    url = serve(create_app(Settings(max_body=1000)))
    response = httpx2.post(url + PIPELINE, data={"message": "x" * 1000}, timeout=30)
    assert "longer than 1000 bytes" in check_error(document, response, 413)


def test_an_unknown_workflow_is_404_before_its_form_is_read(
    client: httpx2.Client, document: Document
) -> None:
    check_error(document, client.post("/workflows/nope/runs"), 404)
    detail = check_error(document, client.post("/workflows/article-wirter/runs"), 404)
    assert detail == "Workflow 'article-wirter' not found; did you mean 'article-writer'?"
    check_error(document, client.post("/workflows/nope/runs", data={"message": "x"}), 404)
    check_error(document, client.get("/workflows/nope"), 404)
    assert "/nothing" in check_error(document, client.get("/nothing"), 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_is_405_and_says_which_there_are(
    client: httpx2.Client, document: Document, method: str
) -> None:
    response = client.request(method, PIPELINE)
    assert "expected POST" in check_error(document, response, 405)
    assert response.headers["allow"] == "POST"


def test_allow_lists_all_methods_of_a_path(client: httpx2.Client) -> None:
    assert client.put("/sessions").headers["allow"] == "DELETE, GET, HEAD, POST"


@pytest.mark.parametrize(
    ("message", "fault"),
    [("tea", "no JSON"), ("[]", "message"), ('{"customer": "Ada"}', '"items"'), ("", "no JSON")],
)
@pytest.mark.parametrize("mode", ["true", "false"])
def test_a_message_that_breaks_the_input_schema_is_400(
    client: httpx2.Client, document: Document, message: str, fault: str, mode: str
) -> None:
    form = {"message": message, "stream": mode}
    detail = check_error(document, client.post("/workflows/order-intake/runs", data=form), 400)
    assert fault in detail


@pytest.mark.parametrize("depth", [201, 995, 20_000])
def test_a_message_nested_without_end_is_400(
    client: httpx2.Client, document: Document, depth: int
) -> None:
    form = {"message": "[" * depth + "]" * depth, "stream": "false"}
    detail = check_error(document, client.post("/workflows/order-intake/runs", data=form), 400)
    assert "nested more than 200 deep" in detail


def test_a_message_that_keeps_the_input_schema_runs(client: httpx2.Client) -> None:
    body = batch(client, "order-intake", message=ORDER)
    assert body["input"]["customer"] == "Ada"
    assert body["content"] == "A courier is on the way."


def test_a_run_that_fails_for_good_is_500_in_batch(
    client: httpx2.Client, document: Document
) -> None:
    response = client.post("/workflows/doomed/runs", data={"message": "x", "stream": "false"})
    assert "card declined by the bank" in check_error(document, response, 500)


def test_a_run_that_fails_for_good_ends_its_stream_with_one_error(client: httpx2.Client) -> None:
    run = stream(client, "doomed")
    assert run.names[-1] == "WorkflowError"
    assert run.names.count("WorkflowError") == 1
    assert run.names.count("StepError") == 1
    assert run.payloads[-1]["error"] == "card declined by the bank"
    assert run.judge().violations == []


def test_scenarios_answer_for_the_whole_run(client: httpx2.Client, document: Document) -> None:
    path = "/workflows/rush-hour/runs"
    form = {"message": "x"}
    response = client.post(path, data=form, headers={"prefer": "scenario=overloaded"})
    assert check_error(document, response, 500) == "too many runs, try later"
    assert response.json()["error_code"] == "OVERLOADED"
    check_error(document, client.post(path, data={"message": "a forbidden word"}), 400)
    response = client.post(path, data=form, headers={"prefer": "respond-async, scenario=nope"})
    assert "expected overloaded, refused" in check_error(document, response, 400)
    assert client.post(path, data=form).status_code == 200


# -- the token


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer wrong", "Basic bGV0bWVpbg==", "letmein", "Token letmein"],
)
@pytest.mark.parametrize("path", [PIPELINE, "/workflows/nope/runs", "/sessions"])
def test_without_the_token_it_is_401_and_nothing_else(
    locked: httpx2.Client, document: Document, authorization: str | None, path: str
) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    response = locked.post(path, headers=headers)
    check_error(document, response, 401)
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("authorization", ["Bearer letmein", "bearer letmein", "BEARER  letmein"])
def test_with_the_token_the_request_goes_on(locked: httpx2.Client, authorization: str) -> None:
    headers = {"authorization": authorization}
    assert locked.post("/workflows/nope/runs", headers=headers).status_code == 404
    assert locked.post(PIPELINE, headers=headers).status_code == 422
    form = {"message": "x"}
    assert locked.post(PIPELINE, headers=headers, data=form).status_code == 200


def test_health_is_open_and_routes_come_before_the_token(locked: httpx2.Client) -> None:
    assert locked.get("/health").json()["status"] == "ok"
    assert locked.get("/nothing").status_code == 404
    assert locked.put(PIPELINE).status_code == 405


# -- CORS


def test_a_page_of_another_origin_streams_with_a_token(locked: httpx2.Client) -> None:
    origin = {"origin": "http://localhost:3000"}
    preflight = locked.options(
        PIPELINE,
        headers={
            **origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,prefer",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == origin["origin"]
    assert "POST" in preflight.headers["access-control-allow-methods"]
    allowed = preflight.headers["access-control-allow-headers"]
    assert {"authorization", "content-type", "prefer"} <= set(allowed.replace(" ", "").split(","))
    headers = {**origin, "authorization": "Bearer letmein"}
    run = locked.post(PIPELINE, data={"message": "x"}, headers=headers)
    assert run.status_code == 200
    assert run.headers["access-control-allow-origin"] == origin["origin"]
    refused = locked.post(PIPELINE, data={"message": "x"}, headers=origin)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == origin["origin"]


# -- what nobody foresaw


def test_a_fault_of_the_mock_shows_no_traceback(
    serve: Serve, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("secret of the implementation")

    monkeypatch.setattr("mockserver.engine.steps.run_function", fail)
    url = serve(create_app())
    with httpx2.Client(base_url=url, timeout=30) as client:
        run = stream(client, "content-pipeline")
        assert run.names[-1] == "WorkflowError"
        assert b"secret" not in run.raw
        response = client.post(PIPELINE, data={"message": "x", "stream": "false"})
        assert "secret" not in check_error(document, response, 500)
    monkeypatch.setattr("mockserver.runner.runner.Runner.start", fail)
    response = httpx2.post(url + PIPELINE, data={"message": "x"}, timeout=30)
    assert "secret" not in check_error(document, response, 500)


def test_the_application_speaks_the_lifespan_protocol() -> None:
    sent: list[str] = []
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> dict[str, str]:
        return next(messages)

    async def send(message: dict[str, str]) -> None:
        sent.append(message["type"])

    async def start() -> None:
        await create_app()({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)  # type: ignore[arg-type]

    asyncio.run(start())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_another_servers_published_document_is_served(serve: Serve) -> None:
    """AgentOS 3.1.10's, as it stands: an operationId comes twice, GET /sessions has no default."""
    published = load_document(ROOT / "fixtures" / "drift" / "agno-3.1.10.openapi.json")
    url = serve(create_app(Settings(published, seed=1)))
    with httpx2.Client(base_url=url, timeout=30) as client:
        assert client.get("/config").status_code == 200
        form = {"message": "bees", "session_id": "s-published"}
        assert "event: WorkflowCompleted" in client.post(PIPELINE, data=form).text
        assert client.get("/sessions").json()["data"] == []
        listed = client.get("/sessions", params={"type": "workflow"}).json()["data"]
        assert [session["session_id"] for session in listed] == ["s-published"]
        assert client.get("/knowledge/content").status_code == 501


def test_agents_and_teams_want_the_token(locked: httpx2.Client) -> None:
    for path in ("/agents", "/teams"):
        assert locked.get(path).status_code == 401


def test_a_browsers_form_data_is_told_who_reads_it(client: httpx2.Client) -> None:
    answer = client.post("/workflows/content-pipeline/runs", files={"message": (None, "bees")})
    assert answer.status_code == 415
    detail = answer.json()["detail"]
    assert "--as agno-2.5.6" in detail
    assert "form.multipart" in detail
    assert answer.headers["accept-post"] == "application/x-www-form-urlencoded"
