"""A short soak (`make soak` has an hour): what clients leave behind is gone again."""

from __future__ import annotations

from collections import Counter

from benchmarks.soak import more, soak


def test_nothing_is_left_of_what_clients_did() -> None:
    rounds = list(soak(2))
    left = [left for left, _ in rounds]
    assert more(left[-1], left[0]) == []
    assert left[-1].runs == 0
    asked = sum((asked for _, asked in rounds), Counter[str]())
    assert len(asked) == 8, "each kind of client had its turn"
