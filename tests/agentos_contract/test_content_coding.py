"""Content codings are undone whatever the pieces, and never beyond the limit."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_contract.content_coding import PIECE, CodingError, ContentDecoder, TooMuch


def raw_deflate(data: bytes) -> bytes:
    compress = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compress.compress(data) + compress.flush()


def two_members(data: bytes) -> bytes:
    return gzip.compress(data[:3]) + gzip.compress(data[3:])


def undone(header: str, data: bytes, step: int, limit: int = 1 << 30) -> bytes:
    decoder = ContentDecoder(header, limit)
    chunks = (data[start : start + step] for start in range(0, len(data), step))
    return b"".join(piece for chunk in chunks for piece in decoder.feed(chunk))


CODED: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    "identity": lambda data: data,
    "GZIP": gzip.compress,
    "x-gzip": two_members,
    "deflate": zlib.compress,
    "identity, deflate": raw_deflate,
    "deflate, gzip": lambda data: gzip.compress(zlib.compress(data)),
}


@pytest.mark.parametrize("header", CODED)
@given(
    data=st.binary(max_size=300) | st.integers(PIECE - 300, PIECE + 300).map(bytes),
    step=st.integers(1, 5) | st.just(10**6),
)
def test_what_was_coded_comes_out(header: str, data: bytes, step: int) -> None:
    step = max(step, len(data) // 1000)
    assert undone(header, CODED[header](data), step) == data


@pytest.mark.parametrize("behind", [b"\0" * 100, b"what is this?"])
def test_what_stands_behind_is_ignored(behind: bytes) -> None:
    for step in (1, 7, 1000):
        assert undone("gzip", gzip.compress(b"x" * 50) + behind, step) == b"x" * 50


@pytest.mark.parametrize("codings", [1, 2, 3])
def test_a_bomb_is_left_at_the_limit(codings: int) -> None:
    data = bytes(50_000_000)
    for _ in range(codings):
        data = gzip.compress(data)
    pieces = ContentDecoder(", ".join(["gzip"] * codings), 1_000_000).feed(data)
    lengths: list[int] = []
    with pytest.raises(TooMuch):
        lengths.extend(map(len, pieces))
    assert sum(lengths) <= 1_000_000
    assert max(lengths) <= 2 * PIECE


def test_what_only_a_coding_within_sees_counts_too() -> None:
    """Empty blocks within gzip: much to undo, and nothing ever comes out."""
    empty = b"\x78\x9c" + b"\x00\x00\x00\xff\xff" * 1_000_000
    with pytest.raises(TooMuch):
        list(ContentDecoder("deflate, gzip", 1_000_000).feed(gzip.compress(empty)))


@pytest.mark.parametrize(
    ("header", "data", "said"),
    [
        ("br", b"x", "encoded as br, which was not asked for"),
        ("gzip, zstd", b"x", "encoded as zstd"),
        ("gzip", b"no gzip", "not gzip, as its Content-Encoding says"),
        ("deflate", b"\xff\xff", "not deflate, as"),
        (",".join(["gzip"] * 6), b"x", "encoded 6 times over; at most 5 are undone"),
    ],
)
def test_what_cannot_be_undone_is_said(header: str, data: bytes, said: str) -> None:
    with pytest.raises(CodingError, match=said):
        undone(header, data, 1)
