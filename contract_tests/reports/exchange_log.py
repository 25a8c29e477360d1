"""Every exchange of a run of the tests as an HTTP Archive (HAR 1.2), which browsers' network panels
and most HTTP tools open. No secret is in it."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import harfile

from agentos_contract import __version__
from agentos_contract.connection import below
from contract_tests.checks.registry import Check
from contract_tests.running.run import Listener, Options
from contract_tests.target.exchange import Exchange
from contract_tests.target.problems import CouldNotRun
from contract_tests.target.redaction import Secrets, redact

SECRET_HEADERS = frozenset({"set-cookie", "cookie", "proxy-authorization"})


@contextmanager
def logging_to(file: Path | None, options: Options, listener: Listener) -> Iterator[Listener]:
    """A listener that writes each exchange to `file` as well; the same one where there is none.

    The archive is whole whatever happens within. Raises CouldNotRun.
    """
    if file is None:
        yield listener
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        log = _ExchangeLog(file, options.url, options.secrets)
    except OSError as error:
        raise CouldNotRun(f"the log could not be written: {error}") from error
    try:
        yield log.beside(listener)
    finally:
        log.close()


class _ExchangeLog:
    def __init__(self, file: Path, url: str, secrets: Secrets) -> None:
        self._url = url.rstrip("/")
        self._secrets = secrets
        creator = harfile.Creator(name="contract-tests", version=__version__)
        self._file = file.open("w", encoding="utf-8")
        self._har = harfile.HarFile(self._file, creator=creator)
        self._check = "discovery"
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            self._har.close()
            self._file.close()

    def beside(self, listener: Listener) -> Listener:
        def checking(check: Check, position: int, count: int) -> None:
            self._check = check.name
            listener.checking(check, position, count)

        def exchanged(exchange: Exchange) -> None:
            self._add(exchange)
            listener.exchanged(exchange)

        return replace(listener, checking=checking, exchanged=exchanged)

    def _add(self, exchange: Exchange) -> None:
        started = datetime.now(UTC) - timedelta(seconds=exchange.seconds)
        first = exchange.events[0][0] if exchange.events else exchange.seconds
        comment = "; ".join(text for text in (self._check, exchange.error_message) if text)
        with self._lock:
            if self._file.closed:  # what was broken off at the end
                return
            self._har.add_entry(
                startedDateTime=started,
                time=round(1000 * exchange.seconds, 3),
                request=self._request(exchange),
                response=self._response(exchange),
                timings=harfile.Timings(
                    send=0,
                    wait=round(1000 * first, 3),
                    receive=round(1000 * (exchange.seconds - first), 3),
                ),
                comment=self._clean(comment),
            )

    def _request(self, exchange: Exchange) -> harfile.Request:
        request = exchange.request
        body = request.body
        data = None
        if body is not None:
            text = self._clean(body.decode("latin-1"))
            data = harfile.PostData(mimeType=request.body_type or "", text=text)
        return harfile.Request(
            method=request.method,
            url=self._clean(below(self._url, request.path)),
            httpVersion="HTTP/1.1",
            headers=self._records(exchange.sent_headers),
            queryString=self._records(parse_qsl(urlsplit(below(self._url, request.path)).query)),
            postData=data,
            bodySize=len(body or b""),
        )

    def _response(self, exchange: Exchange) -> harfile.Response:
        return harfile.Response(
            status=exchange.status or 0,
            statusText=exchange.reason,
            httpVersion="HTTP/1.1",
            headers=self._records(exchange.headers.multi_items()),
            redirectURL=self._clean(exchange.headers.get("location", "")),
            content=self._content(bytes(exchange.received), exchange),
            bodySize=len(exchange.received),
        )

    def _content(self, body: bytes, exchange: Exchange) -> harfile.Content:
        media_type = exchange.headers.get("content-type", "")
        try:
            text, encoding = self._clean(body.decode("utf-8")), None
        except UnicodeDecodeError:
            cleaned = self._clean(body.decode("latin-1")).encode("latin-1")
            text, encoding = base64.b64encode(cleaned).decode("ascii"), "base64"
        return harfile.Content(size=len(body), mimeType=media_type, text=text, encoding=encoding)

    def _records(self, headers: list[tuple[str, str]]) -> list[harfile.Record]:
        return [
            harfile.Record(
                name=name,
                value="…" if name.lower() in SECRET_HEADERS else self._clean(value),
            )
            for name, value in headers
        ]

    def _clean(self, text: str) -> str:
        return redact(text, self._secrets)
