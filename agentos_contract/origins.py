"""Origins as browsers send them in `Origin` (RFC 6454, section 6.2)."""

from __future__ import annotations

from urllib.parse import urlsplit

import click

DEFAULT_PORTS = {"http": 80, "https": 443}
"""Those that browsers leave out."""

EXPECTED = (
    "expected a scheme, a host and a port where it is another than the scheme's, such as "
    "http://localhost:5173"
)


def origin_of(text: str) -> str:
    """What a browser sends for a page of this origin: in small letters, the host in ASCII, without
    the scheme's own port. Raises ValueError, whose text says what would be right."""
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except ValueError as error:  # of an IPv6 address, a port or a host's letters
        raise ValueError(f"{text!r} is no origin: {error}; {EXPECTED}") from error
    is_more = parts.path not in ("", "/") or parts.query or parts.fragment or parts.username
    if not parts.scheme or not host or is_more or any(map(str.isspace, text)):
        raise ValueError(f"{text!r} is no origin; {EXPECTED}")
    shown = f"[{host}]" if ":" in host else host
    has_own = port is None or port == DEFAULT_PORTS.get(parts.scheme)
    return f"{parts.scheme}://{shown}" if has_own else f"{parts.scheme}://{shown}:{port}"


class OriginParam(click.ParamType[str]):
    """A command's option that is an origin."""

    name = "origin"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        try:
            return origin_of(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
