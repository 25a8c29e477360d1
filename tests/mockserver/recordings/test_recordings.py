"""Record a server, replay it: the same frames, with fresh ids and the caller's own words."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from mockserver.app import Settings, create_app
from mockserver.cli import main
from mockserver.recordings.format import FOLDER, RecordingError, load_recording, load_recordings
from mockserver.script.loader import load_scripts
from tests.conftest import ROOT, Serve, serving
from tests.runs import Stream, batch, masked, stream

# With agents, failing, nested.
WORKFLOWS = ["article-writer", "doomed", "everything"]
TOKEN = "A-secret-1"


def record(url: str, out: Path, *more: str) -> Result:
    arguments = ["record", url, "--out", str(out), *more]
    for workflow_id in WORKFLOWS:
        arguments += ["--workflow", workflow_id]
    return CliRunner().invoke(main, arguments)


@pytest.fixture(scope="module")
def recorded(agentos_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three workflows of the real server, recorded."""
    out = tmp_path_factory.mktemp("recorded")
    result = record(agentos_url, out, "--message", "cats and dogs")
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="module")
def replaying(recorded: Path) -> Iterator[httpx2.Client]:
    scripts, recordings = load_scripts(recorded), load_recordings(recorded)
    app = create_app(Settings(workflows=scripts.workflows, recordings=recordings, speed=5))
    with serving(app) as url, httpx2.Client(base_url=url, timeout=30) as client:
        yield client


def frames(run: Stream) -> list[Any]:
    ids: dict[str, str] = {}
    return [json.dumps(masked(payload, ids)) for payload in run.payloads]


@pytest.mark.parametrize("workflow_id", WORKFLOWS)
def test_a_replay_is_what_the_real_server_says(
    replaying: httpx2.Client, agentos_url: str, workflow_id: str
) -> None:
    with httpx2.Client(base_url=agentos_url, timeout=30) as real:
        theirs = stream(real, workflow_id, message="cats and dogs")
    ours = stream(replaying, workflow_id, message="cats and dogs")
    assert frames(ours) == frames(theirs)


@pytest.mark.parametrize("workflow_id", WORKFLOWS)
def test_a_replay_has_fresh_ids_and_the_callers_own(
    replaying: httpx2.Client, workflow_id: str
) -> None:
    form = {"message": "birds or fish", "session_id": "mine"}
    one, two = (stream(replaying, workflow_id, **form) for _ in range(2))
    assert one.payloads[0]["run_id"] != two.payloads[0]["run_id"]
    assert {p["session_id"] for p in one.payloads if "session_id" in p} == {"mine"}
    assert "cats and dogs" not in one.raw.decode()
    assert frames(one) == frames(two)
    broken = [[v.requirement for v in run.judge().violations] for run in (one, two)]
    assert broken[0] == broken[1]


def test_a_batch_run_is_replayed_too(replaying: httpx2.Client) -> None:
    body = batch(replaying, "article-writer", message="birds", session_id="mine")
    assert body["session_id"] == "mine"
    assert body["input"] == "birds"
    again = replaying.get(
        f"/workflows/article-writer/runs/{body['run_id']}", params={"session_id": "mine"}
    )
    assert again.json()["content"] == body["content"]


def test_a_recorded_refusal_is_replayed(replaying: httpx2.Client) -> None:
    response = replaying.post("/workflows/doomed/runs", data={"message": "x", "stream": "false"})
    assert response.status_code == 500
    assert response.json().keys() == {"detail"}


def test_a_description_alone_is_a_script(recorded: Path, tmp_path: Path) -> None:
    shutil.copy(recorded / "everything.yaml", tmp_path)
    assert CliRunner().invoke(main, ["check", str(tmp_path)]).exit_code == 0


def test_the_token_is_not_written(tmp_path: Path, locked_mock_url: str) -> None:
    result = record(locked_mock_url, tmp_path, "--token", "letmein", "--message", "so letmein, ok")
    assert result.exit_code == 0, result.output
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    for file in files:
        assert "letmein" not in file.read_text(), file


def test_secrets_that_a_server_tells_are_not_written(serve: Serve, tmp_path: Path) -> None:
    secret = "sk-live-1"
    model = {"id": "gpt", "api_key": secret, "headers": {"Authorization": f"Bearer {secret}"}}

    async def describe(request: Request) -> JSONResponse:
        return JSONResponse(
            {"id": "leaky", "steps": [{"type": "Step", "name": "a", "model": model}]}
        )

    async def run(request: Request) -> JSONResponse:
        metrics = {"input_tokens": 3, "OPENAI_API_KEY": secret}
        return JSONResponse(
            {"content": "tea", "session_state": {"db": {"password": secret}}, **metrics}
        )

    url = serve(
        Starlette(
            routes=[
                Route("/workflows/leaky", describe),
                Route("/workflows/leaky/runs", run, methods=["POST"]),
            ]
        )
    )
    arguments = ["record", url, "--out", str(tmp_path), "--workflow", "leaky"]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    written = "".join(file.read_text() for file in tmp_path.rglob("*") if file.is_file())
    assert secret not in written
    assert written.count("[redacted]") == 2 + 2 * 2
    assert '"input_tokens": 3' in written


@pytest.mark.parametrize(
    ("url", "more", "said"),
    [
        ("http://127.0.0.1:1", [], "cannot be reached"),
        ("nonsense", [], "nonsense"),
        (None, ["--token", "wrong"], "401"),
    ],
)
def test_what_cannot_be_recorded_is_said_in_a_line(
    locked_mock_url: str, tmp_path: Path, url: str | None, more: list[str], said: str
) -> None:
    result = record(url or locked_mock_url, tmp_path, *more)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.fixture(scope="module")
def intact(mock_url: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A recording's lines."""
    out = tmp_path_factory.mktemp("intact")
    assert record(mock_url, out).exit_code == 0
    file = out / FOLDER / "article-writer-1-stream.jsonl"
    assert load_recording(file).frames
    return file.read_text().splitlines()


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=60)
@given(data=st.data())
def test_a_recording_that_was_changed_is_refused_naming_where(
    intact: list[str], tmp_path: Path, data: st.DataObject
) -> None:
    lines = list(intact)
    position = data.draw(st.integers(0, len(lines) - 1))
    match data.draw(st.sampled_from(["delete", "twice", "swap", "cut", "letter", "garbage"])):
        case "delete":
            del lines[position]
        case "twice":
            lines.insert(position, lines[position])
        case "swap":
            other = data.draw(st.integers(0, len(lines) - 1))
            lines[position], lines[other] = lines[other], lines[position]
        case "cut":
            lines = lines[:position]
        case "letter":
            where = data.draw(st.integers(0, len(lines[position]) - 1))
            letter = data.draw(st.characters(codec="ascii", categories=["L", "N", "P"]))
            lines[position] = lines[position][:where] + letter + lines[position][where + 1 :]
        case "garbage":
            lines[position] = data.draw(st.text(max_size=20).filter(lambda t: "\n" not in t))
    changed = "\n".join(lines)
    # The end's own spaces and order are not what was recorded.
    assume(changed != "\n".join(intact))
    file = tmp_path / "changed.jsonl"
    file.write_bytes((changed + "\n").encode("utf-8", "surrogatepass"))
    original = tmp_path / "original.jsonl"
    original.write_text("\n".join(intact) + "\n")
    said = ""
    try:
        # Where it is read, nothing that is replayed was changed.
        assert load_recording(file) == load_recording(original)
    except RecordingError as error:
        said = str(error)
    if said:
        assert str(file) in said
        assert any(word in said for word in ("frame", "first line", "end", "UTF-8"))


@pytest.mark.parametrize("position", [0, 3, -2])
def test_a_frame_that_says_something_else_is_named(
    intact: list[str], tmp_path: Path, position: int
) -> None:
    lines = list(intact)
    lines[position] = lines[position].replace("article-writer", "article-riter")
    assert lines != intact
    file = tmp_path / "changed.jsonl"
    file.write_text("\n".join(lines) + "\n")
    number = len(intact) + position if position < 0 else position
    what = f"frame {number}" if number else "the first line"
    with pytest.raises(RecordingError, match=f"changed.jsonl:{number + 1}: {what} was changed"):
        load_recording(file)


def test_a_checksum_that_was_changed_is_the_ends_change(intact: list[str], tmp_path: Path) -> None:
    end = json.loads(intact[-1])
    file = tmp_path / "changed.jsonl"
    changes: list[tuple[dict[str, Any], str]] = [
        ({"sha256": "0" * 64}, f"{len(intact)}: the end was changed"),
        # As they were before each line had a checksum of its own.
        ({"sha256": "0" * 64, "crc32": None}, "1: the first line, one of its frames or the end"),
    ]
    for change, said in changes:
        last = {key: value for key, value in {**end, **change}.items() if value is not None}
        file.write_text("\n".join([*intact[:-1], json.dumps(last)]) + "\n")
        with pytest.raises(RecordingError, match=re.escape(f"changed.jsonl:{said}")):
            load_recording(file)


def test_a_corrupted_recording_is_not_served(recorded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scripts"
    shutil.copytree(recorded, folder)
    file = folder / FOLDER / "everything-1-stream.jsonl"
    lines = file.read_text().splitlines()
    lines[5] = lines[5][:-10]
    file.write_text("\n".join(lines) + "\n")
    result = CliRunner().invoke(main, ["check", str(folder)])
    assert result.exit_code == 1
    assert "everything-1-stream.jsonl:6: frame 5" in result.output


KEPT = ROOT / "fixtures" / "recordings"


@pytest.mark.parametrize("workflow_id", WORKFLOWS)
def test_a_kept_recording_of_the_real_server_replays_identical(
    serve: Serve, workflow_id: str
) -> None:
    """Made by `mockserver record` of a real AgentOS 2.5.6: with agents, failing, nested."""
    scripts, recordings = load_scripts(KEPT), load_recordings(KEPT)
    url = serve(create_app(Settings(workflows=scripts.workflows, recordings=recordings, speed=9)))
    (file,) = (KEPT / FOLDER).glob(f"{workflow_id}-*-stream.jsonl")
    recorded = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()[1:-1]]
    with httpx2.Client(base_url=url, timeout=30) as client:
        replayed = stream(client, workflow_id, message="cats and dogs")
    ids: dict[str, str] = {}
    assert replayed.names == [line["event"] for line in recorded]
    assert frames(replayed) == [json.dumps(masked(line["data"], ids)) for line in recorded]
