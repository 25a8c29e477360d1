"""Who may use the control API.

With a token whoever has it (Connexion asks for it). Without one only who names this machine by a
loopback name: a page that has its own name resolve to this machine (DNS rebinding) names another.
A page of another origin only where `--allow-origin` names that.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from mockserver.http.errors import ApiError


def check(scope: Scope, *, has_token: bool, allow_origins: Collection[str]) -> None:
    """Raises ApiError(403) for a request that is not let in, whatever its token."""
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if not has_token and not is_loopback(host_name(host)):
        raise ApiError(
            403,
            f"the control API is not to be had by the name {host!r}",
            hint="expected localhost or a loopback address, or a mock that asks for a token: "
            "serve --token",
        )
    origin = headers.get("origin")
    if origin is None or origin in allow_origins or _is_own(origin, scope, host):
        return
    raise ApiError(
        403,
        f"pages of {origin} may not use the control API",
        hint=f"serve --allow-origin {origin} lets them",
    )


def host_name(host: str) -> str:
    """A Host header, or an address to listen on, without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_loopback(name: str) -> bool:
    """Whether a name or an address stands for this machine, to itself alone."""
    name = name.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_own(origin: str, scope: Scope, host: str) -> bool:
    return origin.lower() == f"{scope.get('scheme', 'http')}://{host}".lower()
