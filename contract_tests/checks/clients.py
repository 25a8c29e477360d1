"""Requests as real clients send them: how a body and its headers may be written, compression.

What goes together in one request here is good in each of its parts. Where it is not taken, each
part is tried by itself, to say which it was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agentos_contract.document import EVENT_STREAM, FORM
from agentos_contract.json_values import mapping, parse_json
from contract_tests.checks.context import Context
from contract_tests.checks.registry import check
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.checks.stream import LATE
from contract_tests.target.exchange import Exchange, Request
from contract_tests.target.target import Workflow

LASTS = 0.3
"""Seconds that a run has to take for its events to be seen held back."""

UNREAD = ("br", "zstd")
"""Content codings that browsers take, and these tests do not undo."""


@dataclass(frozen=True)
class Way:
    """One way to send what is the same request."""

    what: str
    headers: tuple[tuple[str, str], ...] = ()
    is_chunked: bool = False
    content_type: str = FORM
    escapes: bool = False
    """Whether the body is escaped as a URL is (RFC 3986), where forms have a plus for a space."""


NAMELESS = Way("no User-Agent", (("User-Agent", ""),))
BATCH_WAYS = (
    Way("a body in chunks, without a length", is_chunked=True),
    Way("Accept: */*", (("Accept", "*/*"),)),
    Way("Accept-Encoding of a browser", (("Accept-Encoding", "gzip, deflate, br, zstd"),)),
    Way("Accept-Language of a browser", (("Accept-Language", "ar, fr-CH;q=0.9, *;q=0.5"),)),
    Way("the media type in capitals", content_type=FORM.upper()),
    NAMELESS,
    Way("%20 for a space, and escapes in small letters (%c3)", escapes=True),
)
STREAM_WAYS = (
    Way("a body in chunks, without a length", is_chunked=True),
    Way("Accept: text/event-stream", (("Accept", EVENT_STREAM),)),
    Way("Accept-Encoding: gzip, deflate", (("Accept-Encoding", "gzip, deflate"),)),
    Way("Cache-Control: no-cache", (("Cache-Control", "no-cache"),)),
    Way("CONTENT-TYPE, its name in capitals", (("CONTENT-TYPE", FORM),)),
)
"""Those of a kind go into one request."""

OTHER_BATCH_WAYS = (
    Way(
        "an Accept with qualities",
        (("Accept", "text/html, application/json;q=0.9, text/*;q=0.8, */*;q=0.1"),),
    ),
)
OTHER_STREAM_WAYS = (
    Way("Accept: */*", (("Accept", "*/*"),)),
    Way("no Accept", (("Accept", ""),)),
    Way(
        "Accept as axios has it",
        (("Accept", "application/json, text/plain, */*"),),
    ),
)
"""Of which a request can have one."""


@check(Stage.PROBES, "http.request-forms", runs=12)
def request_forms(context: Context) -> None:
    """Good requests in other words of HTTP than the rest of these tests."""
    workflow = context.workflows.probed
    for stream, together, single in (
        (False, BATCH_WAYS, OTHER_BATCH_WAYS),
        (True, STREAM_WAYS, OTHER_STREAM_WAYS),
    ):
        if _send(context, workflow, together, stream=stream) is not None:
            _find(context, workflow, together, stream=stream)
        for way in single:
            _find(context, workflow, [way], stream=stream)


def _find(context: Context, workflow: Workflow, ways: Sequence[Way], *, stream: bool) -> None:
    """Try each by itself. What fails by accident, or however it is asked for, is another matter."""
    for way in ways:
        found = _send(context, workflow, [way], stream=stream)
        if found is None or _send(context, workflow, [way], stream=stream) is None:
            continue
        if _send(context, workflow, [], stream=stream) is not None:
            return
        problem, exchange = found
        mode = "as a stream" if stream else "in batch"
        text = f"{way.what}, {mode}: {problem}"
        context.findings.require("http.request-forms", False, text, exchange)


def _send(
    context: Context, workflow: Workflow, ways: Sequence[Way], *, stream: bool
) -> tuple[str, Exchange] | None:
    """Send a good request in these ways; what is wrong with the answer, None where nothing is."""
    fields = (("message", workflow.message), ("stream", "true" if stream else "false"))
    request = _request(context.requests.make(workflow.id, fields), ways)
    exchange = context.client.send(request)
    context.findings.exercise("http.request-forms", exchanges=[exchange])
    others = [way for way in ways if not _may_refuse(context, way, exchange)]
    if len(others) < len(ways):
        return _send(context, workflow, others, stream=stream) if others else None
    if exchange.headers.get("content-encoding", "").lower() in UNREAD:
        return None
    if exchange.status != 200 or exchange.error is not None:
        return exchange.error_message or exchange.summary, exchange
    if exchange.is_stream != stream:
        return f"expected {'a stream' if stream else 'JSON'}, got {exchange.media_type}", exchange
    if stream:
        context.runs.judge_stream(workflow, exchange)
    elif (came := _other_message(workflow, exchange)) is not None:
        return f"the message {workflow.message!r} arrived as {came[:200]!r}", exchange
    else:
        context.findings.record(context.judge.batch(workflow, exchange)[0])
    return None


def _other_message(workflow: Workflow, exchange: Exchange) -> str | None:
    """The message that a batch body says instead of the one that was sent."""
    said = mapping(parse_json(exchange.body)).get("input")
    is_other = isinstance(said, str) and said != workflow.message
    return said if is_other and workflow.input_schema is None else None


def _may_refuse(context: Context, way: Way, exchange: Exchange) -> bool:
    """Whether an answer is one that a server may give to whoever asks in such a way."""
    if way is NAMELESS:  # RFC 9110 section 10.1.5: SHOULD
        return exchange.status is not None and 400 <= exchange.status < 500
    return way.is_chunked and _takes_no_chunks(context, exchange)


def _takes_no_chunks(context: Context, exchange: Exchange) -> bool:
    """A server may ask for a length (RFC 9110 section 15.5.12); one of HTTP/1.0 knows no chunks
    (RFC 9112 section 6.1), and may close the connection on them before its answer is read."""
    return exchange.status == 411 or context.client.http_version == "HTTP/1.0"


def _request(request: Request, ways: Sequence[Way]) -> Request:
    headers = tuple(header for way in ways for header in way.headers)
    content_type = next((way.content_type for way in ways if way.content_type != FORM), FORM)
    is_named = any(name.lower() == "content-type" for name, _ in headers)
    content = request.body
    if content is not None and any(way.escapes for way in ways):
        content = re.sub(rb"%..", lambda found: found[0].lower(), content.replace(b"+", b"%20"))
    return replace(
        request,
        fields=None,
        content=content,
        content_type=None if is_named else content_type,
        headers=headers,
        is_chunked=any(way.is_chunked for way in ways),
    )


@check(Stage.PROBES, "sse.pacing")
def compressed_pacing(context: Context) -> None:
    """Whether events come as they happen where the client takes compression, too."""
    workflow = context.workflows.lasting
    plain = context.history.streams[workflow.id]
    came = [at for at, _ in plain.exchange.events]
    if plain.seconds < LASTS or len(came) < 3 or came[0] > plain.seconds / 2:
        raise CannotDecide("no quick workflow takes long enough to see events held back")
    fields = (("message", workflow.message), ("stream", "true"))
    late: list[Exchange] = []
    for _ in range(2):
        request = context.requests.make(workflow.id, fields)
        request = replace(request, headers=(("Accept-Encoding", "gzip, deflate"),))
        exchange = context.client.send(request)
        if not exchange.is_stream or not exchange.headers.get("content-encoding"):
            return
        if not exchange.events or exchange.events[0][0] < LATE * exchange.seconds:
            break
        late.append(exchange)
    message = (
        f"{workflow.id}: where the client takes gzip the first event came at the end of "
        f"{exchange.seconds:.1f} s, and without at {came[0]:.1f} s of {plain.seconds:.1f}"
    )
    context.findings.require("sse.pacing", len(late) < 2, message, exchange)
