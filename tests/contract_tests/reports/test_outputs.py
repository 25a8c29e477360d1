"""What the contract tests say and write: all exchanges, what was kept, the token nowhere."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from contract_tests.target.redaction import Secrets, redact
from tests.conftest import Serve
from tests.contract_tests.commands.test_cli import QUICK, Broken
from tests.contract_tests.conftest import run_cli
from tests.contract_tests.server import ConformingServer, Run

TOKEN = 'pass"word/&<7>+x'


class Echoing(Broken):
    """Has a secret, and says it wherever it can: what it was asked with, and its own."""

    token = TOKEN
    asked = ""

    def let_in(self, request: Request) -> None:
        self.asked = request.headers.get("authorization", "")
        super().let_in(request)

    def error(self, status: int, detail: str) -> Response:
        said = {"detail": f"{detail}: {self.asked} is not {TOKEN}", "error_code": "NO"}
        headers = {"www-authenticate": f'Bearer error="{self.asked}"', "set-cookie": f"a={TOKEN}"}
        return JSONResponse(said, status, headers=headers)

    async def frames(self, run: Run) -> AsyncIterator[bytes]:
        yield f": {TOKEN}\nretry: {self.asked}\n".encode()
        async for frame in super().frames(run):
            yield frame.replace(b'"said', b'"' + json.dumps(TOKEN)[1:-1].encode() + b" said")


@pytest.fixture(scope="module")
def outputs(stage: Serve, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """All texts that a run and a replay of its failures leave, by name."""
    folder = tmp_path_factory.mktemp("outputs")
    url = stage(Echoing())
    arguments = (*QUICK, "--report-dir", str(folder), "--update-known", str(folder / "known.yaml"))
    script = folder / "token.py"
    script.write_text(f"print({TOKEN!r})")
    token = ("--token-command", f"{sys.executable} {script}")
    first = run_cli(url, *arguments, *token, "-v", "--log", str(folder / "log.har"))
    again = run_cli(url, "--replay", str(folder), *token, "--log", str(folder / "again.har"))
    script.unlink()
    assert first.exit_code == 0, first.output  # what is broken is known now
    assert again.exit_code == 1, again.output
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
    return texts | {"first": first.output, "again": again.output}


def test_the_token_is_in_none(outputs: dict[str, str]) -> None:
    names = {"report.json", "junit.xml", "results.sarif", "report.html", "replay.json"}
    assert set(outputs) >= names | {"known.yaml", "log.har", "again.har", "first", "again"}
    forms = (
        TOKEN,
        TOKEN.swapcase(),
        TOKEN[:-1],
        base64.b64encode(f"user:{TOKEN}".encode()).decode(),
    )
    for name, text in outputs.items():
        for form in forms:
            quoted = {form, json.dumps(form)[1:-1], json.dumps(json.dumps(form)[1:-1])[1:-1]}
            assert not [one for one in quoted if one in text], name
    assert "$AGENTOS_TOKEN" in outputs["log.har"]


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12))
def test_no_token_is_left_in_a_text(token: str) -> None:
    encoded = base64.b64encode(f"user:{token}".encode()).decode()
    said = redact(f"a {token} b {json.dumps(token)} c {encoded}", Secrets(token))
    if token not in "a b c $AGENTOS_TOKEN":
        assert token not in said.replace("$AGENTOS_TOKEN", "")


def entries_of(text: str) -> list[dict[str, Any]]:
    log = json.loads(text)["log"]
    assert log["version"] == "1.2"
    entries: list[dict[str, Any]] = log["entries"]
    return entries


def test_the_log_has_every_exchange(stage: Serve, tmp_path: Path) -> None:
    server = Counting()
    result = run_cli(stage(server), *QUICK, "--log", str(tmp_path / "new" / "log.har"))
    assert result.exit_code == 0, result.output
    entries = entries_of((tmp_path / "new" / "log.har").read_text())
    assert len(entries) == server.asked
    streams = [
        entry for entry in entries if entry["response"]["content"]["mimeType"] == EVENT_STREAM
    ]
    assert streams
    for entry in streams:
        assert entry["response"]["content"]["text"].startswith("event: WorkflowStarted\ndata: {")
        assert entry["response"]["content"]["text"].endswith("\n\n")
    made_by = {"discovery", "streams", "malformed", "continuity"}
    assert {entry["comment"] for entry in entries} >= made_by
    companions = [entry for entry in entries if entry["request"]["url"].endswith("type=workflow")]
    assert companions[0]["request"]["queryString"] == [{"name": "type", "value": "workflow"}]


EVENT_STREAM = "text/event-stream"


class Counting(ConformingServer):
    asked = 0

    async def answer(self, request: Request) -> Response:
        self.asked += 1
        return await super().answer(request)


def test_the_log_is_whole_where_the_tests_could_not_be_run(tmp_path: Path) -> None:
    result = run_cli("http://127.0.0.1:9", "--log", str(tmp_path / "log.har"))
    assert result.exit_code == 2
    (entry,) = entries_of((tmp_path / "log.har").read_text())
    assert entry["response"]["status"] == 0
    assert "no connection" in entry["comment"]
    result = run_cli("http://127.0.0.1:9", "--log", str(tmp_path / "log.har" / "x"))
    assert result.exit_code == 2
    assert "log.har: cannot be written (File exists)" in result.stderr


def test_passes_are_told_on_demand(outputs: dict[str, str], stage: Serve) -> None:
    quiet = run_cli(stage(ConformingServer()), *QUICK)
    assert "PASSED" not in quiet.output
    lines = outputs["first"].splitlines()
    (line,) = [line for line in lines if line.startswith("PASSED order.ended (")]
    assert "streams 1" in line
    assert not [line for line in lines if line.startswith("PASSED form.version-null")]
