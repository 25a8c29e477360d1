"""The printed commands, run by a shell: they send what was sent, and hold no token."""

from __future__ import annotations

import shutil
import subprocess
from urllib.parse import parse_qsl

import pytest
from starlette.requests import Request as Received
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from contract_tests.forms.texts import TRICKY
from contract_tests.target.client import Client
from contract_tests.target.curl import TOKEN_IN_SHELL
from contract_tests.target.exchange import Authorization, Request
from tests.conftest import Serve

TOKEN = 's3cret "quoted" $HOME `x`'
FORM = "application/x-www-form-urlencoded"

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")


class Recorder:
    """Keeps what it receives: method, path, headers, body."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes, dict[str, str], bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Received(scope, receive)
        headers = dict(request.headers)
        self.received.append((request.method, scope["raw_path"], headers, await request.body()))
        await PlainTextResponse("ok")(scope, receive, send)


PLAIN_TOKEN = "s3cret-token"


@needs_curl
@pytest.mark.parametrize(
    "request_",
    [
        Request("POST", "/w/runs", fields=(("message", "hello"), ("stream", "false"))),
        Request("POST", "/w%20x/runs", fields=(("message", TRICKY), ("ü=&@", "@file"))),
        Request("POST", "/w/runs", fields=(("", "x"), ("message", ""), ("message", "twice"))),
        Request("POST", "/w/runs", fields=(("message", "NUL \0 in it"),)),
        Request("POST", "/w/runs", fields=()),
        Request("POST", "/w/runs", content=b"{\"a\": 'b'}", content_type="application/json"),
        Request("POST", "/w/runs", content=b"\0\xff\n%s\\x'\"$HOME", content_type="text/plain"),
        Request("POST", "/w/runs", content=b"@/etc/hostname", content_type=FORM),
        Request("PUT", "/w/runs"),
        Request("GET", "/sessions/x/runs?type=workflow"),
        Request("POST", "/w/runs/1/cancel", authorization=None),
        Request("POST", "/w/runs", fields=(("message", "x"),), headers=(("X-It", "it's"),)),
        Request(
            "POST",
            "/w/runs",
            fields=(("message", "x"),),
            authorization=Authorization(f"Token {PLAIN_TOKEN}x", "Token ${AGENTOS_TOKEN}x"),
        ),
        Request(
            "POST",
            f"/w/runs?x=1&token={PLAIN_TOKEN}",
            fields=(("message", "x"), ("token", PLAIN_TOKEN), ("it's", f"{PLAIN_TOKEN} twice")),
            headers=(("X-It", f"{PLAIN_TOKEN}; it's"),),
            authorization=None,
        ),
    ],
)
def test_the_command_sends_the_same_request(request_: Request, stage: Serve) -> None:
    recorder = Recorder()
    with Client(stage(recorder), token=PLAIN_TOKEN) as client:
        exchange = client.send(request_)
    assert exchange.status == 200
    assert PLAIN_TOKEN not in exchange.curl
    done = subprocess.run(
        ["sh", "-c", exchange.curl],
        env={"AGENTOS_TOKEN": PLAIN_TOKEN, "PATH": "/usr/bin:/bin:/usr/local/bin"},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (method, path, headers, body), again = recorder.received
    assert again[:2] == (method, path)
    assert again[2].get("authorization") == headers.get("authorization")
    assert again[2].get("x-it") == headers.get("x-it")
    assert again[2].get("content-type") == headers.get("content-type")
    if request_.fields is not None:
        assert parse_qsl(again[3].decode(), keep_blank_values=True) == parse_qsl(
            body.decode(), keep_blank_values=True
        )
    else:
        assert again[3] == body


def test_the_token_stands_as_a_variable() -> None:
    client = Client("http://localhost:1", token=TOKEN)
    command = client.curl(Request("GET", "/x"))
    assert (
        command
        == f'curl -sSiN -X GET http://localhost:1/x -H "Authorization: Bearer {TOKEN_IN_SHELL}"'
    )
