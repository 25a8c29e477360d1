"""Content codings of HTTP (RFC 9110 section 8.4.1), undone within a limit.

Seven kilobytes of gzip within gzip become four gigabytes: what each coding gives is counted as it
comes out, a piece at a time, and nothing more is undone once it is too much.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

PIECE = 65_536
"""Bytes that are undone at a time, of each coding."""

MAX_CODINGS = 5
"""Codings within each other; curl takes as many."""

_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class CodingError(ValueError):
    """A content coding cannot be undone; str() says why, in words that go on after "it is"."""


class TooMuch(Exception):
    """A coding gives more than is read."""


class ContentDecoder:
    """Undoes the codings of one message, as its Content-Encoding header names them."""

    def __init__(self, header: str, limit: int) -> None:
        """`limit`: bytes that each coding may give. Raises CodingError."""
        named = [name.strip().lower() for name in header.split(",")]
        codings = [name for name in named if name not in ("", "identity")]
        if len(codings) > MAX_CODINGS:
            raise CodingError(
                f"encoded {len(codings)} times over; at most {MAX_CODINGS} are undone"
            )
        for name in codings:
            if name not in _WINDOW:
                raise CodingError(f"encoded as {name[:40]}, which was not asked for")
        self._layers = [_Inflater(name, limit) for name in reversed(codings)]

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """What a chunk of the message gives, in pieces. Raises CodingError, TooMuch."""
        pieces: Iterable[bytes] = (chunk,)
        for layer in self._layers:
            pieces = layer.undo(pieces)
        return iter(pieces)


class _Inflater:
    """One coding. What comes after its end is taken for another member of gzip (RFC 1952 section
    2.2), and ignored where it is none."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._left = limit
        self._head = b""
        """What came before it was known what follows."""
        self._inflate: zlib._Decompress | None = None
        self._has_ended = False
        """Whether a member has."""

    def undo(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            data = chunk
            while data:
                if self._inflate is None:
                    data = self._begin(data)
                    if self._inflate is None:
                        break
                piece, data = self._next(self._inflate, data)
                self._left -= len(piece)
                if self._left < 0:
                    raise TooMuch
                yield piece

    def _begin(self, data: bytes) -> bytes:
        """Begin a member, once there is enough to tell what it is; what there is of it."""
        data = self._head + data
        if self._has_ended and (self._name == "deflate" or not data.startswith(b"\x1f")):
            return b""
        if len(data) < 2:
            self._head = data
            return b""
        self._head = b""
        window = _WINDOW[self._name]
        if self._name == "deflate" and (data[0] & 15 != 8 or int.from_bytes(data[:2]) % 31):
            window = -zlib.MAX_WBITS  # many servers send it without the header of zlib's format
        self._inflate = zlib.decompressobj(window)
        return data

    def _next(self, inflate: zlib._Decompress, data: bytes) -> tuple[bytes, bytes]:
        """A piece of what `data` gives, and what is left of `data`."""
        try:
            piece = inflate.decompress(data, PIECE)
            if len(piece) == PIECE and not inflate.unconsumed_tail:
                piece += inflate.decompress(b"", PIECE)  # what is left of its last copy
        except zlib.error as error:
            raise CodingError(f"not {self._name}, as its Content-Encoding says: {error}") from None
        if not inflate.eof:
            return piece, inflate.unconsumed_tail
        self._inflate, self._has_ended = None, True
        return piece, inflate.unused_data
