"""Which pages may read the answers: Starlette's CORS, outermost, by the request's deviations."""

from __future__ import annotations

from functools import cache

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mockserver.http.deviating import deviations_of

AGNO_ORIGINS = (
    "http://localhost:3000",
    "https://agno.com",
    "https://www.agno.com",
    "https://app.agno.com",
    "https://os-stg.agno.com",
    "https://os.agno.com",
)
"""The origins that Agno allows where it is told none (`agno.os.utils.resolve_origins`)."""

_UNREADABLE_KEY = "mockserver.http.cors.unreadable"
_SEND_KEY = "mockserver.http.cors.send"


def make_unreadable(scope: Scope) -> None:
    """Have the answer to this request go out without CORS headers."""
    scope[_UNREADABLE_KEY] = True


class Cors:
    """Lets every page read, or with `cors.*` those that Agno lets.

    It is outermost, so that a preflight is answered before anybody asks for a token, and an error
    can be read by the page that caused it.
    """

    def __init__(self, application: ASGIApp) -> None:
        self._application = application
        self._policy = cache(self._make_policy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        deviations = deviations_of(scope)
        scope[_SEND_KEY] = send
        policy = self._policy("cors.agno-origins" in deviations, "cors.expose-star" in deviations)
        await policy(scope, receive, send)

    def _make_policy(self, agno_origins: bool, expose_star: bool) -> CORSMiddleware:
        return CORSMiddleware(
            self._readable,
            allow_origins=AGNO_ORIGINS if agno_origins else (),
            allow_origin_regex=None if agno_origins else ".*",
            allow_credentials=True,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["*"] if expose_star else ["WWW-Authenticate", "Allow"],
        )

    async def _readable(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def choose(message: Message) -> None:
            await (scope[_SEND_KEY] if _UNREADABLE_KEY in scope else send)(message)

        await self._application(scope, receive, choose)
