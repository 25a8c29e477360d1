"""Servers that answer wrong, long or not at all: what can be recorded is, the rest is said."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from mockserver.cli import main
from mockserver.recordings.format import load_recordings
from mockserver.recordings.recorder import CouldNotRecord, Limits, Recorder
from mockserver.script.loader import load_scripts
from tests.conftest import Serve
from tests.hostile_server import STREAM, for_ever, head, hostile, plain

Answer = Callable[[Request], Response]
GOOD = {"steps": [{"type": "Step", "name": "s"}]}


def described(workflow_id: str) -> Answer:
    return lambda request: JSONResponse({"id": workflow_id, **GOOD})


def text(content: str | bytes, status: int = 200, encoding: str = "identity") -> Answer:
    headers = {"content-encoding": encoding}
    return lambda request: Response(content, status, headers, media_type="application/json")


def streamed(*pieces: bytes, then: Exception | None = None) -> Answer:
    async def send() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece
        if then is not None:
            raise then

    return lambda request: StreamingResponse(send(), media_type="text/event-stream")


EVENT = b'event: WorkflowCompleted\ndata: {"event": "WorkflowCompleted"}\n\n'


def server(workflows: dict[str, tuple[Answer, Answer]], listed: Any = None) -> Starlette:
    """Workflows by id: how each is described, and how its runs are answered."""

    def answer(request: Request) -> Response:
        description, run = workflows[request.path_params["id"]]
        return (run if request.method == "POST" else description)(request)

    def listing(request: Request) -> Response:
        items = [{"id": each} for each in workflows] if listed is None else listed
        return JSONResponse(items)

    return Starlette(
        routes=[
            Route("/workflows", listing),
            Route("/workflows/{id}", answer),
            Route("/workflows/{id}/runs", answer, methods=["POST"]),
        ]
    )


OK = (described("ok"), text('{"content": "fine"}'))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ((text("{}", 500), OK[1]), "bad: not recorded: GET /workflows/bad was answered with 500"),
        ((text('{"detail": "no\\nsuch"}', 404), OK[1]), r"was answered with 404: 'no\nsuch'"),
        ((text("[1e400]"), OK[1]), "the number 1e400 is greater than a double can hold"),
        ((text("[" * 9999), OK[1]), "nested more than 200 deep"),
        ((text("[]"), OK[1]), "describes another workflow: its id is None"),
        ((described("ok"), OK[1]), "describes another workflow: its id is 'ok'"),
        (
            (text('{"id": "bad", "steps": [{"type": "New"}]}'), OK[1]),
            "steps[0].type: 'New' is not allowed",
        ),
        ((text("{}", encoding="gzip"), OK[1]), "it is encoded (gzip), unasked"),
        (
            (described("bad"), text("NaN")),
            "/bad/runs: the answer is no JSON: NaN is",
        ),
        ((described("bad"), text("x" * 300_000)), "an answer of more than 200,000 bytes"),
        ((described("bad"), streamed(b"data: " + b"x" * 300_000)), "more than 200,000 bytes"),
        ((described("bad"), streamed(b": \n\n" * 90_000)), "more than 200,000 bytes"),
        ((described("bad"), streamed(EVENT * 30)), "a stream of more than 20 events"),
        (
            (described("bad"), streamed(EVENT, b"data: 5\n\n")),
            "event 2 has no JSON object for its data",
        ),
    ],
)
def test_one_bad_workflow_is_said_and_the_others_are_recorded(
    serve: Serve, tmp_path: Path, bad: tuple[Answer, Answer], said: str
) -> None:
    url = serve(server({"bad": bad, "ok": OK}))
    recorder = Recorder(url, tmp_path, limits=Limits(bytes=200_000, events=20))
    recorder.record()
    assert recorder.failures
    assert all(said in failure for failure in recorder.failures)
    assert all(len(failure.splitlines()) == 1 for failure in recorder.failures)
    assert set(load_scripts(tmp_path).workflows) >= {"ok"}
    assert len(load_recordings(tmp_path).of("ok")) == 2


def test_a_later_recording_takes_no_earlier_ones_file(serve: Serve, tmp_path: Path) -> None:
    for each in ("a b", "a_b"):
        Recorder(serve(server({each: (described(each), text("{}"))})), tmp_path).record()
    assert set(load_scripts(tmp_path).workflows) == {"a b", "a_b"}


def test_the_command_says_what_was_not_recorded(serve: Serve, tmp_path: Path) -> None:
    url = serve(server({"bad": (text("{}", 404), OK[1]), "ok": OK}))
    result = CliRunner().invoke(main, ["record", url, "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stderr == ("bad: not recorded: GET /workflows/bad was answered with 404\n")
    assert "3 files" in result.stdout


def test_nothing_recorded_is_a_failure_of_the_whole(serve: Serve, tmp_path: Path) -> None:
    url = serve(server({"bad": (text("{}", 404), OK[1])}))
    with pytest.raises(CouldNotRecord, match="GET /workflows/bad was answered with 404"):
        Recorder(url, tmp_path).record()


@pytest.mark.parametrize("listed", [5, {"id": "ok"}, [], ["ok"], [{"id": 5}], [{"id": None}]])
def test_a_list_without_workflows_is_said(serve: Serve, tmp_path: Path, listed: Any) -> None:
    with pytest.raises(CouldNotRecord, match="it lists no workflow"):
        Recorder(serve(server({}, listed)), tmp_path).record()


def test_a_stream_that_breaks_off_is_a_cut_one(serve: Serve, tmp_path: Path) -> None:
    run = streamed(EVENT, then=ConnectionError("gone"))
    url = serve(server({"w": (described("w"), run)}))
    recorder = Recorder(url, tmp_path, modes=[True])
    recorder.record()
    (recording,) = load_recordings(tmp_path).of("w")
    assert (recording.end, len(recording.frames)) == ("cut", 1)


def test_an_answer_without_end_is_left(serve: Serve, tmp_path: Path) -> None:
    async def forever() -> AsyncIterator[bytes]:
        while True:
            yield EVENT
            await asyncio.sleep(0.01)

    def run(request: Request) -> Response:
        return StreamingResponse(forever(), media_type="text/event-stream")

    url = serve(server({"w": (described("w"), run), "ok": OK}))
    recorder = Recorder(url, tmp_path, limits=Limits(seconds=1.0, events=10**9, bytes=10**12))
    recorder.record()
    assert recorder.failures == [
        "w: stream: not recorded: POST /workflows/w/runs: not over after 1 s",
        "w: batch: not recorded: POST /workflows/w/runs: not over after 1 s",
    ]
    assert load_recordings(tmp_path).of("ok")


def test_an_encoded_answer_is_not_unpacked(serve: Serve, tmp_path: Path) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    run = text(bomb, encoding="gzip")
    recorder = Recorder(serve(server({"w": (described("w"), run)})), tmp_path)
    recorder.record()
    assert all("it is encoded (gzip), unasked" in failure for failure in recorder.failures)


@pytest.mark.parametrize(
    "ids",
    [
        ["a b", "a_b", "a-b"],
        ["Flow", "flow", "FLOW"],
        ["x" * 200 + "1", "x" * 200 + "2"],
        [".hidden", "hidden", "..", "..."],
        ["ü ä", "ü_ä", "名前", "a\nsteps: 5", "\x1b[31m"],
    ],
)
def test_ids_that_look_alike_have_files_of_their_own(
    serve: Serve, tmp_path: Path, ids: list[str]
) -> None:
    lines: list[str] = []
    workflows = {each: (described(each), text(json.dumps(each))) for each in ids}
    recorder = Recorder(serve(server(workflows)), tmp_path, say=lines.append)
    recorder.record()
    if ".." in ids:  # is no segment of a path that a client can send
        assert [failure.partition(":")[0] for failure in recorder.failures] == [".."]
        ids.remove("..")
    names = [file.name.casefold() for file in recorder.written]
    assert len(set(names)) == len(names) == 3 * len(ids)
    assert set(load_scripts(tmp_path).workflows) == set(ids)
    for each in ids:
        assert [recording.body for recording in load_recordings(tmp_path).of(each)] == [each] * 2
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("token", ["1", '"', "{"])
def test_a_token_that_stands_everywhere_breaks_nothing(
    serve: Serve, tmp_path: Path, token: str
) -> None:
    run = text(json.dumps({"content": f"say {token}", "n": 11}))
    url = serve(server({"w": (described("w"), run)}))
    Recorder(url, tmp_path, token, modes=[False]).record()
    (recording,) = load_recordings(tmp_path).of("w")
    assert recording.body["n"] == 11
    assert token not in recording.body.values()


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ([head(STREAM)], "more than 200,000 bytes"),
        ([b"HTTP/1.1 200 OK\r\nx: "], "not recorded: POST /workflows/w/runs: "),
        ([b"HTTP/1.1 200 OK\r\n"], "not recorded: POST /workflows/w/runs: "),
        ([head("application/json")], "more than 200,000 bytes"),
    ],
)
def test_no_line_and_no_header_is_read_without_end(
    tmp_path: Path, run: list[bytes], said: str
) -> None:
    with hostile(lambda path, body: [*run, *([b"x" * 9999] * 100)]) as server:
        recorder = Recorder(server.url, tmp_path, limits=Limits(bytes=200_000))
        recorder.record()
    assert len(recorder.failures) == 2
    assert all(said in failure for failure in recorder.failures)


def test_a_header_that_drips_is_left_with_the_whole_time(tmp_path: Path) -> None:
    drip = for_ever(b"HTTP/1.1 100 Continue\r\n\r\n")
    with hostile(lambda path, body: drip) as server:
        recorder = Recorder(server.url, tmp_path, limits=Limits(seconds=1.0), modes=[True])
        recorder.record()
    assert "not over after 1 s" in recorder.failures[0]


def test_values_are_counted_and_a_description_is_short(tmp_path: Path) -> None:
    def described(path: str, body: bytes) -> list[bytes]:
        if path == "/workflows":
            return plain(b'[{"id": "w"}, {"id": "x"}]')
        text = '{"id": "w", "steps": []}' if path.endswith("w") else f'{{"id": "{"x" * 9999}"}}'
        return plain(text.encode())

    with hostile(lambda path, body: plain(b"[" + b"0," * 5000 + b"0]"), workflows=described) as it:
        recorder = Recorder(it.url, tmp_path, limits=Limits(values=1000, description=5000))
        recorder.record()
    assert "w: stream: not recorded: POST /workflows/w/runs: an answer of some 1,000 values" in (
        recorder.failures
    )
    assert "x: not recorded: GET /workflows/x: an answer of more than 5,000 bytes" in (
        recorder.failures
    )


def test_a_list_without_end_is_not_recorded_as_a_whole(tmp_path: Path) -> None:
    listed = json.dumps([{"id": f"w{number}"} for number in range(5)]).encode()
    with hostile(lambda path, body: [], workflows=lambda path, body: plain(listed)) as server:
        recorder = Recorder(server.url, tmp_path, limits=Limits(workflows=4))
        with pytest.raises(CouldNotRecord, match="it lists 5 workflows; name those to record"):
            recorder.record()


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    with hostile(lambda path, body: plain(b"{}")) as elsewhere:
        location = f"{elsewhere.url}/workflows"
        with hostile(
            lambda path, body: [], workflows=lambda path, body: plain(b"", 307, location=location)
        ) as server:
            with pytest.raises(CouldNotRecord, match="answered with 307"):
                Recorder(server.url, tmp_path, token="s3cret").record()
            assert b"s3cret" in server.heads[0]
        assert elsewhere.heads == []
