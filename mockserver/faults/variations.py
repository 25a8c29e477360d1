"""Variations: what a server may do otherwise, and fragile clients break on."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable
from typing import Any

from mockserver.engine.actions import Event
from mockserver.faults.exchange import Answer, Wire
from mockserver.faults.register import Story, answered, carried, framed, told

_FIELD = re.compile(rb"^(event|data|id|retry): ", re.MULTILINE)
_BLOCK = re.compile(rb"event: (.*)\ndata: (.*)\n\n")
_BOM = b"\xef\xbb\xbf"


def _each_event(
    change: Callable[[bytes, bytes], bytes],
) -> Callable[[bytes, Answer], bytes]:
    """What a stream's events, by name and data, are written as."""

    def frame(chunk: bytes, answer: Answer) -> bytes:
        return _BLOCK.sub(lambda match: change(match[1], match[2]), chunk)

    return frame


# -- how an event is written: the last of these that apply must leave lines that the next can read


framed("event.spaced-json")(
    _each_event(lambda name, data: b"event: %b\ndata: %b\n\n" % (name, _spaced(data)))
)
framed("event.ascii-json")(
    _each_event(lambda name, data: b"event: %b\ndata: %b\n\n" % (name, _ascii(data)))
)
framed("event.members-reversed")(
    _each_event(lambda name, data: b"event: %b\ndata: %b\n\n" % (name, _reversed(data)))
)
framed("sse.data-lines")(
    _each_event(
        lambda name, data: (
            b"event: %b\n" % name
            + b"".join(b"data: %b\n" % line for line in _indented(data).split(b"\n"))
            + b"\n"
        )
    )
)


def _rewritten(data: bytes, **options: Any) -> bytes:
    try:
        return json.dumps(json.loads(data), **options).encode("utf-8", "surrogatepass")
    except ValueError:
        return data


def _spaced(data: bytes) -> bytes:
    return _rewritten(data, ensure_ascii=False, separators=(" , ", " : "))


def _ascii(data: bytes) -> bytes:
    return _rewritten(data, separators=(",", ":"))


def _indented(data: bytes) -> bytes:
    return _rewritten(data, ensure_ascii=False, indent=1)


def _reversed(data: bytes) -> bytes:
    try:
        members = json.loads(data)
    except ValueError:
        return data
    if not isinstance(members, dict):
        return data
    reverse = dict(reversed(members.items()))
    return json.dumps(reverse, ensure_ascii=False, separators=(",", ":")).encode()


@framed("sse.data-first")
def data_first(chunk: bytes, answer: Answer) -> bytes:
    return re.sub(rb"(event: .*\n)((?:data: .*\n)+)\n", rb"\2\1\n", chunk)


@framed("sse.comments")
def comments(chunk: bytes, answer: Answer) -> bytes:
    return re.sub(rb"^(event|data): ", rb": ping\n\1: ", chunk, flags=re.MULTILINE)


@framed("sse.keep-alives")
def keep_alives(chunk: bytes, answer: Answer) -> bytes:
    return b":\n\n" + chunk.replace(b"\n\n", b"\n\n: keep-alive\n\n")


@framed("sse.ids")
def ids(chunk: bytes, answer: Answer) -> bytes:
    def numbered(match: re.Match[bytes]) -> bytes:
        answer.notes["id"] = answer.notes.get("id", 0) + 1
        return b"%b\nid: %d\n\n" % (match[1], answer.notes["id"])

    return re.sub(rb"(data: .*|event: .*)\n\n", numbered, chunk)


@framed("sse.retry")
def retry(chunk: bytes, answer: Answer) -> bytes:
    if answer.notes.setdefault("has_retry", False):
        return chunk
    answer.notes["has_retry"] = True
    return b"retry: 3000\n\n" + chunk


@framed("sse.blank-lines")
def blank_lines(chunk: bytes, answer: Answer) -> bytes:
    return chunk.replace(b"\n\n", b"\n\n\n\n")


@framed("sse.no-space")
def no_space(chunk: bytes, answer: Answer) -> bytes:
    return _FIELD.sub(rb"\1:", chunk)


@framed("sse.crlf")
def crlf(chunk: bytes, answer: Answer) -> bytes:
    return chunk.replace(b"\n", b"\r\n")


@framed("sse.cr")
def cr(chunk: bytes, answer: Answer) -> bytes:
    return chunk.replace(b"\r\n", b"\n").replace(b"\n", b"\r")


@framed("sse.mixed-line-ends")
def mixed_line_ends(chunk: bytes, answer: Answer) -> bytes:
    """LF, CR LF and CR in turn; a CR never before a LF, with which it would be one end."""
    ends = (b"\n", b"\r\n", b"\r")
    pieces = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    written = pieces[0]
    for piece in pieces[1:]:
        turn = answer.notes["turn"] = answer.notes.get("turn", 0) + 1
        end = ends[turn % 3]
        if end == b"\n" and (written or answer.notes.get("last", b"")).endswith(b"\r"):
            end = b"\r\n"
        written += end + piece
    answer.notes["last"] = written[-1:]
    return written


@framed("sse.bom")
def bom(chunk: bytes, answer: Answer) -> bytes:
    if "has_bom" in answer.notes:
        return chunk
    answer.notes["has_bom"] = True
    return _BOM + chunk


# -- chunks


@carried("sse.byte-by-byte")
async def byte_by_byte(chunk: bytes, is_last: bool, wire: Wire) -> None:
    while wire.answer.is_stream and len(chunk) > 1:
        await wire.write(chunk[:1])
        chunk = chunk[1:]
    await wire.write(chunk, is_last=is_last)


@carried("sse.chunks-anywhere")
async def chunks_anywhere(chunk: bytes, is_last: bool, wire: Wire) -> None:
    """Pieces of 1 to 100 bytes, the same each time."""
    source = wire.notes.setdefault("random", random.Random(7))
    while wire.answer.is_stream and len(chunk) > 1:
        size = source.randint(1, 100)
        await wire.write(chunk[:size])
        chunk = chunk[size:]
    await wire.write(chunk, is_last=is_last)


@carried("http.chunked-bodies")
async def chunked_bodies(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if not wire.answer.is_stream and is_last and len(chunk) > 1:
        wire.answer.set_header("content-length", None)
        await wire.write(chunk[: len(chunk) // 2])
        chunk = chunk[len(chunk) // 2 :]
    await wire.write(chunk, is_last=is_last)


# -- events and bodies


@told("event.extra-members")
def extra_members(event: Event, story: Story) -> Iterable[Event]:
    return [{**event, "nested_depth": 0, "x_vendor": {"region": "north"}}]


@told("event.custom")
def custom_events(event: Event, story: Story) -> Iterable[Event]:
    if not story.said:
        return [event]
    return [{"event": "CustomEvent", "created_at": event.get("created_at"), "note": 1}, event]


@told("event.null-members")
def null_members(event: Event, story: Story) -> Iterable[Event]:
    return [{**event, "nested_depth": None, "x_vendor": None}]


@told("parallel.later-first")
def later_branches_first(event: Event, story: Story) -> Iterable[Event]:
    """A Parallel's first branch is held back until another has ended, or the Parallel ends."""
    notes = story.notes
    if event["event"] == "ParallelExecutionStarted" and "parent_step_id" not in event:
        notes["parallel"], notes["held"], notes["first"] = event["step_id"], [], None
        return [event]
    if "held" not in notes:
        return [event]
    if event["event"] == "StepStarted" and notes["first"] is None:
        notes["first"] = event.get("step_id")
    is_end = event.get("step_id") == notes["parallel"]
    if event.get("step_id") == notes["first"] and not is_end:
        notes["held"].append(event)
        return []
    is_other_end = event["event"] == "StepCompleted"
    if not is_end and not is_other_end:
        return [event]
    held = notes.pop("held")
    return [*held, event] if is_end else [event, *held]


@told("results.vary")
def other_words_each_time(event: Event, story: Story) -> Iterable[Event]:
    """A function's content has the run's id in it, as a model's would be another each time."""
    contents: dict[str, str] = story.notes.setdefault("contents", {})
    result = event.get("step_output") or event.get("step_response") or {}
    content = result.get("content")
    if result.get("executor_type") == "function" and isinstance(content, str):
        contents[content] = f"{content} ({story.run.run_id[:8]})"
    return [_with_contents(event, contents)]


def _with_contents(value: Any, contents: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: contents.get(member, member)
            if key == "content" and isinstance(member, str)
            else _with_contents(member, contents)
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [_with_contents(member, contents) for member in value]
    return value


@answered("results.vary")
def other_words_in_batch(answer: Answer) -> None:
    body = answer.json if answer.is_batch else None
    if not isinstance(body, dict):
        return
    contents: dict[str, str] = {}

    def find(results: Any) -> None:
        for result in results if isinstance(results, list) else []:
            if result.get("executor_type") == "function" and isinstance(result["content"], str):
                contents[result["content"]] = f"{result['content']} ({str(body['run_id'])[:8]})"
            find(result.get("steps"))

    find(body.get("step_results"))
    answer.json = _with_contents(body, contents)


@answered("batch.extra-members")
def batch_extra_members(answer: Answer) -> None:
    body = answer.json if answer.is_batch else None
    if isinstance(body, dict):
        answer.json = {**body, "metadata": {"region": "north"}, "x_vendor": None}


@answered("batch.indented")
def batch_indented(answer: Answer) -> None:
    if answer.is_batch:
        answer.body = _indented(answer.body)


# -- errors and heads


@answered("error.other-words")
def other_words(answer: Answer) -> None:
    # What a deviation has said stays.
    body = answer.json if answer.is_error and answer.body == answer.original else None
    if isinstance(body, dict) and isinstance(body.get("detail"), str):
        answer.json = {**body, "detail": "Das ging nicht \u2013 \u672c\u5f53\u306b."}


@answered("error.unknown-code")
def unknown_error_code(answer: Answer) -> None:
    body = answer.json if answer.is_error else None
    if isinstance(body, dict):
        answer.json = {**body, "error_code": "E_4711"}


@answered("error.extra-members")
def error_extra_members(answer: Answer) -> None:
    body = answer.json if answer.is_error else None
    if isinstance(body, dict):
        answer.json = {**body, "request_id": "1", "errors": []}


@answered("error.media-type-invalid")
def wrong_media_type_is_invalid(answer: Answer) -> None:
    if answer.status == 415:
        answer.status = 422


@answered("routing.405-empty")
def method_not_allowed_without_a_body(answer: Answer) -> None:
    if answer.status == 405:
        answer.body = b""
        answer.set_header("content-type", None)


@answered("routing.more-allowed")
def more_methods_are_allowed(answer: Answer) -> None:
    if answer.status == 405:
        answer.set_header("allow", f"{answer.header('allow')}, OPTIONS")


@answered("routing.runs-listed")
def runs_are_listed(answer: Answer) -> None:
    request = answer.request
    if answer.status == 405 and request.method == "GET" and request.path.endswith("/runs"):
        answer.status = 200
        answer.set_header("allow", None)
        answer.set_header("content-type", "application/json")
        answer.body = b"[]"


@answered("authentication.several-challenges")
def several_challenges(answer: Answer) -> None:
    if answer.status == 401:
        answer.set_header("www-authenticate", None)
        answer.headers += [
            (b"www-authenticate", b'Digest realm="agentos", nonce="1"'),
            (b"www-authenticate", b'bearer realm="agentos"'),
        ]


@answered("http.media-type-parameters")
def media_type_parameters(answer: Answer) -> None:
    content_type = answer.header("content-type")
    if content_type == "application/json":
        answer.set_header("content-type", 'Application/JSON; charset="utf-8"')
    elif content_type == "text/event-stream; charset=utf-8":
        answer.set_header("content-type", "Text/Event-Stream;charset=UTF-8")


@answered("http.extra-headers")
def extra_headers(answer: Answer) -> None:
    answer.headers += [(b"x-request-id", b"1"), (b"server-timing", b"app;dur=1")]
