"""Raw sockets: what a client may take of a connection, and what is left once it is gone."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import resource
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.mockserver.cli.test_cli import started, stop

FORM = b"message=tea&stream=false"
RUNS = b"/workflows/content-pipeline/runs"
HEAD = b"POST " + RUNS + b" HTTP/1.1\r\nhost: x\r\n"
FORM_HEADERS = b"content-type: application/x-www-form-urlencoded\r\ncontent-length: 24\r\n"
LIMITS = (
    *("--max-header-size", "8", "--max-headers", "50", "--client-timeout", "1"),
    *("--max-body", "1", "--max-memory", "2"),
)
CHUNKED = b"content-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked\r\n"
GET = b"GET /health HTTP/1.1\r\nhost: x\r\n"
CLOSE = b"connection: close\r\n"


class Served:
    """A mock in a process of its own, asked by raw bytes."""

    def __init__(self, *options: str) -> None:
        self.process, self.url, _ = started(*options)
        self.port = httpx2.URL(self.url).port or 0

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def ask(self, *pieces: bytes) -> bytes:
        """All that is answered, until the server closes."""
        with self.connect() as connection:
            # A server that has refused what came so far need not take the rest.
            with contextlib.suppress(ConnectionError):
                for piece in pieces:
                    connection.sendall(piece)
            return rest_of_connection(connection)

    def serves(self) -> bool:
        form = {"message": "tea", "stream": "false"}
        answer = httpx2.post(f"{self.url}{RUNS.decode()}", data=form, timeout=30)
        return answer.status_code == 200

    def serves_again(self) -> None:
        """Wait until it serves."""
        with contextlib.suppress(httpx2.TransportError):
            if self.serves():
                return
        self.serves_again()

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory(self) -> int:
        """Bytes that are resident."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def rest_of_connection(connection: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            received += piece
    return received


def statuses(answers: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1.1 (\d{3}) [A-Z]", answers)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    served = Served("--log-level", "warning", *LIMITS)
    yield served
    stop(served.process)


@pytest.mark.parametrize(
    ("head", "status", "detail"),
    [
        (HEAD + b"x-long: " + b"x" * 9000 + b"\r\n\r\n", 431, "more than 8192 bytes"),
        (HEAD + b"x-long: " + b"x" * 400_000, 431, "more than 8192 bytes"),  # without an end
        (HEAD + b"".join(b"x-%d: 1\r\n" % n for n in range(60)) + b"\r\n", 431, "than 50 headers"),
        (HEAD + b"x: y\r\n" * 100_000, 431, "than 50 headers"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 414, "longer than 8192 bytes"),
        (b"GET /?" + b"x" * 2_000_000, 414, "longer than 8192 bytes"),
        (
            HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + b"t: u\r\n" * 100,
            431,
            "than 50 headers",
        ),
    ],
    ids=["header", "endless header", "headers", "endless", "url", "endless url", "trailers"],
)
def test_a_head_that_is_too_long_is_refused(
    served: Served, head: bytes, status: int, detail: str
) -> None:
    answer = served.ask(head)
    said, _, body = answer.partition(b"\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 %d " % status), answer[:300]
    assert b"connection: close" in said
    assert detail in json.loads(body)["detail"]
    assert "allows more" in json.loads(body)["detail"]
    assert served.serves()


def test_one_that_comes_in_small_pieces_is_counted_too(served: Served) -> None:
    answer = served.ask(HEAD, *[b"x-%d: %s\r\n" % (n, b"x" * 500) for n in range(40)])
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_what_is_within_the_limits_is_answered(served: Served) -> None:
    more = b"".join(b"x-%d: %s\r\n" % (n, b"x" * 100) for n in range(40))
    asked = HEAD + more + FORM_HEADERS + b"connection: close\r\n\r\n" + FORM
    assert served.ask(asked).startswith(b"HTTP/1.1 200 ")
    for cut in range(1, len(asked), 97):
        assert served.ask(asked[:cut], asked[cut:]).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "part",
    [
        b"POST /work",
        HEAD,
        HEAD + FORM_HEADERS + b"\r\nmess",
        HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nmes",
    ],
    ids=["line", "head", "body", "chunk"],
)
def test_a_request_that_does_not_come_to_its_end_is_answered_408(
    served: Served, part: bytes
) -> None:
    answer = served.ask(part)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert "did not come whole within 1 s" in json.loads(answer.partition(b"\r\n\r\n")[2])["detail"]


def test_who_is_answered_before_the_request_is_whole_is_not_answered_again(served: Served) -> None:
    answer = served.ask(b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf")
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_byte_now_and_then_does_not_keep_a_connection(served: Served) -> None:
    with served.connect() as connection, contextlib.suppress(ConnectionError):
        connection.settimeout(0.05)
        connection.sendall(HEAD)
        received = b""
        while b"408" not in received:
            connection.sendall(b"x: y\r\n"[:1])
            with contextlib.suppress(TimeoutError):
                received += connection.recv(65536)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (b"GET /health HTTP/1.1\r\n\r\n", 400),  # RFC 9112 section 3.2
        (GET + b"host: x\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nhost: a b\r\n\r\n", 400),
        (b"GET /health#there HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET http://u:p@x/health HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET ftp://x/health HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET http:///health HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"CONNECT x:80 HTTP/1.1\r\nhost: x:80\r\n\r\n", 501),
        (b"GET /health HTTP/2.0\r\nhost: x\r\n\r\n", 505),
        (GET + b"x: y\r\n z\r\n\r\n", 400),  # section 5.2
        (HEAD + CHUNKED + b"content-length: 24\r\n\r\n18\r\n" + FORM + b"\r\n0\r\n\r\n", 400),
        (HEAD + FORM_HEADERS + b"content-length: 5\r\n\r\n" + FORM, 400),
        (HEAD + CHUNKED + b"\r\n0x18\r\n" + FORM + b"\r\n0\r\n\r\n", 400),
        (HEAD + CHUNKED + b"\r\n18\n" + FORM + b"\n0\n\n", 400),
        (HEAD + CHUNKED.replace(b"chunked", b"gzip, chunked") + b"\r\n0\r\n\r\n", 501),
        (HEAD.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n0\r\n\r\n", 400),  # section 6.1
        (
            b"GET /workflows/ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n"
            b"connection: upgrade\r\ncontent-length: 4\r\n\r\nbody",
            400,
        ),
    ],
    ids=lambda value: None if isinstance(value, int) else value[:60].decode(),
)
def test_a_request_that_can_be_understood_in_two_ways_is_refused(
    served: Served, asked: bytes, status: int
) -> None:
    answer = served.ask(asked + GET + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    assert len(statuses(answer)) == 1  # nothing of what follows is taken for a request
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["detail"]


def test_a_target_may_name_the_server_whatever_host_says(served: Served) -> None:
    def status(target: bytes, host: bytes) -> bytes:
        head = b"GET %s HTTP/1.1\r\nhost: %s\r\n" % (target, host)
        return served.ask(head + CLOSE + b"\r\n")[:12]

    assert status(b"http://x/health", b"x") == b"HTTP/1.1 200"
    assert status(b"HTTP://[::1]:80?a", b"x") == b"HTTP/1.1 200"
    # The control API, which asks for the Host of this machine, goes by the target too.
    assert status(b"http://localhost/__mock__/runs", b"evil.example") == b"HTTP/1.1 200"
    assert status(b"http://evil.example/__mock__/runs", b"localhost") == b"HTTP/1.1 403"


def test_a_trailer_is_no_header(served: Served) -> None:
    answer = served.ask(
        HEAD + CHUNKED + CLOSE + b"\r\n18\r\n" + FORM + b"\r\n0\r\nprefer: code=404\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("cut", [0, 40, 190, 201, 210])
def test_who_asks_for_another_protocol_is_answered_by_this_one(served: Served, cut: int) -> None:
    """Java's client asks each server for HTTP/2; its body was taken for the other protocol's, and
    what came in a packet of its own for another request."""
    upgrade = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMA\r\n"
    asked = HEAD + FORM_HEADERS + upgrade + b"\r\n" + FORM
    assert asked[201:].startswith(b"message")
    answer = served.ask(asked[:cut], asked[cut:] + GET + CLOSE + b"\r\n")
    assert statuses(answer) == [b"200", b"200"]
    assert b'"input":"tea"' in answer


def test_http_1_0_knows_neither_chunks_nor_interim_answers(served: Served) -> None:
    form = FORM.replace(b"false", b"true&")
    head = HEAD.replace(b"1.1", b"1.0") + FORM_HEADERS + b"expect: 100-continue\r\n"
    answer = served.ask(head + b"\r\n" + form)
    said, _, body = answer.partition(b"\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"transfer-encoding" not in said
    assert body.startswith(b"event: WorkflowStarted\n")
    assert body.endswith(b"\n\n")
    assert statuses(served.ask(head + b"\r\n" + FORM)) == [b"200"]


def test_who_waits_to_send_a_body_that_is_not_wanted_is_left(served: Served) -> None:
    asked = (
        b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 24\r\nexpect: 100-continue\r\n\r\n"
    )
    answer = served.ask(asked)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert CLOSE in answer


def test_earlier_requests_are_answered_where_a_later_one_is_refused(served: Served) -> None:
    whole = HEAD + FORM_HEADERS + b"\r\n" + FORM
    answer = served.ask(whole + GET + b"\r\n" + b"GET nothing\r\n\r\n")
    assert statuses(answer) == [b"200", b"200"]
    assert answer.count(CLOSE) == 1
    # As many as a packet holds would take 20 MB.
    assert 2 < len(statuses(served.ask((GET + b"\r\n") * 1000))) < 30


def test_bodies_that_are_on_their_way_have_a_limit_together(served: Served) -> None:
    """Each may have a mebibyte, and all together two."""
    half = b"content-length: 1000000\r\n\r\n" + b"x" * 900_000
    answer = _first_answer(served, HEAD + half)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in answer
    assert (
        "serve --max-memory allows more" in json.loads(answer.partition(b"\r\n\r\n")[2])["detail"]
    )


def test_messages_that_are_on_their_way_have_a_limit_together(served: Served) -> None:
    head = (
        b"GET /workflows/ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    length, mask = (1_000_000).to_bytes(8, "big"), b"\0\0\0\0"
    one = b"\x81\xff" + length + mask + b"x" * 900_000  # not its end
    many = b"\x01\x80" + mask + b"\x00\x81" + mask + b"x" * 1
    many += (b"\x00\x81" + mask + b"x") * 15_000  # in memory far more than on the wire
    for half in (one, many):
        said = _first_answer(served, head, half, until=b"--max-memory")
        assert b"\x03\xf5too much is on its way" in said  # 1013: try again later


def _first_answer(served: Served, first: bytes, then: bytes = b"", until: bytes = b"") -> bytes:
    """Of clients that send the same, until one is answered; and all are served again after it."""
    with contextlib.ExitStack() as open_ones:
        while True:
            connection = open_ones.enter_context(served.connect())
            connection.sendall(first)
            received = connection.recv(65536) if then else b""
            with contextlib.suppress(ConnectionError):
                connection.sendall(then)
            connection.settimeout(0.05)
            with contextlib.suppress(TimeoutError, ConnectionError):
                while piece := connection.recv(65536):
                    received += piece
            if b"HTTP/1.1 408 " not in received and until in received and received:
                break
    assert served.serves()
    return received


def test_a_longer_message_ends_a_websocket(served: Served) -> None:
    with connect(f"ws://127.0.0.1:{served.port}/workflows/ws") as socket:
        socket.recv()
        socket.send("x" * 2**20)
        assert "JSON" in str(socket.recv())
        socket.send("x" * (2**20 + 1))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
    assert served.serves()


def test_a_connection_that_says_nothing_is_closed(served: Served) -> None:
    assert served.ask() == b""


def test_a_client_that_takes_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text(
        "id: long\nname: Long\nsteps:\n"
        "  - {type: Step, name: s, executor_ref: s, mock: {content: \"{{ 'x' * 3000000 }}\"}}\n"
        "  - {type: Step, name: t, executor_ref: t, mock: {delay: 0.01}}\n"
    )
    served = Served("--workflows", str(tmp_path), "--client-timeout", "1")
    with served.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = HEAD.replace(b"content-pipeline", b"long") + FORM_HEADERS.replace(b"24", b"11")
        connection.sendall(head + b"\r\nmessage=tea")
        url = f"{served.url}/__mock__/runs"
        while (runs := httpx2.get(url).json()) == [] or runs[0]["state"] == "running":
            pass
    assert runs[0]["state"] == "cancelled"
    assert "took nothing of its answer for 1 s" in stop(served.process)


def test_who_has_too_many_files_open_is_told() -> None:
    served = Served("--no-reload", "--log-level", "warning")
    resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE, (60, 60))
    with contextlib.ExitStack() as open_ones:
        for _ in range(100):
            connection = open_ones.enter_context(served.connect())
        assert rest_of_connection(connection).startswith(b"HTTP/1.1 503 ")
        said = served.process.stdout.readline()
    assert "of the 60 files and connections" in said
    assert "`ulimit -n` allows more" in said
    served.serves_again()
    stop(served.process)


def _malformed(draw: random.Random) -> bytes:
    """A request with something wrong in it, or bytes that are none."""
    whole = HEAD + FORM_HEADERS + b"\r\n" + FORM
    kind = draw.randrange(6)
    if kind == 0:
        return draw.randbytes(draw.randrange(1, 400))
    if kind == 1:  # bytes turned
        spoiled = bytearray(whole)
        for _ in range(draw.randrange(1, 8)):
            spoiled[draw.randrange(len(spoiled))] = draw.randrange(256)
        return bytes(spoiled)
    if kind == 2:  # cut off
        return whole[: draw.randrange(len(whole))]
    if kind == 3:  # a piece of it many times
        start = draw.randrange(len(whole) - 1)
        end = draw.randrange(start + 1, len(whole))
        return whole[:end] + whole[start:end] * draw.randrange(1, 30)
    if kind == 4:  # lengths that contradict each other
        lengths = [b"content-length: %d\r\n" % draw.choice((0, 1, 24, -1, 10**20)) for _ in "ab"]
        return HEAD + b"".join(lengths) + b"transfer-encoding: chunked\r\n\r\n" + FORM
    line = draw.choice((b"GET", b"PRI", b"CONNECT", b"", b"\x16\x03\x01", b"post", b"M-SEARCH"))
    target = draw.choice((b"*", b"/%", b"//", b"http://[::1", b"/\xff", b"", b"/a b", b"/%00"))
    return line + b" " + target + b" HTTP/" + draw.choice((b"1.1", b"9.9", b"2", b"")) + b"\r\n\r\n"


def test_malformed_requests_leave_nothing_behind() -> None:
    _leaves_nothing(10_000, _malformed, is_answer_awaited=True)


def test_clients_that_break_off_leave_nothing_behind() -> None:
    def request(draw: random.Random) -> bytes:
        form = draw.choice((FORM, b"message=tea&stream=true "))
        whole = HEAD + FORM_HEADERS + b"\r\n" + form
        return whole[: draw.choice((len(whole), draw.randrange(len(whole))))]

    _leaves_nothing(2_000, request, is_answer_awaited=False)


def _leaves_nothing(
    count: int, request: Callable[[random.Random], bytes], *, is_answer_awaited: bool
) -> None:
    served = Served("--log-level", "error", *LIMITS)
    assert served.serves()
    draw = random.Random(count)
    before = served.descriptors()
    for number in range(count):
        if number == count // 4:  # what is loaded late is there, and what is remembered is full
            memory = served.memory()
        with served.connect() as connection, contextlib.suppress(ConnectionError):
            connection.sendall(request(draw))
            if is_answer_awaited:
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            else:  # at once, whatever is on its way
                linger = b"\x01\0\0\0\0\0\0\0"
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert served.serves()
    while served.descriptors() > before + 1:
        pass
    assert served.memory() < memory + 32 * 1024 * 1024
    runs = httpx2.get(f"{served.url}/__mock__/runs").json()
    assert {run["state"] for run in runs} <= {"completed", "cancelled"}
    assert stop(served.process) == ""
