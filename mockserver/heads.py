"""A request's head by RFC 9112: what is wrong with it that the parser lets pass.

A proxy and the server behind it must understand the same by what was sent. So what can be taken for
one thing or another, such as two Hosts, is refused.
"""

from __future__ import annotations

import re

import httptools

Headers = list[tuple[bytes, bytes]]
"""Names are in lower case."""

_HOST = re.compile(
    rb"(\[[0-9A-Za-z:.%_~!$&'()*+,;=-]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(:[0-9]*)?", re.ASCII
)
"""RFC 3986 section 3.2.2, with its port."""


class HeadError(Exception):
    """A head that is refused: a status, and what is wrong."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def check_head(method: str, version: str, target: bytes, headers: Headers) -> None:
    """Raises HeadError for what must not be answered otherwise."""
    if version not in ("1.1", "1.0"):
        raise HeadError(505, f"HTTP/{version} is not spoken here; expected HTTP/1.1")
    if method == "CONNECT":
        raise HeadError(501, "CONNECT is for proxies, and this is none")
    if b"#" in target:
        raise HeadError(400, "the request's target has a fragment")
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise HeadError(400, f"there are {len(hosts)} Host headers; expected one")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise HeadError(400, "Host is no host with an optional port")
    for name, value in headers:
        if name == b"transfer-encoding":
            if version == "1.0":
                raise HeadError(400, "HTTP/1.0 has no Transfer-Encoding")
            if value.lower() != b"chunked":
                raise HeadError(501, "Transfer-Encoding can be nothing but chunked here")


def in_origin_form(target: bytes, headers: Headers) -> bytes:
    """A target as a path and query; of one that names a server that one is the Host (section
    3.2.2). Raises HeadError where it is neither."""
    if target.startswith(b"/") or target == b"*":
        return target
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError as error:
        raise HeadError(400, "the request's target is no URL") from error
    if url.schema is None or url.schema.lower() not in (b"http", b"https") or url.userinfo:
        raise HeadError(400, "the request's target is no http: or https: URL")
    host = b"[%s]" % url.host if b":" in url.host else url.host
    if url.port is not None:
        host += b":%d" % url.port
    headers[:] = [*[each for each in headers if each[0] != b"host"], (b"host", host)]
    return (url.path or b"/") + (b"?" + url.query if url.query is not None else b"")
