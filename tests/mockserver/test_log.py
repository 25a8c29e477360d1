"""What a caller sent is in the log as it would be written, a record a line."""

from __future__ import annotations

import logging
import sys

from mockserver.server import LogFormat


def test_nothing_of_a_callers_acts() -> None:
    form = LogFormat("%(levelname)s: %(name)s: %(message)s")
    try:
        raise ValueError("\x1b[2J\n::error::a")
    except ValueError:
        error = sys.exc_info()
    record = logging.LogRecord(
        "mock", logging.ERROR, __file__, 1, "asked for %s", ("\x1b[31m\r\n##[error]b",), error
    )
    first, *others = form.format(record).split("\n")
    assert first == r"ERROR: mock: asked for \x1b[31m\r\n\x23#[error]b"
    assert others[0].startswith("Traceback (most recent call last):")
    assert others[-2:] == [r"ValueError: \x1b[2J", r"\x3a:error::a"]
