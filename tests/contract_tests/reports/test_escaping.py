"""Whatever a server calls itself, nothing of it acts: on a terminal, in a log, in a report."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner

from contract_tests.cli import main
from contract_tests.target.curl import curl_command
from mockserver.cli import main as mock
from tests.hostile_server import STREAM, Answer, head, hostile, plain

EVIL = (
    "\x1b[31m\x1b]8;;http://evil\x07::error::a\n::error::b\r##[error]c ##vso[task.x y=z]d"
    "\u202e\x9b2J\x85\u2028 [bold]m[/bold] :bug: '$(touch /tmp/evil)'"
)
ACTS = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]"
    r"|(?m:^\s*::[a-z])|##\w*\[|\N{BUG}"
)
DATA = frozenset({"log.har", "known.yaml"})
"""Files that no line of a log is made of: what they are made of has escapes of its own."""


def frame(name: str, **fields: object) -> bytes:
    name_in_line = name.replace("\n", " ").replace("\r", " ")
    data = json.dumps({"event": name, **fields})
    return f"event: {name_in_line}\ndata: {data}\n\n".encode()


def run(path: str, body: bytes) -> Iterable[bytes]:
    ids = {"run_id": EVIL, "session_id": EVIL, "workflow_name": EVIL, EVIL: 1}
    if b"stream=false" in body:
        results = [{"content": EVIL, "step_name": EVIL}]
        return plain(json.dumps({**ids, "status": EVIL, "step_results": results}).encode())
    return [
        head(STREAM),
        frame("WorkflowStarted", **ids),
        frame(EVIL, run_id=EVIL, step_name=EVIL),
        frame("StepStarted", run_id=EVIL, step_name=EVIL, step_id=EVIL),
        frame("WorkflowCompleted", content=EVIL, **ids),
    ]


def error(path: str, body: bytes) -> Iterable[bytes]:
    return plain(f"{EVIL} Traceback (most recent call last)".encode(), 500)


def workflows(path: str, body: bytes) -> Iterable[bytes]:
    schemas = {"/workflows/w": None, "/workflows": None}
    if path == "/workflows":
        return plain(json.dumps([{"id": "w", "name": EVIL}, {"id": EVIL}]).encode())
    steps = [{"type": EVIL, "name": EVIL}]
    schema = schemas.get(path, {"type": EVIL})
    return plain(json.dumps({"id": "w", "input_schema": schema, "steps": steps}).encode())


def published(path: str, body: bytes) -> Iterable[bytes]:
    operation = {
        "operationId": EVIL,
        "summary": EVIL,
        "responses": {"200": {"content": {EVIL: {}}}},
    }
    paths = {f"/{EVIL}": {"get": operation}, "/workflows/{workflow_id}/runs": {"post": operation}}
    return plain(json.dumps({"openapi": "3.1.0", "paths": paths}).encode())


@pytest.mark.parametrize("answer", [run, error])
@pytest.mark.parametrize(
    "arguments",
    [
        ("-v", "--max-examples", "1", "--report-dir", "{}", "--log", "{}/log.har"),
        ("--max-examples", "0", "--update-known", "{}/known.yaml"),
        ("drift", "--report-dir", "{}"),
        ("fuzz", "--time", "2s", "--database", "{}/examples", "--report-dir", "{}"),
        ("learn", "--max-examples", "1", "--out", "{}/known.yaml"),
        ("record", "--out", "{}/recorded"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_nothing_acts(arguments: tuple[str, ...], answer: Answer, tmp_path: Path) -> None:
    words = [word.format(tmp_path) for word in arguments]
    with hostile(answer, workflows=workflows, openapi_json=published) as server:
        command = mock if words[0] == "record" else main
        name = [words.pop(0)] if not words[0].startswith("-") else []
        result = CliRunner().invoke(command, [*name, server.url, *words])
        if (tmp_path / "replay.json").exists():
            again = CliRunner().invoke(main, [server.url, "--replay", str(tmp_path)])
            assert again.exit_code in (0, 1, 2), again.output
            assert not ACTS.search(again.output)
    assert result.exit_code in (0, 1, 2), result.output
    assert isinstance(result.exception, SystemExit | None)
    assert not ACTS.search(result.output)
    for file in tmp_path.iterdir():
        if file.is_file() and file.name not in DATA:
            assert not ACTS.search(file.read_bytes().decode()), file


def test_a_command_is_one_line_in_which_nothing_acts() -> None:
    command = curl_command("POST", "http://h/x", fields=[(EVIL, EVIL), ("message", "a b")])
    assert command.isprintable()
    assert not ACTS.search(command)
    assert "--data-urlencode 'message=a b'" in command


def test_a_long_message_is_no_flood(tmp_path: Path) -> None:
    """Of 70,000 characters in 2,500 lines."""
    long = "word\n" * 14_000

    arguments = ["--max-examples", "0", "--message", long, "--report-dir", str(tmp_path)]
    with hostile(error) as server:
        result = CliRunner().invoke(main, [server.url, *arguments])
    assert result.exit_code == 1, result.output
    assert max(map(len, result.output.splitlines())) < 10_000
    assert len(result.output.splitlines()) < 200
    assert "report.json of --report-dir has all" in result.output
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert any(len(entry["reproduce"]) > 60_000 for entry in report["results"])
    assert (tmp_path / "junit.xml").stat().st_size < 200_000
