"""Makes the data that drift is judged by: `make drift-data`.

    python -m tests.drift_data baseline OUT.json            of a real AgentOS 2.5.6 (.venv-agentos)
    python -m tests.drift_data recording PYTHON DIR NAME    of the AgentOS that PYTHON has

A baseline is a report of `contract-tests drift --since none` without what differs from run to run.
A recording is all that a server answered to `contract-tests drift`, by request, and its published
document: `RecordedServer` plays it again.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agentos_contract.document import load_document
from contract_tests.drift.baseline import Baseline
from contract_tests.drift.drift import PUBLISHED_AT, Drift, Listener, find_drift
from contract_tests.drift.report import to_json
from contract_tests.running.run import Options
from contract_tests.target.exchange import Exchange
from mockserver.script.loader import BUNDLED_SCRIPTS
from tests.conftest import agentos

RECORDED_WORKFLOWS = ("everything", "article-writer", "doomed", "order-intake", "research-team")

_VARYING = re.compile(
    r"(?:contract-tests-drift|no-such-workflow)-[0-9a-f]{12}"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)


def make_baseline(drift: Drift) -> dict[str, Any]:
    """A report as a baseline: without the target, and without commands for it."""
    content: dict[str, Any] = to_json(drift)
    for change in content["changes"]:
        change.pop("reproduce")
        change.pop("old")
    return {key: content[key] for key in ("document", "changes", "sent")}


def record(url: str, workflows: tuple[str, ...]) -> tuple[list[dict[str, Any]], str]:
    """What a server answers to drift, by request; and its published document."""
    exchanges: list[Exchange] = []
    options = Options(url, load_document(), 0, workflows=workflows)
    find_drift(options, Baseline(), Listener(exchanged=exchanges.append))
    published = next(e for e in exchanges if e.request.path == PUBLISHED_AT)
    answers = []
    for exchange in exchanges:
        if exchange is published:
            continue
        answer: dict[str, Any] = {
            "request": _key(exchange.request.method, exchange.request.path, exchange.request.body),
            "status": exchange.status,
            "content-type": exchange.headers.get("content-type", ""),
        }
        if exchange.is_stream:
            answer["events"] = [[event.event, event.data] for _, event in exchange.events]
        else:
            answer["body"] = exchange.body.decode()
        answers.append(answer)
    return answers, published.body.decode()


def _key(method: str, path: str, body: bytes | None) -> str:
    """A request without what differs from run to run."""
    text = (body or b"").decode()
    if not text.startswith("{"):
        text = json.dumps(dict(parse_qsl(text, keep_blank_values=True)), sort_keys=True)
    return _VARYING.sub("*", f"{method} {path} {text}")


class RecordedServer:
    """Plays a recording: an ASGI application that answers each request as it was answered."""

    def __init__(self, folder: Path, name: str) -> None:
        self.published = (folder / f"{name}.openapi.json").read_text(encoding="utf-8")
        self.answers: dict[str, list[dict[str, Any]]] = defaultdict(list)
        lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        for answer in map(json.loads, lines):
            self.answers[answer["request"]].append(answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        request = Request(scope, receive)
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if path == PUBLISHED_AT:
            response = Response(self.published, media_type="application/json")
        else:
            key = _key(request.method, path, await request.body())
            answers = self.answers[key]
            # One that is asked for again answers as the last time.
            answer = answers.pop(0) if len(answers) > 1 else answers[0] if answers else None
            response = _response(answer)
        await response(scope, receive, send)


def _response(answer: dict[str, Any] | None) -> Response:
    if answer is None:
        return Response("not in the recording", 500)
    if "events" in answer:
        frames = [f"event: {name}\ndata: {data}\n\n" for name, data in answer["events"]]
        return Response("".join(frames), media_type="text/event-stream")
    headers = {"content-type": answer["content-type"]} if answer["content-type"] else {}
    return Response(answer["body"], answer["status"], headers=headers)


def main(arguments: list[str]) -> None:
    match arguments:
        case ["baseline", out]:
            with agentos(BUNDLED_SCRIPTS) as url:
                drift = find_drift(Options(url, load_document(), 0), Baseline())
            text = json.dumps(make_baseline(drift), indent=1, ensure_ascii=False)
            Path(out).write_text(text + "\n", encoding="utf-8")
        case ["recording", python, folder, name]:
            with agentos(BUNDLED_SCRIPTS, python=Path(python)) as url:
                answers, published = record(url, RECORDED_WORKFLOWS)
            lines = [json.dumps(answer, ensure_ascii=False) for answer in answers]
            stem = Path(folder) / name
            stem.with_name(f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
            stem.with_name(f"{name}.openapi.json").write_text(published, encoding="utf-8")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
