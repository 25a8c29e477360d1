"""Reads an answer's body, within limits: what comes is undone, counted and taken apart."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from agentos_contract.content_coding import CodingError, ContentDecoder, TooMuch
from agentos_contract.json_values import MAX_VALUES
from agentos_contract.sse import ServerSentEvent
from contract_tests.target.exchange import Exchange, TransferError


def values_in(body: bytes | bytearray) -> int:
    """About how many values it has if it is JSON: each takes far more memory than its bytes."""
    return body.count(b"[") + body.count(b"{") + body.count(b",")


class BodyOver(Exception):
    """No more of it is read; `error` and str() say why."""

    def __init__(self, error: TransferError, message: str) -> None:
        super().__init__(message)
        self.error = error


class BodyReader:
    """Reads one body into its exchange. Every method raises BodyOver."""

    def __init__(self, exchange: Exchange, *, max_bytes: int, max_events: int) -> None:
        """`max_bytes`: as they come, and after each of their content codings."""
        self._exchange = exchange
        self._max_bytes = max_bytes
        self._max_events = max_events
        self._came = self._values = 0
        self._coding: str = exchange.headers.get("content-encoding", "")

    @cached_property
    def _decoder(self) -> ContentDecoder:
        return ContentDecoder(self._coding, self._max_bytes)

    def feed(self, chunk: bytes, arrived: float) -> Iterator[ServerSentEvent]:
        """The events that a chunk completes, which came so many seconds after the request."""
        exchange = self._exchange
        self._came += len(chunk)
        try:
            for piece in self._decoder.feed(chunk):
                exchange.received += piece
                self._values += values_in(piece)
                if len(exchange.received) > self._max_bytes or self._values > MAX_VALUES:
                    raise TooMuch
                events = exchange.decoder.feed(piece) if exchange.decoder is not None else ()
                for event in events:
                    exchange.events.append((arrived, event))
                    yield event
                    if len(exchange.events) > self._max_events:
                        raise TooMuch
            if self._came > self._max_bytes:
                raise TooMuch
        except TooMuch:
            raise BodyOver(TransferError.SIZE, self._too_much(arrived)) from None
        except CodingError as error:
            raise BodyOver(TransferError.MALFORMED, f"the answer is {error}") from None

    def end(self) -> None:
        """Nothing more comes."""
        if self._exchange.decoder is not None:
            self._exchange.decoder.end()
        else:
            self._exchange.body = bytes(self._exchange.received)

    def _too_much(self, arrived: float) -> str:
        exchange = self._exchange
        if not exchange.is_stream:
            exchange.body = bytes(exchange.received)
        coded = f" of {self._came} as they came ({self._coding})" if self._coding else ""
        values = f" and some {MAX_VALUES:,} values" if self._values > MAX_VALUES else ""
        events = f" and {len(exchange.events)} events" if exchange.is_stream else ""
        return (
            f"the answer went on after {len(exchange.received)} bytes{coded}{values}{events}, "
            f"{arrived:.1f} s after the request"
        )
