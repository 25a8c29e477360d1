"""Takes secrets out of texts: a server may have echoed one, in any form that it was sent in."""

from __future__ import annotations

import base64
import html
import json
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, quote_plus

from contract_tests.target.curl import TOKEN_IN_SHELL

LONG = 8
"""A token of so many characters is a secret still where one is missing."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What may stand nowhere."""

    token: str | None = None
    others: tuple[tuple[str, str], ...] = ()
    """Texts, and what stands instead: values of headers, a proxy's password."""


def redact(text: str, secrets: Secrets) -> str:
    """`text` with shell variables for secrets: `$AGENTOS_TOKEN` for the token."""
    for form in _forms(secrets.token) if secrets.token else ():
        text = text.replace(form, TOKEN_IN_SHELL)
    for secret, shown in secrets.others:
        for form in _quoted((secret,)):
            text = text.replace(form, shown)
    return text


@lru_cache
def _forms(token: str) -> tuple[str, ...]:
    """The token as probes send it (checks/authentication.py), and as texts quote that."""
    sent = [token, base64.b64encode(f"user:{token}".encode()).decode("ascii")]
    if len(token) >= LONG:
        sent += [token.swapcase(), token[:-1]]
    return _quoted(tuple(sent))


@lru_cache
def _quoted(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Texts as others quote them, the longest first."""
    quoted = {
        form
        for one in texts
        for form in (
            one,
            quote(one, safe=""),
            quote_plus(one),
            json.dumps(one)[1:-1],
            html.escape(one),
            repr(one)[1:-1],
        )
    }
    return tuple(sorted(quoted, key=len, reverse=True))
