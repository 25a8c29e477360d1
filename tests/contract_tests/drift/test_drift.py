"""`contract-tests drift` over HTTP: what a server sends, what it costs, and odd servers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from contract_tests.drift.baseline import Baseline
from contract_tests.drift.changes import Impact
from contract_tests.drift.drift import Drift, find_drift
from contract_tests.drift.published import compare_published
from contract_tests.running.run import Options
from contract_tests.target.client import Limits
from tests.agentos_contract.test_judge import Payload, Stream
from tests.conftest import Serve
from tests.contract_tests.conftest import DOCUMENT, run_cli
from tests.contract_tests.server import ConformingServer, Refused, Run

RUN = "POST /workflows/{workflow_id}/runs"
Told = set[tuple[str, Impact, str, str, str]]
"""Kind, impact, operation, part and field."""


class Server(ConformingServer):
    """The conforming server with all that a client of sessions asks for but their bodies' worth."""

    published: Any = None
    """What it answers to /openapi.json; None is 404."""

    def __init__(self, workflows: tuple[str, ...] = ("main",)) -> None:
        super().__init__(workflows)
        self.asked: list[tuple[str, str]] = []

    async def answer(self, request: Request) -> Response:
        self.asked.append((request.method, request.url.path))
        match request.method, request.url.path:
            case "GET", "/openapi.json" if self.published is not None:
                return self.publish()
            case "GET", "/":
                return JSONResponse({"name": "made", "id": "made", "version": "1"})
            case "GET", "/health":
                return JSONResponse({"status": "ok", "instantiated_at": "2026-11-24T20:42:06Z"})
            case "GET", "/config":
                lists = ("databases", "agents", "teams", "workflows", "interfaces")
                return JSONResponse({"os_id": "made", **{name: [] for name in lists}})
            case "GET", "/sessions":
                return JSONResponse({"data": [], "meta": {}})
            case "POST", "/sessions":
                made = (await request.json())["session_id"]
                return JSONResponse({"session_id": made, "session_name": "made"}, 201)
        return await super().answer(request)

    def publish(self) -> Response:
        if isinstance(self.published, Response):
            return self.published
        return JSONResponse(self.published)

    def events(self, run: Run) -> Stream:
        stream = super().events(run)
        for result in stream[-1]["step_results"]:
            result["executor_type"] = "agent" if result["step_name"] == "agent" else None
        return stream


def drift_of(url: str, **options: Any) -> Drift:
    return find_drift(Options(url, DOCUMENT, 0, **options), Baseline())


def told(drift: Drift) -> Told:
    return {(c.kind, c.impact, c.operation, c.part, c.field) for c in drift.changes}


# -- one change of what is sent


class Changed(Server):
    """Sends what `change` makes of each event and each batch body."""

    def __init__(
        self,
        event: Callable[[Payload], Payload | None] = lambda event: event,
        body: Callable[[Payload], Any] = lambda body: body,
        frame: Callable[[bytes], bytes] = lambda frame: frame,
    ) -> None:
        super().__init__()
        self.change_event = event
        self.change_body = body
        self.change_frame = frame

    def events(self, run: Run) -> Stream:
        changed = (self.change_event(event) for event in super().events(run))
        return [event for event in changed if event is not None]

    def batch_body(self, run: Run) -> Any:
        return self.change_body(Server().batch_body(run))

    def frame(self, event: dict[str, Any]) -> bytes:
        return self.change_frame(super().frame(event))


def of(name: str, change: Callable[[Payload], Any]) -> Callable[[Payload], Payload | None]:
    """A change of one event's payload; None from it drops the event."""

    def changed(event: Payload) -> Payload | None:
        return change(event) if event["event"] == name else event

    return changed


def without(*keys: str) -> Callable[[Payload], Payload]:
    return lambda value: {key: one for key, one in value.items() if key not in keys}


def test_a_conforming_server_has_no_drift(stage: Serve) -> None:
    drift = drift_of(stage(Server(("main", "typed"))))
    assert told(drift) == set()
    assert [note for note in drift.notes if "openapi.json" not in note] == []


EVENTS = sorted({event["event"] for event in Server().events(Run("main", {"message": "hi"}))})
FRESH = st.sampled_from(["nested_depth", "is_paused", "ünïcode", "with space"])


@given(name=st.sampled_from(EVENTS), field=FRESH, value=st.sampled_from([0, "x", None, {}, [1]]))
@settings(max_examples=6, deadline=None)
def test_a_new_field_of_an_event(stage: Serve, name: str, field: str, value: Any) -> None:
    server = Changed(of(name, lambda event: {**event, field: value}))
    expected = ("response-field-added", Impact.ADDITION, RUN, f"event {name}", field)
    assert told(drift_of(stage(server))) == {expected}


@given(name=st.sampled_from(EVENTS), field=st.sampled_from(["created_at", "session_id", "run_id"]))
@settings(max_examples=6, deadline=None)
def test_a_required_field_of_an_event_gone(stage: Serve, name: str, field: str) -> None:
    server = Changed(of(name, without(field)))
    expected = ("response-field-removed", Impact.BREAKING, RUN, f"event {name}", field)
    assert told(drift_of(stage(server))) == {expected}


@given(name=st.sampled_from(EVENTS), field=st.sampled_from(["created_at", "session_id", "run_id"]))
@settings(max_examples=6, deadline=None)
def test_a_field_of_another_type(stage: Serve, name: str, field: str) -> None:
    server = Changed(of(name, lambda event: {**event, field: [event[field]]}))
    expected = ("response-type-changed", Impact.BREAKING, RUN, f"event {name}", field)
    assert told(drift_of(stage(server))) == {expected}


# By what the results say, which events must have come.
SHOWN = [name for name in EVENTS if name.startswith(("Parallel", "Condition", "Loop", "Router"))]


@pytest.mark.parametrize("name", [*SHOWN, "RunStarted", "RunContent", "StepStarted"])
def test_an_event_that_no_longer_comes(stage: Serve, name: str) -> None:
    server = Changed(of(name, lambda event: None))
    expected = ("event-removed", Impact.BREAKING, RUN, f"event {name}", "")
    assert told(drift_of(stage(server))) == {expected}


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (
            Changed(of("StepCompleted", lambda event: {**event, "event": "StepDone"})),
            {
                ("event-added", Impact.NOTICE, RUN, "event StepDone", ""),
                ("event-removed", Impact.BREAKING, RUN, "event StepCompleted", ""),
            },
        ),
        (
            Changed(of("StepStarted", lambda event: {**event, "_name": "StepCompleted"})),
            None,
        ),
        (
            Changed(of("ConditionExecutionCompleted", lambda event: {**event, "branch": "elif"})),
            {
                (
                    "response-values-changed",
                    Impact.NOTICE,
                    RUN,
                    "event ConditionExecutionCompleted",
                    "branch",
                )
            },
        ),
        (
            Changed(of("WorkflowStarted", lambda event: {**event, "_data": "no JSON"})),
            {("response-no-json", Impact.BREAKING, RUN, "event WorkflowStarted", "")},
        ),
        (
            Changed(frame=lambda frame: frame.partition(b"\n")[2]),
            None,
        ),
        (
            Changed(frame=lambda frame: b"id: 7\n" + frame),
            {("frame-id", Impact.ADDITION, RUN, "stream", "")},
        ),
        (
            Changed(frame=lambda frame: b"retry: 100\n" + frame),
            {("frame-retry", Impact.ADDITION, RUN, "stream", "")},
        ),
        (
            Changed(frame=lambda frame: b": still here\n\n" + frame),
            {("stream-comments", Impact.NOTICE, RUN, "stream", "")},
        ),
        (
            Changed(frame=lambda frame: b"when: now\n" + frame),
            {("stream-fields", Impact.NOTICE, RUN, "stream", "")},
        ),
        (
            Changed(frame=lambda frame: frame.replace(b'", "', b'",\ndata: "')),
            {("frame-lines", Impact.NOTICE, RUN, "stream", "")},
        ),
        (
            Changed(body=lambda body: {**body, "metadata": {}, "is_paused": False}),
            {("response-field-added", Impact.ADDITION, RUN, "200", "is_paused")},
        ),
        (
            Changed(body=without("run_id")),
            {("response-field-removed", Impact.BREAKING, RUN, "200", "run_id")},
        ),
        (
            Changed(body=lambda body: {**body, "step_results": None}),
            {("response-type-changed", Impact.BREAKING, RUN, "200", "step_results")},
        ),
        (
            Changed(body=lambda body: [body]),
            {("response-type-changed", Impact.BREAKING, RUN, "200", "")},
        ),
        (
            # A mapping's members are of one schema, whatever they are called.
            Changed(body=lambda body: {**body, "metrics": {"steps": {"a": {"step_name": 1}}}}),
            {
                (kind, Impact.BREAKING, RUN, "200", f"metrics.steps.*.{field}")
                for kind, field in (
                    ("response-type-changed", "step_name"),
                    ("response-field-removed", "executor_type"),
                    ("response-field-removed", "executor_name"),
                )
            },
        ),
    ],
)
def test_one_change_of_what_is_sent(stage: Serve, server: Changed, expected: Told | None) -> None:
    found = told(drift_of(stage(server)))
    if expected is None:  # nothing of an event is left as it was
        kinds = {kind for kind, impact, *_ in found if impact is Impact.BREAKING}
        assert kinds & {"event-name-differs", "frame-unnamed"}
    else:
        assert found == expected


class RefusesOtherwise(Server):
    """Answers errors in another way."""

    def __init__(self, status: int, changed: int, body: Any = None) -> None:
        super().__init__(("main", "typed"))
        self.of = (status, changed, body)

    def error(self, status: int, detail: str) -> Response:
        of, changed, body = self.of
        if status != of:
            return super().error(status, detail)
        return JSONResponse(body or {"detail": detail}, changed)


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (
            RefusesOtherwise(422, 422, {"detail": [{"msg": "Field required"}]}),
            {("response-type-changed", Impact.BREAKING, RUN, "422", "detail")},
        ),
        (
            RefusesOtherwise(422, 422, {"message": "wrong"}),
            {
                ("response-field-removed", Impact.BREAKING, RUN, "422", "detail"),
                ("response-field-added", Impact.ADDITION, RUN, "422", "message"),
            },
        ),
        (
            RefusesOtherwise(422, 400),
            {("status-changed", Impact.BREAKING, RUN, "a form without message", "")},
        ),
        (
            RefusesOtherwise(400, 418),
            {
                ("status-added", Impact.NOTICE, RUN, "", "418"),
                *(
                    ("status-changed", Impact.BREAKING, RUN, f"{wrong}, {how}", "")
                    for wrong in ("input that breaks its input_schema",)
                    for how in ("streamed", "in batch")
                ),
            },
        ),
    ],
)
def test_errors_that_are_answered_otherwise(stage: Serve, server: Server, expected: Told) -> None:
    assert told(drift_of(stage(server))) == expected


class SaysNoJson(Server):
    async def batch(self, run: Run) -> Response:
        return PlainTextResponse("done")


class StreamsAlways(Server):
    async def batch(self, run: Run) -> Response:
        return await self.stream(run)


@pytest.mark.parametrize("server", [SaysNoJson(), StreamsAlways()])
def test_a_batch_run_that_is_answered_otherwise(stage: Serve, server: Server) -> None:
    kind = "response-media-type-removed"
    expected = (kind, Impact.BREAKING, RUN, "200", "application/json")
    assert told(drift_of(stage(server))) == {expected}


def test_companions_that_are_not_there(stage: Serve) -> None:
    found = told(drift_of(stage(ConformingServer(("main",)))))
    gone = {("operation-removed", Impact.BREAKING, title, "", "") for title in COMPANIONS}
    assert found == gone


COMPANIONS = ("GET /", "GET /health", "GET /config", "POST /sessions")


# -- what is published beside what is sent


def test_what_is_published_and_sent_is_told_once(stage: Serve) -> None:
    published = json.loads(json.dumps(DOCUMENT.content))
    batch = published["components"]["schemas"]["WorkflowRunOutput"]
    batch["properties"]["is_paused"] = {"type": "boolean"}
    server = Changed(body=lambda body: {**body, "is_paused": False})
    server.published = published
    drift = drift_of(stage(server))
    (of_runs,) = (change for change in drift.changes if change.operation == RUN)
    assert of_runs.field == "is_paused"
    assert [source.value for source in of_runs.sources] == ["published", "sent"]


def test_an_operation_that_is_not_published_and_answers_breaks_nothing(stage: Serve) -> None:
    server = Server()
    server.published = json.loads(json.dumps(DOCUMENT.content))
    del server.published["paths"]["/config"]
    expected = ("operation-unpublished", Impact.NOTICE, "GET /config", "", "")
    assert told(drift_of(stage(server))) == {expected}


def _deep(levels: int) -> bytes:
    return b'{"openapi": "3.1.0", "paths": ' + b'{"a": ' * levels + b"1" + b"}" * (levels + 1)


def test_what_is_too_involved_keeps_nothing_else_from_being_compared(stage: Serve) -> None:
    server = Server()
    server.published = json.loads(json.dumps(DOCUMENT.content))
    server.published["components"]["schemas"] |= MULTIPLYING
    answer = server.published["paths"]["/config"]["get"]["responses"]["200"]
    answer["content"]["application/json"]["schema"] = {"$ref": "#/components/schemas/S0"}
    del server.published["paths"]["/sessions"]["get"]["responses"]["200"]
    drift = drift_of(stage(server))
    assert any("/config: not compared" in note for note in drift.notes)
    assert told(drift) == {("status-removed", Impact.BREAKING, "GET /sessions", "", "200")}


def _document(schema: Any, **components: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    operation = {"responses": {"200": {"content": content}}}
    return {
        "openapi": "3.1.0",
        "paths": {"/config": {"get": operation}},
        "components": {"schemas": components},
    }


MULTIPLYING = {
    f"S{n}": {"anyOf": [{"$ref": f"#/components/schemas/S{n + 1}"}] * 9} for n in range(40)
}
LOOPING = {"It": {"$ref": "#/components/schemas/It"}}
ODD = [
    ("nothing compared that is published: 404", None),
    ("it is no OpenAPI document", PlainTextResponse("hello")),
    ("it is no OpenAPI document", Response(b"\xff\xfe{", media_type="application/json")),
    ("it is no OpenAPI document", Response(_deep(100_000))),
    ("it is no OpenAPI document", [1, 2]),
    ("`openapi` is absent", {"swagger": "2.0", "paths": {}}),
    ("`openapi` is 2", {"openapi": "2.0", "paths": {}}),
    ("`openapi` is ['3.1.0']", {"openapi": ["3.1.0"], "paths": {}}),
    ("`paths` is no object", {"openapi": "3.1.0", "paths": [1]}),
    ("nothing compared that is published: 500", PlainTextResponse("broken", 500)),
    ("nothing compared that is published: 307", Response(None, 307, {"location": "/elsewhere"})),
    ("went on after", Response(b" " * 3_000_000, media_type="application/json")),
    ("$ref https://example.com/s.json", _document({"$ref": "https://example.com/s.json"})),
    ("$ref #/components/schemas/It", _document({"$ref": "#/components/schemas/It"}, **LOOPING)),
    ("have more than", _document({"$ref": "#/components/schemas/S0"}, **MULTIPLYING)),
    ("", _document({"type": 7, "properties": [1], "required": "a", "enum": {}, "anyOf": 3})),
    ("", {"openapi": "3.1.0", "paths": {"/config": 7, "/health": {"get": 3, "parameters": 1}}}),
    (
        "",
        {
            "openapi": "3.1.0",
            "paths": {
                "/config": {
                    "get": {
                        "parameters": [7, {"in": [], "name": {}}],
                        "requestBody": 7,
                        "responses": {"200": {"content": {"application/json": 3}}, "x": []},
                        "security": [7],
                    }
                }
            },
        },
    ),
]


@pytest.mark.parametrize(("said", "published"), ODD)
def test_a_document_that_is_none_is_said_to_be_none(
    stage: Serve, said: str, published: Any
) -> None:
    server = Server()
    server.published = published
    limits = Limits(idle=5, total=10, max_bytes=2_000_000)
    drift = drift_of(stage(server), limits=limits)
    assert any(said in note for note in [*drift.notes, ""])
    # What is sent is compared all the same: the server keeps to it.
    assert not [
        change for change in drift.changes if change.operation == RUN and "event" in change.part
    ]


@given(
    published=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        *("openapi", "paths", "/config", "get", "responses", "200", "content"),
                        *("application/json", "schema", "properties", "items", "anyOf", "allOf"),
                        *("$ref", "type", "required", "enum", "parameters", "in", "name"),
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
@settings(deadline=None)
def test_no_published_document_makes_the_comparison_fail(published: Any) -> None:
    for document in (
        {"paths": {"/config": {"get": published}}},
        {"paths": {"/config": published}, "components": published},
        _document(published),
    ):
        compare_published(DOCUMENT, document)


# -- the command


def test_it_costs_what_it_says(stage: Serve) -> None:
    for most in (1, 2, 4, 60):
        server = Server()
        result = run_cli("drift", stage(server), "--max-runs", str(most))
        said = int(result.output.partition("will start at most ")[2].split()[0])
        assert said <= most
        assert len(server.runs) <= said


class Watched(Server):
    """Notes sessions that are touched."""

    async def answer(self, request: Request) -> Response:
        parts = request.url.path.split("/")
        if parts[1] == "sessions" and len(parts) > 2:
            assert parts[2].startswith("contract-tests-drift-")
        return await super().answer(request)


def test_only_its_own_sessions_are_touched(stage: Serve) -> None:
    server = Watched(("main",))
    drift_of(stage(server))
    of_sessions = [path for _, path in server.asked if path.startswith("/sessions/")]
    assert of_sessions
    made = {session for session in server.sessions if session.startswith("contract-tests")}
    assert set(server.sessions) == made


class Echoing(Server):
    """Shows everything that it is given to everybody."""

    token = "s3cret-token"

    def error(self, status: int, detail: str) -> Response:
        return (
            super().error(status, detail)
            if status == 401
            else JSONResponse(
                {"detail": [f"Bearer {self.token}"], f"by {self.token}": self.token}, status
            )
        )


def test_the_token_is_nowhere(stage: Serve, tmp_path: Path) -> None:
    server = Echoing()
    server.published = {"openapi": "3.1.0", "paths": {f"/{server.token}": {"get": {}}}}
    result = run_cli(
        "drift", stage(server), "--token", "s3cret-token", "--report-dir", str(tmp_path)
    )
    assert result.exit_code == 1
    assert "$AGENTOS_TOKEN" in result.output
    written = "".join(file.read_text(encoding="utf-8") for file in tmp_path.iterdir())
    assert "s3cret-token" not in result.output + written


def test_what_a_server_made_up_moves_no_cursor(stage: Serve) -> None:
    server = Changed(of("StepStarted", lambda event: {**event, "\x1b[2Jnew\n": 1}))
    result = run_cli("drift", stage(server))
    assert "\x1b" not in result.output
    assert "[2Jnew" in result.output


def test_an_earlier_report_is_what_a_new_one_starts_from(stage: Serve, tmp_path: Path) -> None:
    def run(server: Server, *arguments: str) -> Any:
        return run_cli("drift", stage(server), "--report-dir", str(tmp_path), *arguments)

    paused = {"is_paused": False}
    before = Changed(of("StepStarted", without("run_id")), body=lambda body: {**body, **paused})
    result = run(before, "--since", "none")
    assert result.exit_code == 1
    earlier = tmp_path / "earlier.json"
    (tmp_path / "drift.json").rename(earlier)
    # The same again is no drift.
    result = run(before, "--since", str(earlier))
    assert result.exit_code == 0
    assert "no drift since" in result.output
    assert "AS BEFORE" in result.output
    # One more that breaks is; what was different before and is no longer, is told.
    after = Changed(of("StepCompleted", without("session_id")))
    result = run(after, "--since", str(earlier))
    assert result.exit_code == 1
    report = json.loads((tmp_path / "drift.json").read_text(encoding="utf-8"))
    assert [(c["part"], c["field"]) for c in report["changes"]] == [
        ("event StepCompleted", "session_id")
    ]
    assert {(c["part"], c["field"]) for c in report["gone"]} == {
        ("event StepStarted", "run_id"),
        ("200", "is_paused"),
    }
    # A field that need not come and always did, and the other way round.
    named = run(Server(), "--since", "none")
    assert named.exit_code == 0
    (tmp_path / "drift.json").rename(earlier)
    result = run(Changed(of("WorkflowStarted", without("workflow_name"))), "--since", str(earlier))
    assert result.exit_code == 0
    assert "workflow_name: optional" in result.output
    result = run(
        Changed(of("WorkflowCompleted", lambda event: {**event, "metadata": {}})),
        "--since",
        str(earlier),
    )
    assert result.exit_code == 0
    assert "event WorkflowCompleted: metadata: always sent" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "agno-9"], "agno-2.5.6"),
        (["--since", "{file}"], "no report of drift"),
        (["--spec", "{file}"], "openapi"),
        (["--workflow", "nope"], "did you mean"),
        (["--token", "wrong"], None),
    ],
)
def test_what_cannot_be_done_is_said(
    stage: Serve, tmp_path: Path, arguments: list[str], said: str | None
) -> None:
    file = tmp_path / "file.json"
    file.write_text('{"changes": [{}]}', encoding="utf-8")
    server = Server(("node",))
    if said is None:
        server.token = "right"
    given = [argument.format(file=file) for argument in arguments]
    result = run_cli("drift", stage(server), *given)
    assert result.exit_code == 2
    assert (said or "refuses the token") in result.output
    assert "Traceback" not in result.output


class FailsAlways(Server):
    """Each run is answered with an error that the document has."""

    async def run(self, request: Request, workflow_id: str) -> Response:
        form = self.read_form(await request.body())
        self.judge_form(form)
        raise Refused(500, "out of order")


def test_nothing_is_said_of_runs_that_none_showed(stage: Serve) -> None:
    result = run_cli("drift", stage(FailsAlways()), "--since", "none")
    assert result.exit_code == 2
    assert "no run was answered" in result.output


def test_nobody_is_there() -> None:
    result = run_cli("drift", "http://127.0.0.1:9")  # discard; nobody serves it
    assert result.exit_code == 2
    assert "nothing listens there" in result.output
