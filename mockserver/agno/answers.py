"""How Agno's answers depart: what errors say, which headers there are, who may read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mockserver.faults.registry import departure
from mockserver.http.errors import ApiError, strict_json
from mockserver.http.hooks import HttpHooks
from mockserver.script.model import Workflow

ORIGINS = (
    "http://localhost:3000",
    "https://agno.com",
    "https://www.agno.com",
    "https://app.agno.com",
    "https://os-stg.agno.com",
    "https://os.agno.com",
)
"""The origins that Agno allows where it is told none (`agno.os.utils.resolve_origins`)."""

WORDS = {
    "route": "Not Found",
    "method": "Method Not Allowed",
    "no-token": "Authorization header required",
    "wrong-token": "Invalid authentication token",
    "workflow": "Workflow not found",
    "lengths": "Session IDs and session types must have the same length",
}
"""What Agno says of an error, by its kind."""


@departure("error.terse")
class Terse(HttpHooks):
    def error_detail(self, error: ApiError) -> Any:
        if error.kind in WORDS:
            return WORDS[error.kind]
        if isinstance(error.__cause__, ApiError):
            return f"{error.__cause__.status}: {error.statement}"
        return error.statement


@departure("error.detail-list")
class DetailList(HttpHooks):
    def error_detail(self, error: ApiError) -> Any:
        if error.status != 422:
            return super().error_detail(error)
        if error.entries is not None:
            return list(error.entries)
        return [{"type": "value_error", "loc": [], "msg": error.detail, "input": None}]


@departure("error.no-code")
class NoErrorCode(HttpHooks):
    has_error_codes = False


@departure("error.unwritable-input")
class UnwritableInput(HttpHooks):
    def error_body(self, members: Mapping[str, Any]) -> bytes:
        return strict_json(members)


@departure("authentication.no-challenge", on=401)
class NoChallenge(HttpHooks):
    challenges = False


@departure("routing.head-refused")
class HeadRefused(HttpHooks):
    answers_head = False


@departure("routing.allow-one")
class AllowsOne(HttpHooks):
    def allowed(self, methods: Sequence[str]) -> Sequence[str]:
        return methods[:1]


@departure("stream.no-cache-control")
class NoCacheControl(HttpHooks):
    stream_headers = HttpHooks.stream_headers[:1]


@departure("cors.agno-origins")
class AgnoOrigins(HttpHooks):
    origins = ORIGINS
    answers_private_network = False


@departure("cors.expose-star")
class ExposesStar(HttpHooks):
    exposed_headers = ("*",)


@departure("cors.crash-unreadable")
class CrashUnreadable(HttpHooks):
    crashes_are_readable = False


# -- descriptions


@departure("run.unnamed")
class Unnamed(HttpHooks):
    def workflow_name(self, workflow: Workflow) -> str | None:
        return workflow.name if workflow.source.get("name") else None


@departure("condition.else-forgotten")
class ElseForgotten(HttpHooks):
    describes_else_steps = False
