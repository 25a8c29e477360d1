"""UUIDs from a seeded generator."""

from __future__ import annotations

import random

# The first digit of a UUID's variant (RFC 9562 section 4.1), for any random one.
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class Ids:
    """UUIDs, of version 4 in form, from a seeded generator."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def __call__(self) -> str:
        digits = f"{self._source.getrandbits(128):032x}"
        variant = _VARIANTS[digits[16]]
        return (
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
        )

    def draw(self) -> float:
        """A number of [0, 1) from the same generator."""
        return self._source.random()
