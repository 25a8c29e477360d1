"""The deviations and variations of an answer: the server's, and those that are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.types import Scope

from agentos_contract.deviations import Deviations
from mockserver.http.errors import ApiError

DEVIATIONS_KEY = "mockserver.deviations"
PROBLEM_KEY = "mockserver.deviations.problem"


def deviations_of(scope: Scope) -> Deviations:
    """How this request's answer departs."""
    found: Deviations = scope[DEVIATIONS_KEY]
    return found


def check_preferences(scope: Scope) -> None:
    """Raises ApiError(400) where the request asks for what there is not."""
    if PROBLEM_KEY in scope:
        raise ApiError(400, scope[PROBLEM_KEY])


def preferences(scope: Scope) -> Iterator[tuple[str, str]]:
    """The preferences of the request's Prefer headers (RFC 7240), such as scenario=overloaded."""
    for header, value in scope["headers"]:
        if header != b"prefer":
            continue
        for preference in bytes(value).decode("latin-1").split(","):
            key, equals, word = preference.strip().partition("=")
            if equals:
                yield key.strip().lower(), word.strip().strip('"')
