"""Whether an Authorization header has the server's token. No answer repeats what was sent in it."""

from __future__ import annotations

import secrets

from mockserver.http.errors import ApiError


def refusal(authorization: str, token: str) -> ApiError | None:
    """The 401 that this header is answered with; None: it is let in."""
    scheme, _, given = authorization.partition(" ")
    given = given.strip()
    if not authorization or (scheme.lower() == "bearer" and not given):
        statement = "an Authorization header with a bearer token is required"
        return ApiError(401, statement, kind="no-token")
    if scheme.lower() != "bearer":
        statement = "the Authorization header has another scheme, or none"
        return ApiError(401, statement, hint="expected Bearer and a token", kind="no-token")
    # Header values are Latin-1 on the wire; a token is compared byte by byte.
    if not secrets.compare_digest(given.encode("latin-1", "replace"), token.encode()):
        return ApiError(401, "the bearer token is not the right one", kind="wrong-token")
    return None
