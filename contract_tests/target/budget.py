"""What all exchanges together may take: runs that are started, time-outs that are put up with,
bytes that come back."""

from __future__ import annotations

import threading
import time
from urllib.parse import parse_qsl

from contract_tests.target.body import values_in
from contract_tests.target.exchange import NOT_SENT, TIMEOUTS, Exchange, Request

MAX_TIMEOUTS = 3
"""After so many exchanges that ran into a limit no more runs are started."""

MAX_KEPT = 512 * 1024 * 1024
"""Bytes of memory that all answers may take: beyond that no more runs are started, as all are kept
until the report is written."""

VALUE = 64
"""Bytes of memory that a value of JSON takes, beside its text."""

LEAST_RECEIVED = 64 * 1024
"""Bytes that an answer may have then: enough to say what it is."""

LEAST_SECONDS = 5.0
"""Once an answer ran into a time-out, others are waited for a quarter as long, or so long."""


class NoMoreRuns(Exception):
    """A request that could start a run was not sent; str() says why."""


class RunBudget:
    """How many runs may be started: those that are answered with 200 or not at all, and those of a
    form that is likely to be valid that are answered with a server error."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.reserved = 0
        """How many of them are kept for what comes later."""
        self._seconds = self._until = float("inf")
        self.started = 0
        self.timeouts = 0
        self.kept = 0
        self._pending = 0
        self._lock = threading.Lock()

    @property
    def left(self) -> int:
        return self.limit - self.started

    def end_after(self, seconds: float) -> None:
        """Begin nothing new once so many seconds have passed from now on."""
        self._seconds, self._until = seconds, time.monotonic() + seconds

    @property
    def seconds_left(self) -> float | None:
        """After which nothing new is begun; None: no such time was said."""
        left = self._until - time.monotonic()
        return None if left == float("inf") else max(0.0, left)

    def why_over(self) -> str | None:
        """Why nothing new may be begun; None: it may."""
        if time.monotonic() < self._until:
            return None
        return f"its time was over ({self._seconds:g} s; --time-budget allows more)"

    def timeout(self, seconds: float) -> float:
        """How long to wait for what may take so many seconds: less once something ran into that."""
        return min(seconds, max(LEAST_SECONDS, seconds / 4)) if self.timeouts else seconds

    def bytes_of_one(self, size: int) -> int:
        """How many an answer may have that may have so many by itself."""
        return max(min(size, MAX_KEPT - self.kept), min(size, LEAST_RECEIVED))

    def renew(self) -> None:
        """What came until now is no longer kept, and counts no more."""
        self.timeouts = self.kept = 0

    def reserve(self) -> None:
        """Before a request that could start a run. Raises NoMoreRuns."""
        with self._lock:
            if (reason := self.why_over()) is not None:
                raise NoMoreRuns(reason)
            if self.kept >= MAX_KEPT:
                raise NoMoreRuns(f"all answers together took {self.kept >> 20} MiB of memory")
            if self.timeouts >= MAX_TIMEOUTS:
                raise NoMoreRuns(f"{self.timeouts} answers ran into a time-out or size limit")
            taken = self.started + self._pending
            if taken >= self.limit:
                raise NoMoreRuns(f"all {self.limit} runs of the plan had been started (--max-runs)")
            if taken >= self.limit - self.reserved:
                kept = f"the other {self.limit - taken} runs of the plan are other checks'"
                raise NoMoreRuns(f"{kept} (--max-runs)")
            self._pending += 1

    def settle(self, exchange: Exchange, *, counted: bool) -> None:
        """After any request; `counted` says whether it was reserved."""
        status = exchange.status
        may_have_run = status == 200 or (
            _looks_valid(exchange.request) and status >= 500
            if status is not None
            else exchange.error not in NOT_SENT
        )
        with self._lock:
            if counted:
                self._pending -= 1
                self.started += may_have_run
            self.kept += len(exchange.received) + VALUE * values_in(exchange.received)
            if exchange.error in TIMEOUTS:
                self.timeouts += 1


def _is_utf8(form: bytes) -> bool:
    try:
        parse_qsl(form.decode(), errors="strict")
    except ValueError:
        return False
    return True


def _looks_valid(request: Request) -> bool:
    """Whether its form may well be valid: a server error is then a run's that failed. Wrong forms
    that a server stumbles over are no runs, and there are many of them."""
    return (
        request.is_form
        and _is_utf8(request.content or b"")
        and request.field("message") is not None
        and request.field("stream") in (None, "true", "false")
        and (request.field("version") or "null") in ("null", "0", "1")
    )
