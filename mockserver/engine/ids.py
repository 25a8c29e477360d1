"""UUIDs from a seeded generator."""

from __future__ import annotations

import random

# Of a UUID's 128 bits those of its version, 4, and its variant, 10 (RFC 9562 section 5.4).
_FIXED = (0b1111 << 76) | (0b11 << 62)
_VALUES = (0b0100 << 76) | (0b10 << 62)


class Ids:
    """UUIDs, of version 4 in form, from a seeded generator."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def __call__(self) -> str:
        bits = self._source.getrandbits(128) & ~_FIXED | _VALUES
        digits = bits.to_bytes(16).hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def draw(self) -> float:
        """A number of [0, 1) from the same generator."""
        return self._source.random()
