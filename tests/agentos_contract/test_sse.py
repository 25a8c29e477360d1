"""Server-sent events, line by line of the HTML standard, section 9.2.6."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_contract import sse
from agentos_contract.sse import (
    MAX_RETRY,
    EventStreamDecoder,
    ServerSentEvent,
    encode_comment,
    encode_event,
    encode_json_event,
    json_of_event,
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


@pytest.mark.parametrize(
    "tail",
    [
        b": a comment",
        b": a comment\n",
        b"event: a",
        b"event: a\n",
        b"id: 7\n",
        b"retry: 5",
        b"x",
        b"\r",
    ],
)
def test_nothing_is_lost_without_data(tail: bytes) -> None:
    decoder = EventStreamDecoder()
    assert decoder.feed(b"data: x\n\n" + tail) == [event("message", "x")]
    assert decoder.end() == []
    assert not decoder.incomplete


@pytest.mark.parametrize("tail", [b"d", b"data", b"data:", b"event: a\nda", b"data\n"])
def test_what_was_begun_of_data_is_lost(tail: bytes) -> None:
    decoder = EventStreamDecoder()
    decoder.feed(b"data: x\n\n" + tail)
    decoder.end()
    assert decoder.incomplete


@pytest.mark.parametrize(
    ("digits", "milliseconds"),
    [("9" * 4301, MAX_RETRY), ("0" * 5000 + "12", 12), ("0" * 9, 0), ("9" * 15, 10**15 - 1)],
)
def test_a_reconnection_time_may_have_any_number_of_digits(digits: str, milliseconds: int) -> None:
    assert decode(b"retry: %b\ndata: x\n\n" % digits.encode()) == [
        event("message", "x", "", milliseconds)
    ]


@pytest.mark.parametrize("retry", ["", "-1", "+1", "1_000", "\u0661", "\u00b2"])
def test_only_ascii_digits_are_a_reconnection_time(retry: str) -> None:
    assert decode(f"retry: {retry}\ndata: x\n\n".encode()) == [event("message", "x")]


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


def naive(data: bytes) -> tuple[list[ServerSentEvent], bool, int, set[str]]:
    """Section 9.2.6 to the letter, of a stream that is there as a whole: its events, whether one is
    lost, how many comments it has, and the fields that are none."""
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    *lines, unfinished = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    events, comments, unknown = [], 0, set()
    event_type, buffer, last_id, retry = "", "", "", None
    for line in lines:
        if line == "":
            if buffer:
                name = event_type or "message"
                events.append(ServerSentEvent(name, buffer[:-1], last_id, retry))
            event_type, buffer, retry = "", "", None
            continue
        if line.startswith(":"):
            comments += 1
            continue
        field, _, value = line.partition(":")
        value = value[1:] if value[:1] == " " else value
        if field == "event":
            event_type = value
        elif field == "data":
            buffer += value + "\n"
        elif field == "id":
            last_id = last_id if "\0" in value else value
        elif field == "retry":
            if value and all(letter in "0123456789" for letter in value):
                retry = min(int(value), MAX_RETRY)
        else:
            unknown.add(field)
    begun = unfinished.partition(":")[0]
    return events, bool(buffer or begun in ("d", "da", "dat", "data")), comments, unknown


LINES = st.sampled_from(
    [
        "event: a",
        "data: x",
        "data: \u2603\U0001f600",
        "data",
        "id: 1",
        "id: a\0b",
        "id",
        "retry: 5",
        "retry: x",
        ": c",
        ":",
        "\ufeffdata: y",
        "",
        "",
        "x",
    ]
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\r"]))).map(
    lambda lines: "".join(line + end for line, end in lines).encode()
)


ODD_BYTES = st.sampled_from(
    [
        b"\xff",
        b"\xe2\x98",
        b"\xed\xa0\x80",
        b"\xf0\x80",
        b"\xef\xbb\xbf",
        b"\xef\xbf\xbd",
        b"\0",
        b"\r",
    ]
)
MIXED = st.lists(STREAMS | ODD_BYTES | st.binary(max_size=5), max_size=8).map(b"".join)


@given(data=MIXED, cuts=st.lists(st.integers(0, 400)) | st.just(list(range(400))))
def test_wherever_it_is_cut_a_stream_is_what_the_standard_says(
    data: bytes, cuts: list[int]
) -> None:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    decoder = EventStreamDecoder()
    events = []
    for start, end in itertools.pairwise(places):
        events += decoder.feed(data[start:end])
    assert decoder.end() == []
    found = events, decoder.incomplete, decoder.comments, decoder.unknown_fields
    assert found == naive(data)
    try:
        data.decode()
    except UnicodeDecodeError:
        assert decoder.invalid_utf8
    else:
        assert not decoder.invalid_utf8


@pytest.mark.parametrize("piece", [1, 1024, 65536])
def test_every_byte_is_searched_for_a_line_end_once(
    piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long a line is, and in however many pieces it comes."""
    searched: list[int] = []

    class Counting:
        def split(self, text: str) -> list[str]:
            searched.append(len(text))
            return text.split("\n")

    monkeypatch.setattr(sse, "_LINE_END", Counting())
    decoder = EventStreamDecoder()
    data = b"data: " + b"x" * 2**18 + b"\n\n"
    events = []
    for start in range(0, len(data), piece):
        events += decoder.feed(data[start : start + piece])
    assert [len(one.data) for one in events] == [2**18]
    assert sum(searched) == len(data)


TYPES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1)


@given(name=TYPES, data=st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_encoded_is_decoded(name: str, data: str) -> None:
    assert decode(encode_comment("c") + encode_event(name, data)) == [
        event(name, data.replace("\r\n", "\n").replace("\r", "\n"))
    ]


def test_json_goes_out_in_one_line() -> None:
    block = encode_json_event("A", b'{"a":1}')
    assert block == encode_event("A", '{"a":1}')
    assert json_of_event(block) == b'{"a":1}'


def test_an_event_type_holds_no_line_end() -> None:
    with pytest.raises(ValueError, match="line end"):
        encode_event("a\nb", "x")
