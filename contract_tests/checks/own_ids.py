"""Ids that only these tests use."""

from __future__ import annotations

import secrets


def session_prefix(seed: int) -> str:
    """How the ids of sessions begin that generated forms of a run of the tests name."""
    return f"contract-tests-{seed:x}-"


class OwnIds:
    """Makes ids that nobody else has, nor an earlier run of the tests of the same seed: a server
    may still have that one's sessions."""

    def fresh(self, kind: str) -> str:
        """A new id: `contract-tests-KIND-…`."""
        return f"contract-tests-{kind}-{secrets.token_hex(6)}"
