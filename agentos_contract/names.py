"""Names that are not known: which of the known ones was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like another one; None where none is like it (difflib)."""
    return next(iter(difflib.get_close_matches(name, list(known), 1)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'NAME'?`; empty where no known name is like it."""
    near = nearest(name, known)
    return "" if near is None else f"; did you mean {near!r}?"
