"""Which pages may read the answers: Starlette's CORS, outermost, by the request's hooks."""

from __future__ import annotations

from functools import cache

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mockserver.http.hooks import hooks_of

_UNREADABLE_KEY = "mockserver.http.cors.unreadable"
_SEND_KEY = "mockserver.http.cors.send"


def make_unreadable(scope: Scope) -> None:
    """Have the answer to this request go out without CORS headers."""
    scope[_UNREADABLE_KEY] = True


class Cors:
    """Lets pages of other origins read, as the request's hooks say.

    It is outermost, so that a preflight is answered before anybody asks for a token, and an error
    can be read by the page that caused it.
    """

    def __init__(self, application: ASGIApp, allow_origins: tuple[str, ...] = ()) -> None:
        """`allow_origins`: pages of these may read whatever the hooks say."""
        self._application = application
        self._allow_origins = allow_origins
        self._policy = cache(self._make_policy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        if all(name != b"origin" for name, _ in scope["headers"]):

            async def varied(message: Message) -> None:
                if message["type"] == "http.response.start" and _UNREADABLE_KEY not in scope:
                    message["headers"] = [*message["headers"], (b"vary", b"Origin")]
                await send(message)

            # As the policy would have it, in a tenth of the steps.
            await self._application(scope, receive, varied)
            return
        hooks = hooks_of(scope)
        scope[_SEND_KEY] = send
        policy = self._policy(hooks.origins, hooks.exposed_headers, hooks.answers_private_network)
        await policy(scope, receive, send)

    def _make_policy(
        self, origins: tuple[str, ...] | None, exposed: tuple[str, ...], private: bool
    ) -> CORSMiddleware:
        return CORSMiddleware(
            self._readable,
            allow_origins=(*(origins or ()), *self._allow_origins),
            allow_origin_regex=".*" if origins is None else None,
            allow_private_network=private,
            allow_credentials=True,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=exposed,
        )

    async def _readable(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def choose(message: Message) -> None:
            await (scope[_SEND_KEY] if _UNREADABLE_KEY in scope else send)(message)

        await self._application(scope, receive, choose)
