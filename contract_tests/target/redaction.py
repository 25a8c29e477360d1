"""Takes the token out of texts: a server may have echoed it, in any form that it was sent in."""

from __future__ import annotations

import base64
import html
import json
from functools import lru_cache
from urllib.parse import quote, quote_plus

from contract_tests.target.curl import TOKEN_IN_SHELL

LONG = 8
"""A token of so many characters is a secret still where one is missing."""


def redact(text: str, token: str | None) -> str:
    """`text` with `$AGENTOS_TOKEN` for the token."""
    for form in _forms(token) if token else ():
        text = text.replace(form, TOKEN_IN_SHELL)
    return text


@lru_cache
def _forms(token: str) -> tuple[str, ...]:
    """The token as probes send it (checks/authentication.py), and as texts quote that."""
    sent = [token, base64.b64encode(f"user:{token}".encode()).decode("ascii")]
    if len(token) >= LONG:
        sent += [token.swapcase(), token[:-1]]
    quoted = {
        form
        for one in sent
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
