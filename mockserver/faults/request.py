"""Site request: the server sees another request than was sent, in a way that is not plain enough
for a rule."""

from __future__ import annotations

import base64
import html
import re
import unicodedata
from collections.abc import Callable
from urllib.parse import quote, unquote

from agentos_contract.document import EVENT_STREAM, FORM
from agentos_contract.json_values import parse_object
from mockserver.faults.exchange import Request, Response
from mockserver.faults.registry import on_request, on_response

_READING = re.compile(r"/workflows/[^/]+/runs/[^/]+|/sessions/.+")
_RUNS = re.compile(r"/workflows/[^/]+/runs")
_SESSION = re.compile(r"/sessions/[^/]+")
_CANCEL = re.compile(r"/workflows/[^/]+/runs/[^/]+/cancel")
_STRAIGHT_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")
_REFUSED = ("stream", "maybe")
"""A field that gets a form refused with 422."""


# -- authentication


def _basic_password(request: Request) -> str | None:
    scheme, _, given = (request.header("authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except ValueError:
        return None


def _asks_for_list(request: Request) -> bool:
    return request.method == "GET" and request.path == "/workflows"


def _asks_for_stream(request: Request) -> bool:
    return request.run_of is not None and request.field("stream") in ("true", "True", "1", "on")


_LET_IN: dict[str, Callable[[Request, str], bool]] = {
    "open": lambda request, token: True,
    "no-token-let-in": lambda request, token: request.header("authorization") is None,
    "streams-open": lambda request, token: _asks_for_stream(request),
    "default-open": lambda request, token: bool(request.run_of) and not request.field("stream"),
    "streams-any-token": lambda request, token: bool(request.bearer) and _asks_for_stream(request),
    "list-public": lambda request, token: _asks_for_list(request),
    "any-key": lambda request, token: request.header("x-api-key") is not None,
    "any-cookie": lambda request, token: request.header("cookie") is not None,
    "forwarded-trusted": lambda request, token: request.header("x-forwarded-for") == "127.0.0.1",
    "original-url-trusted": lambda request, token: request.header("x-original-url") == "/health",
    "method-override-trusted": lambda request, token: (
        request.header("x-http-method-override") == "OPTIONS"
    ),
    "cancel-open": lambda request, token: _CANCEL.fullmatch(request.path) is not None,
    "reads-open": lambda request, token: (
        request.method == "GET" and _READING.fullmatch(request.path) is not None
    ),
    "sessions-public": lambda request, token: (
        request.method == "GET" and request.path == "/sessions"
    ),
    "delete-open": lambda request, token: (
        request.method == "DELETE" and _SESSION.fullmatch(request.path) is not None
    ),
    "session-enough": lambda request, token: bool(request.run_of and request.field("session_id")),
    "other-spelling-any-token": lambda request, token: (
        bool(request.bearer) and not (request.header("authorization") or "").startswith("Bearer ")
    ),
    "any-token": lambda request, token: bool(request.bearer),
    "token-beginning": lambda request, token: (request.bearer or "").startswith(token),
    "token-part": lambda request, token: token.startswith(request.bearer or "\n"),
    "token-case": lambda request, token: (request.bearer or "").lower() == token.lower(),
    "empty-token": lambda request, token: request.bearer == "",
    "any-scheme": lambda request, token: (request.header("authorization") or "").endswith(
        f" {token}"
    ),
    "bare-token": lambda request, token: request.header("authorization") == token,
    "basic": lambda request, token: _basic_password(request) == token,
    "token-first-of-several": lambda request, token: (
        re.split("[, ]", request.bearer or "")[0] == token
    ),
    "token-in-url": lambda request, token: f"access_token={quote(token)}" in request.query,
    "token-as-field": lambda request, token: request.field("access_token") == token,
    "token-in-other-header": lambda request, token: request.header("x-api-key") == token,
    "token-in-cookie": lambda request, token: (
        f"access_token={token}" in (request.header("cookie") or "")
    ),
}
"""Whom a careless server lets in."""


@on_request("form.trimmed-in-streams", on="stream")
def trimmed_in_streams(request: Request) -> None:
    if _asks_for_stream(request):
        request.fields = [(k, v.strip() if k == "message" else v) for k, v in request.fields]


def _let_in(is_let_in: Callable[[Request, str], bool]) -> Callable[[Request], None]:
    def fault(request: Request) -> None:
        token = request.server.token
        if token is not None and is_let_in(request, token):
            request.set_header("authorization", f"Bearer {token}")

    return fault


for _name, _is_let_in in _LET_IN.items():
    on_request(f"authentication.{_name}", on="token")(_let_in(_is_let_in))


@on_request("authentication.guarded-as-spelled", on="token")
def guarded_as_spelled(request: Request) -> None:
    plain = re.sub("^/+(?=workflows/)", "/", request.path, flags=re.IGNORECASE)
    plain = re.sub("^/workflows/", "/workflows/", plain, flags=re.IGNORECASE).rstrip("/")
    if plain != request.path and _RUNS.fullmatch(plain) and request.method == "POST":
        request.path = plain
        request.set_header("authorization", f"Bearer {request.server.token}")


@on_request("authentication.refused-too-late", on="token")
def let_in_first(request: Request) -> None:
    if request.field("stream") == "false" and request.field("session_id"):
        request.set_header("authorization", f"Bearer {request.server.token}")


@on_response("authentication.refused-too-late", on="token")
def refused_afterwards(response: Response) -> None:
    request = response.request
    if response.is_batch and request.bearer is None and request.field("session_id"):
        response.refuse(401, "Missing authorization header", "UNAUTHENTICATED")
        response.set_header("www-authenticate", "Bearer")


@on_request("authentication.scheme-capital", on="token")
def scheme_with_a_capital_only(request: Request) -> None:
    if not (request.header("authorization") or "Bearer ").startswith("Bearer "):
        request.set_header("authorization", "Unknown")


# -- routing


@on_request("routing.any-workflow")
def any_workflow(request: Request) -> None:
    asked = request.run_of
    if asked is not None and asked not in request.server.workflow_ids:
        request.path = f"/workflows/{request.server.workflow_ids[0]}/runs"


@on_request("routing.workflow-beginning")
def workflow_of_that_beginning(request: Request) -> None:
    for known in request.server.workflow_ids:
        if (request.run_of or "").startswith(known):
            request.path = f"/workflows/{known}/runs"


@on_request("routing.workflow-lost", on="form")
def workflow_of_a_user(request: Request) -> None:
    if request.field("user_id"):
        request.path = "/workflows/lost/runs"


@on_request("routing.any-method")
def put_for_post(request: Request) -> None:
    if request.method in ("PUT", "PATCH"):
        request.method = "POST"


@on_request("cancel.ignored", on="cancel")
def another_run_is_cancelled(request: Request) -> None:
    if request.method == "POST" and request.path.endswith("/cancel"):
        request.path = request.path.removesuffix("/cancel") + "-another/cancel"


# -- the form's fields


@on_request("form.message-any-case", on="form")
def message_in_any_case(request: Request) -> None:
    fields = request.fields
    if fields:
        request.fields = [(k.lower() if k.lower() == "message" else k, v) for k, v in fields]


@on_request("form.unknown-refused", on="form")
def known_fields_only(request: Request) -> None:
    if {name for name, _ in request.fields} - request.server.form_fields:
        request.fields = [*request.fields, _REFUSED]


@on_request("form.unknown-ascii-only", on="form")
def no_field_beyond_ascii(request: Request) -> None:
    if not all(name.isascii() for name, _ in request.fields):
        request.fields = [*request.fields, _REFUSED]


@on_request("form.repeats-joined", on="form")
def repeats_joined(request: Request) -> None:
    texts = [text for name, text in request.fields if name == "message"]
    if len(texts) > 1:
        others = [(name, text) for name, text in request.fields if name != "message"]
        request.fields = [*others, ("message", ",".join(texts))]


# -- the message and other texts


def _map_field(change: Callable[[str], str], field: str = "message") -> Callable[[Request], None]:
    def fault(request: Request) -> None:
        fields = request.fields
        if fields:
            request.fields = [(k, change(v) if k == field else v) for k, v in fields]

    return fault


on_request("form.latin-1", on="form")(_map_field(lambda text: text.encode().decode("latin-1")))
on_request("form.normalised", on="form")(
    _map_field(lambda text: unicodedata.normalize("NFC", text))
)
on_request("identity.user-compatible", on="form")(
    _map_field(lambda text: unicodedata.normalize("NFKC", text), "user_id")
)
on_request("form.decoded-twice", on="form")(_map_field(unquote))
on_request("form.number-rounded", on="form")(
    _map_field(lambda text: str(int(float(text))) if re.fullmatch(r"\d{16,}", text) else text)
)
on_request("form.quotes-straight", on="form")(
    _map_field(lambda text: text.translate(_STRAIGHT_QUOTES))
)
on_request("form.escaped", on="form")(_map_field(lambda text: html.escape(text, quote=False)))


# -- the body as a whole


@on_request("form.plus-kept", on="form")
def plus_is_plus(request: Request) -> None:
    if request.is_form:
        request.body = request.body.replace(b"+", b"%2B")


@on_request("http.space-escaped", on="form")
def escaped_space_is_none(request: Request) -> None:
    if request.is_form:
        request.body = request.body.replace(b"%20", b"%2520")


@on_request("http.escapes-in-capitals", on="form")
def escapes_in_capitals_only(request: Request) -> None:
    if request.is_form:
        request.body = re.sub(rb"%(?=[0-9]?[a-f])", b"%25", request.body)


@on_request("form.parameter-unknown", on="form")
def no_parameters(request: Request) -> None:
    if request.is_form and ";" in (request.header("content-type") or ""):
        request.set_header("content-type", "application/unknown")


@on_request("http.media-type-case", on="form")
def small_letters_only(request: Request) -> None:
    content_type = request.header("content-type") or ""
    if request.is_form and not content_type.startswith(FORM):
        request.set_header("content-type", "application/unknown")


@on_request("http.accept-decides", on="form")
def accept_decides(request: Request) -> None:
    """But for these tests' own, which has both."""
    accept = request.header("accept") or ""
    if accept.startswith("application/json") and EVENT_STREAM not in accept:
        request.fields = [
            (name, "false" if name == "stream" else text) for name, text in request.fields
        ]


@on_request("form.json-taken", on="form")
def json_as_a_form(request: Request) -> None:
    if request.run_of is None or request.media_type != "application/json":
        return
    members = parse_object(request.body)
    if members is None:
        return
    request.set_header("content-type", FORM)
    request.fields = [
        (name, str(value).lower() if isinstance(value, bool) else str(value))
        for name, value in members.items()
    ]
