"""Every byte of a server's is read within limits, and what is beyond them is said."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import pytest

from contract_tests.judging.answers import TRACEBACK
from contract_tests.target.budget import MAX_KEPT, NoMoreRuns, RunBudget
from contract_tests.target.client import Client, Limits
from contract_tests.target.exchange import Exchange, Request, TransferError
from contract_tests.target.gateway import describe, is_page
from tests.contract_tests.conftest import run_cli
from tests.hostile_server import JSON, STREAM, Answer, bomb, for_ever, head, hostile, plain

LIMITS = Limits(idle=10.0, total=30.0, max_bytes=2_000_000, max_events=1_000)
RUN = Request("POST", "/workflows/w/runs", fields=(("message", "x"),))


def answer_of(run: Answer, limits: Limits = LIMITS) -> Exchange:
    with hostile(run) as server, Client(server.url, limits=limits) as client:
        return client.send(RUN)


@cache
def made_bomb() -> bytes:
    return bomb(2, 1 << 26)


def coded(media_type: str, status: int = 200) -> Answer:
    return lambda path, body: plain(made_bomb(), status, media_type, content_encoding="gzip, gzip")


def endless(begin: bytes, piece: bytes) -> Answer:
    return lambda path, body: itertools.chain([begin], for_ever(piece))


def unknown_fields() -> Iterator[bytes]:
    yield head(STREAM)
    for number in itertools.count():
        yield b"%x\n" % number


@pytest.mark.parametrize(
    ("run", "error", "said"),
    [
        (coded(JSON), TransferError.SIZE, "as they came (gzip, gzip)"),
        (coded(JSON, 500), TransferError.SIZE, "as they came (gzip, gzip)"),
        (coded(STREAM), TransferError.SIZE, "and 0 events"),
        (endless(head(STREAM), b"x" * 65536), TransferError.SIZE, "and 0 events"),
        (endless(head(STREAM), b"data: x\n\n" * 9), TransferError.SIZE, "and 1001 events"),
        (endless(head(STREAM) + b"data: ", b"x" * 999), TransferError.SIZE, "went on after"),
        (lambda path, body: unknown_fields(), TransferError.SIZE, "went on after"),
        (endless(head(JSON), b"[" * 9999), TransferError.SIZE, "went on after"),
        (endless(head(JSON), b"[],0," * 9999), TransferError.SIZE, "and some 1,000,000 values"),
        (endless(b"HTTP/1.1 200 OK\r\nx: ", b"y" * 9999), TransferError.MALFORMED, "no HTTP"),
        (endless(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"), TransferError.MALFORMED, "no HTTP"),
        (
            endless(head(JSON, transfer_encoding="chunked") + b"0\r\n", b"x: y\r\n"),
            TransferError.CUT,
            "cut",
        ),
        (
            endless(head(JSON, transfer_encoding="chunked") + b"1;", b"x" * 9999),
            TransferError.CUT,
            "cut",
        ),
        (
            lambda path, body: plain(b"x", content_encoding="br"),
            TransferError.MALFORMED,
            "the answer is encoded as br, which was not asked for",
        ),
    ],
)
def test_an_answer_beyond_the_limits_is_left(run: Answer, error: TransferError, said: str) -> None:
    exchange = answer_of(run)
    assert exchange.error is error
    assert said in exchange.error_message
    assert len(exchange.received) <= 2 * LIMITS.max_bytes


@pytest.mark.parametrize(
    "piece", [b"HTTP/1.1 100 Continue\r\n\r\n", b"1\r\nx\r\n"], ids=["informational", "drip"]
)
def test_what_never_ends_and_never_is_silent_ends_with_the_total_time(piece: bytes) -> None:
    begin = b"" if piece.startswith(b"HTTP") else head(STREAM, transfer_encoding="chunked")
    exchange = answer_of(endless(begin, piece), Limits(idle=5.0, total=0.5))
    assert exchange.error is TransferError.TOTAL
    if exchange.decoder is not None:
        assert exchange.decoder.end() == []


def test_a_redirect_is_not_followed() -> None:
    def run(path: str, body: bytes) -> Iterable[bytes]:
        return plain(b"", 307, location=f"{elsewhere.url}/workflows/w/runs")

    with hostile(lambda path, body: plain(b"{}")) as elsewhere:
        with hostile(run) as server, Client(server.url, token="s3cret") as client:
            assert client.send(RUN).status == 307
            assert b"s3cret" in server.heads[0]
        assert elsewhere.heads == []


def test_an_id_longer_than_any_url_is_no_crash() -> None:
    with hostile(lambda path, body: plain(b"{}")) as server, Client(server.url) as client:
        exchange = client.send(Request("GET", "/workflows/" + "x" * 70_000))
    assert exchange.error is TransferError.UNSENDABLE
    assert "too long" in exchange.error_message


def test_all_answers_together_have_a_limit() -> None:
    """Each is kept until the report is written."""
    budget = RunBudget(100)
    budget.kept = MAX_KEPT - 1_000_000
    with hostile(lambda path, body: plain(b"x" * 20_000_000)) as server:
        client = Client(server.url, limits=LIMITS, budget=budget, is_run=lambda request: True)
        with client:
            exchange = client.send(RUN)
            assert exchange.error is TransferError.SIZE
            with pytest.raises(NoMoreRuns, match="all answers together took 512 MiB"):
                client.send(RUN)
        budget.renew()
        assert budget.bytes_of_one(7) == 7


def an_answer(content: bytes, **headers: str) -> Exchange:
    exchange = Exchange(RUN, "curl", 502, body=content)
    exchange.headers.update(headers)
    return exchange


@pytest.mark.parametrize(
    "content",
    [
        b"<!---->" * 100_000,
        b"<html><title" * 100_000,
        b"<html><title>" * 100_000,
        b"\n" * 5_000_000,
        b"\n at " + b"(:1" * 1_000_000,
        b"\n at (:1" * 500_000,
        b"at ((((:((((1:" * 400_000,
        b'File "' * 1_000_000,
    ],
)
def test_no_answer_takes_long_to_look_through(content: bytes) -> None:
    """Or this test times out: what is tried twice of each character is tried for years."""
    exchange = an_answer(content)
    assert not TRACEBACK.search(content.decode())
    assert is_page(exchange) == content.startswith(b"<html>")
    assert describe(exchange)


@pytest.mark.parametrize(
    ("page", "title"),
    [
        (b"\xef\xbb\xbf <!-- a --> <!-- b > --> <!DOCTYPE  html><TITLE lang=en> Bad\nGateway", ""),
        (b"<html><TITLE lang=en> Bad\nGateway </title>", " 'Bad Gateway'"),
    ],
)
def test_a_page_is_told_by_its_beginning(page: bytes, title: str) -> None:
    assert f"an HTML page{title} " in describe(an_answer(page)).replace(",", " ,")


def traces() -> list[Any]:
    return [
        "Traceback (most recent call last):\n  x",
        "Error: x\n    at f (/srv/app.js:1:2)",
        "  at com.example.Main.run(Main.java:12)",
    ]


@pytest.mark.parametrize("text", traces())
def test_a_traceback_is_found(text: str) -> None:
    assert TRACEBACK.search(text)


def listing(*ids: str, schema: object = None) -> Answer:
    def workflows(path: str, body: bytes) -> Iterable[bytes]:
        if path == "/workflows":
            return plain(json.dumps([{"id": one} for one in ids]).encode())
        return plain(json.dumps({"id": "w", "input_schema": schema}).encode())

    return workflows


def test_a_list_of_workflows_without_end_is_not_asked_for_one_by_one() -> None:
    many = listing(*(f"w{number}" for number in range(1001)))
    with hostile(lambda path, body: plain(b"{}"), workflows=many) as server:
        result = run_cli(server.url)
        assert len(server.heads) < 10
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.endswith("it lists 1,001 workflows; name those to test with --workflow ID")


def test_an_id_that_no_url_can_name_is_left_out() -> None:
    odd = listing("w", "x" * 70_000, "..", "w")
    with hostile(lambda path, body: plain(b"{}"), workflows=odd) as server:
        result = run_cli(server.url, "--max-examples", "0")
    assert result.exit_code == 1, result.output
    left_out = [line for line in result.output.splitlines() if line.startswith("left out: ")]
    assert [line.endswith(": no URL can name it") for line in left_out] == [True, True]
    assert max(map(len, left_out)) < 300


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "{}/schema.json"},
        {"type": "object", "properties": {"a": {"$ref": "{}/schema.json"}}},
        {"$id": "{}/x.json", "$ref": "schema.json"},
        {"$schema": "{}/schema.json", "type": "object"},
        {"$ref": "file:///etc/passwd"},
    ],
)
def test_a_schema_does_not_choose_who_else_is_asked(schema: dict[str, Any]) -> None:
    def answer(path: str, body: bytes) -> Iterable[bytes]:
        return plain(b"{}")

    with hostile(answer, schema_json=answer) as elsewhere:
        filled = json.loads(json.dumps(schema).replace("{}", elsewhere.url))
        with hostile(answer, workflows=listing("w", schema=filled)) as server:
            result = run_cli(server.url, "--max-examples", "0", "--token", "s3cret")
        assert elsewhere.heads == []
    assert result.exit_code in (1, 2)
    assert "root:" not in result.output


def test_a_list_of_workflows_that_does_not_come_whole_is_called_so() -> None:
    """And not one that the server does not have."""

    def cut(path: str, body: bytes) -> list[bytes]:
        return [
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n[{"
        ]

    with hostile(cut, workflows=cut) as server:
        result = run_cli(server.url, "--max-examples", "0")
    assert result.exit_code == 2
    assert "the list of its workflows did not come: " in result.output
    assert len(result.output.splitlines()) == 1
