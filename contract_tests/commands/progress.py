"""What is being done, while it takes long: on a terminal in one line, in a log now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

from agentos_contract.output import escaped
from contract_tests.reports.terminal import say
from contract_tests.running.forecast import amount

QUIET = 30.0
"""Seconds after which a log gets a line."""

LONG = 60.0
"""Seconds that are worth a word."""


class Progress:
    """Says what is being done, and since when."""

    def __init__(self, console: Console, quiet: float = QUIET) -> None:
        self._console = console
        self._quiet = quiet
        self._check = self._now = ""
        self._began = time.monotonic()
        self._over_at: float | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show it until the block ends."""
        is_over = threading.Event()
        show = self._on_terminal if self._console.is_terminal else self._in_log
        # A thread, as the tests wait for the server meanwhile.
        thread = threading.Thread(target=show, args=(is_over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def checking(self, name: str, position: int, count: int) -> None:
        """A check begins, the one after `position` others of `count`."""
        self._check = f"{position + 1}/{count} {name.replace('_', ' ')}"
        self._say(self._check)

    def doing(self, text: str) -> None:
        """What it does now."""
        self._say(f"{self._check}: {text}")

    def expect(self, seconds: float) -> None:
        """All will be over in so many seconds."""
        self._over_at = time.monotonic() + seconds

    def _say(self, text: str) -> None:
        self._now, self._began = text, time.monotonic()

    def _text(self) -> str:
        seconds = time.monotonic() - self._began
        since = f", for {seconds:.0f} s" if seconds >= 1 else ""
        left = self._over_at - time.monotonic() if self._over_at is not None else 0
        more = f" (some {amount(left)} left)" if left >= LONG else ""
        return f"{self._now or 'looking for workflows'}{since}{more}"

    def _on_terminal(self, is_over: threading.Event) -> None:
        with self._console.status(self._text()) as spinner:
            while not is_over.wait(0.2):
                spinner.update(escape(escaped(self._text())))

    def _in_log(self, is_over: threading.Event) -> None:
        started = time.monotonic()
        while not is_over.wait(self._quiet):
            say(self._console, f"{time.monotonic() - started:.0f} s: {self._text()}")
