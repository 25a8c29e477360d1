"""Tells a gateway's answer from the server's: what stands before a server is not judged.

A redirect, and a status with which gateways speak of themselves, is a gateway's unless the body is
an error as servers of this API write them (JSON with `detail`). A page of HTML may be either's: it
is a gateway's where everybody gets it, whatever was asked (client.py sees to that).
"""

from __future__ import annotations

import email.utils
import html
import re
import time

from agentos_contract.json_values import parse_object
from contract_tests.target.exchange import Exchange

STATUSES = frozenset({413, 429, 502, 503, 504})
"""Too large, too often, and nobody behind: none of them is in the document."""

WAITED_FOR = frozenset({429, 503})
"""Statuses that ask to come again (RFC 6585 section 4, RFC 9110 section 15.6.4)."""

LONGEST_WAIT = 10.0
"""Seconds of a Retry-After that is waited for."""

# Nothing in them is tried twice: a server chooses what they are tried on.
_PAGE = re.compile(
    rb"\xef?\xbb?\xbf?\s*+(?:<!--(?>.*?-->)\s*+)*+<(?:!doctype\s++html|html)\b", re.I | re.S
)
_TITLE = re.compile(rb"<title[^<>]*+>([^<]*+)</title>", re.I)
_MAX_TITLE = 60


def is_page(exchange: Exchange) -> bool:
    """Whether a page of HTML came, whatever its media type says."""
    return _PAGE.match(exchange.body[:4096]) is not None


def is_gateways(exchange: Exchange) -> bool:
    """Whether an answer is a gateway's by its status."""
    status = exchange.status
    if status is None or not (300 <= status < 400 or status in STATUSES):
        return False
    return status < 400 or "detail" not in (parse_object(exchange.body) or {})


def wait_of(exchange: Exchange) -> float | None:
    """Seconds after which to come again, where the answer says so and that is soon."""
    said = exchange.headers.get("retry-after", "").strip()
    if exchange.status not in WAITED_FOR or not said:
        return None
    if said.isascii() and said.isdigit():
        seconds = float(said[:9])
    else:
        try:
            seconds = email.utils.parsedate_to_datetime(said).timestamp() - time.time()
        except ValueError:
            return None
    return max(0.0, seconds) if seconds <= LONGEST_WAIT else None


def describe(exchange: Exchange) -> str:
    """What came, and whose it seems to be."""
    came = f"{exchange.status} {exchange.reason}".strip()
    if (location := exchange.headers.get("location")) is not None:
        came += f" to {location}"
    if is_page(exchange):
        title = _TITLE.search(exchange.body[:65536])
        text = " ".join(html.unescape(title[1].decode("utf-8", "replace")).split()) if title else ""
        came += f" and an HTML page{f' {text[:_MAX_TITLE]!r}' if text else ''}"
    named = [
        f"{name}: {exchange.headers[name]}"
        for name in ("Server", "Via", "Retry-After")
        if name in exchange.headers
    ]
    whose = ", ".join(named) or "it does not say whose"
    return f"could not be decided: {came}, which seems to be a gateway's ({whose})"
