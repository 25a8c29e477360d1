"""Variations: what a server may do otherwise, and fragile clients break on."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable
from typing import Any

from agentos_contract.json_values import parse_object
from mockserver.engine.actions import Event
from mockserver.engine.hooks import EngineHooks
from mockserver.faults.exchange import Request, Response, Wire
from mockserver.faults.memory import FaultState
from mockserver.faults.registry import (
    departure,
    on_chunk,
    on_event,
    on_frame,
    on_request,
    on_response,
)

# -- how an event is written


def _each_data(change: Callable[[bytes], bytes]) -> Callable[[bytes, Response], bytes]:
    """What a stream's data is written as, where it stands in one line."""
    lines = re.compile(rb"(?<=\ndata: )(.*)(?=\n\n)")
    return lambda chunk, response: lines.sub(lambda match: change(match[1]), chunk)


def _rewritten(data: bytes, **options: Any) -> bytes:
    try:
        return json.dumps(json.loads(data), **options).encode("utf-8", "surrogatepass")
    except ValueError:
        return data


def _reversed(data: bytes) -> bytes:
    members = parse_object(data)
    if members is None:
        return data
    reverse = dict(reversed(members.items()))
    return json.dumps(reverse, ensure_ascii=False, separators=(",", ":")).encode()


def _indented(data: bytes) -> bytes:
    return _rewritten(data, ensure_ascii=False, indent=1)


def _in_lines(data: bytes) -> bytes:
    return _indented(data).replace(b"\n", b"\ndata: ")


def _spaced(data: bytes) -> bytes:
    return _rewritten(data, ensure_ascii=False, separators=(" , ", " : "))


def _ascii(data: bytes) -> bytes:
    return _rewritten(data, separators=(",", ":"))


on_frame("event.spaced-json")(_each_data(_spaced))
on_frame("event.ascii-json")(_each_data(_ascii))
on_frame("event.members-reversed")(_each_data(_reversed))
on_frame("sse.data-lines")(_each_data(_in_lines))


@on_frame("sse.ids")
def ids(chunk: bytes, response: Response) -> bytes:
    def numbered(match: re.Match[bytes]) -> bytes:
        response.notes["id"] = response.notes.get("id", 0) + 1
        return b"%b\nid: %d\n\n" % (match[1], response.notes["id"])

    return re.sub(rb"(data: .*|event: .*)\n\n", numbered, chunk)


@on_frame("sse.mixed-line-ends")
def mixed_line_ends(chunk: bytes, response: Response) -> bytes:
    """LF, CR LF and CR in turn; a CR never before a LF, with which it would be one end."""
    ends = (b"\n", b"\r\n", b"\r")
    pieces = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    written = pieces[0]
    for piece in pieces[1:]:
        turn = response.notes["turn"] = response.notes.get("turn", 0) + 1
        end = ends[turn % 3]
        if end == b"\n" and (written or response.notes.get("last", b"")).endswith(b"\r"):
            end = b"\r\n"
        written += end + piece
    response.notes["last"] = written[-1:]
    return written


# -- chunks


@on_chunk("sse.byte-by-byte", on="stream")
async def byte_by_byte(chunk: bytes, is_last: bool, wire: Wire) -> None:
    while wire.response.is_stream and len(chunk) > 1:
        await wire.write(chunk[:1])
        chunk = chunk[1:]
    await wire.write(chunk, is_last=is_last)


@on_chunk("sse.chunks-anywhere", on="stream")
async def chunks_anywhere(chunk: bytes, is_last: bool, wire: Wire) -> None:
    """Pieces of 1 to 100 bytes, the same each time."""
    source = wire.notes.setdefault("random", random.Random(7))
    while wire.response.is_stream and len(chunk) > 1:
        size = source.randint(1, 100)
        await wire.write(chunk[:size])
        chunk = chunk[size:]
    await wire.write(chunk, is_last=is_last)


@on_chunk("http.chunked-bodies", on="body")
async def chunked_bodies(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if not wire.response.is_stream and is_last and len(chunk) > 1:
        wire.response.set_header("content-length", None)
        await wire.write(chunk[: len(chunk) // 2])
        chunk = chunk[len(chunk) // 2 :]
    await wire.write(chunk, is_last=is_last)


# -- events and bodies


@on_event("parallel.later-first", of="ParallelExecutionStarted")
def later_branches_first(event: Event, state: FaultState) -> Iterable[Event]:
    """A Parallel's first branch is held back until another has ended, or the Parallel ends."""
    notes = state.notes
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


@departure("results.vary")
class OtherWordsEachTime(EngineHooks):
    """A function's content has the run's id in it, as a model's would be another each time."""

    def function_content(self, content: Any) -> Any:
        return f"{content} ({self.run.run_id[:8]})" if isinstance(content, str) else content


@on_response("batch.indented", on="batch")
def batch_indented(response: Response) -> None:
    if response.is_batch:
        response.body = _indented(response.body)


@on_request("form.length-limited", on="form")
def too_long_is_refused(request: Request) -> None:
    longest = {"message": 256 * 1024, "session_id": 255, "user_id": 255}
    fields = request.fields
    if any(len(text) > longest.get(name, len(text)) for name, text in fields):
        request.fields = [*fields, ("stream", "maybe")]


# -- errors and heads


@on_response("error.other-words", on="error")
def other_words(response: Response) -> None:
    # What a deviation has said stays.
    body = response.json if response.is_error and response.body == response.original else None
    if isinstance(body, dict) and isinstance(body.get("detail"), str):
        response.json = {**body, "detail": "Das ging nicht \u2013 \u672c\u5f53\u306b."}


@on_response("routing.more-allowed", on=405)
def more_methods_are_allowed(response: Response) -> None:
    if response.status == 405:
        response.set_header("allow", f"{response.header('allow')}, OPTIONS")


@on_response("routing.runs-listed", on=405)
def runs_are_listed(response: Response) -> None:
    request = response.request
    if response.status == 405 and request.method == "GET" and request.path.endswith("/runs"):
        response.status = 200
        response.set_header("allow", None)
        response.set_header("content-type", "application/json")
        response.body = b"[]"


@on_response("http.media-type-parameters")
def media_type_parameters(response: Response) -> None:
    content_type = response.header("content-type")
    if content_type == "application/json":
        response.set_header("content-type", 'Application/JSON; charset="utf-8"')
    elif content_type == "text/event-stream; charset=utf-8":
        response.set_header("content-type", "Text/Event-Stream;charset=UTF-8")


@on_event("time.of-the-request", of="RunContent")
def said_when_the_run_began(event: Event, state: FaultState) -> Iterable[Event]:
    if event["event"] == "RunStarted":
        state.notes["began"] = event["created_at"]
    if event["event"] != "RunContent":
        return [event]
    return [{**event, "created_at": state.notes.get("began", event["created_at"])}]
