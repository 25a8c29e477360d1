"""Ids that only these tests use."""

from __future__ import annotations

import random


def session_prefix(seed: int) -> str:
    """How the ids of sessions begin that generated forms of a run of the tests name."""
    return f"contract-tests-{seed:x}-"


class OwnIds:
    """Makes ids that nobody else has, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def fresh(self, kind: str) -> str:
        """A new id: `contract-tests-KIND-…`."""
        return f"contract-tests-{kind}-{self._random.getrandbits(48):012x}"
