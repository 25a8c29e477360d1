"""Names that are not known: which of the known ones was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The known name that begins with another one, or is most like it; None where none is as like
    it as that (difflib)."""
    names = list(known)
    begun = [one for one in names if len(name) > 2 and one.startswith(name)]
    if begun:
        return min(begun, key=len)
    return next(iter(difflib.get_close_matches(name, names, 1, likeness)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'NAME'?`; empty where no known name is like it."""
    near = nearest(name, known)
    return "" if near is None else f"; did you mean {near!r}?"
