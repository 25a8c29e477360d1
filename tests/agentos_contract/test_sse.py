"""Server-sent events, line by line of the HTML standard, section 9.2.6."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_contract.sse import (
    EventStreamDecoder,
    ServerSentEvent,
    encode_comment,
    encode_event,
    encode_json_event,
)


def decode(data: bytes) -> list[ServerSentEvent]:
    decoder = EventStreamDecoder()
    return decoder.feed(data) + decoder.end()


def event(event: str, data: str, last_event_id: str = "", retry: int | None = None) -> object:
    return ServerSentEvent(event, data, last_event_id, retry)


X7 = event("message", "x", "7")


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (b"", []),
        (b"event: a\ndata: x\n\n", [event("a", "x")]),
        (b"data: x\n\n", [event("message", "x")]),
        (b"data:x\n\n", [event("message", "x")]),
        (b"data:  x\n\n", [event("message", " x")]),
        (b"data\n\n", [event("message", "")]),
        (b"data:\n\n", [event("message", "")]),
        (b"data: a\ndata: b\ndata\n\n", [event("message", "a\nb\n")]),
        (b"data: x\r\n\r\n", [event("message", "x")]),
        (b"data: x\r\r", [event("message", "x")]),
        (b"data: a\rdata: b\ndata: c\r\n\r\n", [event("message", "a\nb\nc")]),
        (b"event: a\n\ndata: x\n\n", [event("message", "x")]),
        (b": comment\n\ndata: x\n\n", [event("message", "x")]),
        (b"\n\n\n", []),
        (b"id: 7\ndata: x\n\ndata: y\n\n", [X7, event("message", "y", "7")]),
        (b"id: 7\ndata: x\n\nid\ndata: y\n\n", [X7, event("message", "y")]),
        (b"id: a\0b\ndata: x\n\n", [event("message", "x")]),
        (b"retry: 10\ndata: x\n\n", [event("message", "x", "", 10)]),
        (b"retry: 1.5\ndata: x\n\n", [event("message", "x")]),
        (b"nonsense: 1\ndata: x\n\n", [event("message", "x")]),
        (b"\xef\xbb\xbfdata: x\n\n", [event("message", "x")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\n", []),
        (b"data: \xe2\x98\x83\xe2\x80\xa8\n\n", [event("message", "\u2603\u2028")]),
        (b"data: x: y\n\n", [event("message", "x: y")]),
    ],
)  # fmt: skip
def test_a_stream_is_read_as_the_standard_says(data: bytes, events: list[object]) -> None:
    assert decode(data) == events


@pytest.mark.parametrize("tail", [b"data: lost", b"data: lost\n", b"event: a\ndata: lost\r\n"])
def test_an_event_without_its_blank_line_is_lost(tail: bytes) -> None:
    decoder = EventStreamDecoder()
    assert decoder.feed(b"data: x\n\n" + tail) == [event("message", "x")]
    assert decoder.end() == []
    assert decoder.incomplete


def test_an_event_whose_lines_end_with_cr_is_there_at_once() -> None:
    decoder = EventStreamDecoder()
    assert decoder.feed(b"data: x\r\r") == [event("message", "x")]
    assert decoder.feed(b"\ndata: y\r\n\r") == [event("message", "y")]
    assert decoder.feed(b"\n") == decoder.end() == []


def test_what_is_no_utf8_is_replaced_and_noted() -> None:
    decoder = EventStreamDecoder()
    assert decoder.feed(b"data: \xff\n\n") == [event("message", "\ufffd")]
    assert decoder.invalid_utf8
    cut = EventStreamDecoder()
    cut.feed(b"data: x\n\ndata: \xe2\x98")
    cut.end()
    assert cut.invalid_utf8


def test_comments_and_unknown_fields_are_counted() -> None:
    decoder = EventStreamDecoder()
    decoder.feed(b": a\n:\nnonsense\ndata: x\n\n")
    assert decoder.comments == 2
    assert decoder.unknown_fields == {"nonsense"}


LINES = st.sampled_from(
    [
        "event: a",
        "data: x",
        "data: \u2603\U0001f600",
        "data",
        "id: 1",
        "retry: 5",
        ": c",
        "",
        "",
        "x",
    ]
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\r"]))).map(
    lambda lines: "".join(line + end for line, end in lines).encode()
)


@given(data=STREAMS | st.binary(), cuts=st.lists(st.integers(0, 400)))
def test_wherever_chunks_are_cut_the_events_are_the_same(data: bytes, cuts: list[int]) -> None:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    decoder = EventStreamDecoder()
    events = []
    for start, end in itertools.pairwise(places):
        events += decoder.feed(data[start:end])
    events += decoder.end()
    assert events == decode(data)


TYPES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1)


@given(name=TYPES, data=st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_encoded_is_decoded(name: str, data: str) -> None:
    assert decode(encode_comment("c") + encode_event(name, data)) == [
        event(name, data.replace("\r\n", "\n").replace("\r", "\n"))
    ]


def test_json_goes_out_in_one_line() -> None:
    assert encode_json_event("A", b'{"a":1}') == encode_event("A", '{"a":1}')


def test_an_event_type_holds_no_line_end() -> None:
    with pytest.raises(ValueError, match="line end"):
        encode_event("a\nb", "x")
