"""Site request: the server sees another request than was sent."""

from __future__ import annotations

import base64
import html
import re
import unicodedata
from urllib.parse import unquote

from agentos_contract.document import FORM
from agentos_contract.json_values import read_json_object
from mockserver.faults.exchange import Request
from mockserver.faults.registry import on_request
from mockserver.http.forms import BOOLEANS

_KNOWN_FIELDS = frozenset({"message", "stream", "session_id", "user_id", "version"})
_REFUSED = ("stream", "maybe")
"""A field that gets a form refused with 422."""


# -- authentication


@on_request("authentication.open")
def anybody(request: Request) -> None:
    request.let_in()


@on_request("authentication.no-token-let-in")
def whoever_has_no_token(request: Request) -> None:
    if request.header("authorization") is None:
        request.let_in()


@on_request("authentication.list-open")
def whoever_asks_for_the_workflows(request: Request) -> None:
    if request.method == "GET" and request.path == "/workflows":
        request.let_in()


@on_request("authentication.any-token")
def any_token(request: Request) -> None:
    if request.bearer:
        request.let_in()


@on_request("authentication.token-beginning")
def longer_token(request: Request) -> None:
    if (request.bearer or "").startswith(request.server.token or "\n"):
        request.let_in()


@on_request("authentication.token-part")
def shorter_token(request: Request) -> None:
    if request.bearer and (request.server.token or "").startswith(request.bearer):
        request.let_in()


@on_request("authentication.token-case")
def token_in_any_case(request: Request) -> None:
    if (request.bearer or "").lower() == (request.server.token or "\n").lower():
        request.let_in()


@on_request("authentication.empty-token")
def no_token_after_bearer(request: Request) -> None:
    if request.bearer == "":
        request.let_in()


@on_request("authentication.any-scheme")
def any_scheme(request: Request) -> None:
    if (request.header("authorization") or "").endswith(f" {request.server.token}"):
        request.let_in()


@on_request("authentication.bare-token")
def no_scheme(request: Request) -> None:
    if request.header("authorization") == request.server.token:
        request.let_in()


@on_request("authentication.basic")
def basic_too(request: Request) -> None:
    scheme, _, given = (request.header("authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return
    try:
        credentials = base64.b64decode(given, validate=True).decode()
    except ValueError:
        return
    if credentials.partition(":")[2] == request.server.token:
        request.let_in()


@on_request("authentication.scheme-capital")
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


@on_request("routing.workflow-lost")
def workflow_of_a_user(request: Request) -> None:
    if request.field("user_id"):
        request.path = "/workflows/lost/runs"


@on_request("routing.any-method")
def put_for_post(request: Request) -> None:
    if request.method in ("PUT", "PATCH"):
        request.method = "POST"


# -- the form


@on_request("form.message-defaulted")
def an_empty_message(request: Request) -> None:
    if request.is_form and request.field("message") is None:
        request.fields = [("message", ""), *request.fields]


@on_request("form.message-any-case")
def message_in_any_case(request: Request) -> None:
    fields = request.fields
    if fields:
        request.fields = [(k.lower() if k.lower() == "message" else k, v) for k, v in fields]


@on_request("form.message-empty-refused")
def no_empty_message(request: Request) -> None:
    if request.field("message") == "":
        request.fields = [*request.fields, _REFUSED]


@on_request("form.message-empty-lost")
def an_empty_message_is_none(request: Request) -> None:
    if request.field("message") == "":
        request.fields = [(k, v) for k, v in request.fields if k != "message"]


@on_request("form.stream-any-word")
def any_word_is_true(request: Request) -> None:
    request.map_fields({"stream": lambda text: text if text.lower() in BOOLEANS else "true"})


@on_request("form.stream-number")
def any_number_is_true(request: Request) -> None:
    request.map_fields(
        {"stream": lambda text: "true" if text.lstrip("+-").isdigit() and int(text) else text}
    )


@on_request("form.stream-defaults-to-batch")
def batch_unless_said(request: Request) -> None:
    if request.field("message") is not None and request.field("stream") is None:
        request.fields = [*request.fields, ("stream", "false")]


@on_request("form.version-any")
def no_version(request: Request) -> None:
    if request.field("version") is not None:
        request.fields = [(k, v) for k, v in request.fields if k != "version"]


@on_request("form.version-truncated")
def the_whole_part_of_a_version(request: Request) -> None:
    def whole(text: str) -> str:
        head, dot, _ = text.partition(".")
        return head if dot and head.isdigit() else text

    request.map_fields({"version": whole})


@on_request("form.version-null-refused")
def no_null_version(request: Request) -> None:
    request.map_fields({"version": lambda text: "nil" if text == "null" else text})


@on_request("form.unknown-refused")
def known_fields_only(request: Request) -> None:
    if {name for name, _ in request.fields} - _KNOWN_FIELDS:
        request.fields = [*request.fields, _REFUSED]


@on_request("form.unknown-ascii-only")
def no_field_beyond_ascii(request: Request) -> None:
    if not all(name.isascii() for name, _ in request.fields):
        request.fields = [*request.fields, _REFUSED]


@on_request("form.user-null-refused")
def no_user_called_null(request: Request) -> None:
    if request.field("user_id") == "null":
        request.fields = [*request.fields, _REFUSED]


@on_request("form.version-zero-refused")
def no_version_0(request: Request) -> None:
    if request.field("version") == "0":
        request.fields = [*request.fields, _REFUSED]


@on_request("form.stream-fraction")
def any_fraction_is_true(request: Request) -> None:
    def truth(text: str) -> str:
        whole, dot, part = text.partition(".")
        return "true" if dot and (whole + part).isdigit() and float(text) else text

    request.map_fields({"stream": truth})


@on_request("form.version-boolean")
def true_is_one(request: Request) -> None:
    words = {"true": "1", "false": "0"}
    request.map_fields({"version": lambda text: words.get(text, text)})


@on_request("batch.streams")
def batch_as_a_stream(request: Request) -> None:
    if request.run_of is not None and request.field("message") is not None:
        request.map_fields({"stream": lambda text: "true" if text == "false" else text})


@on_request("form.line-ends-changed")
def unix_line_ends(request: Request) -> None:
    request.map_fields({"message": lambda text: text.replace("\r\n", "\n")})


@on_request("form.trimmed")
def no_space_around(request: Request) -> None:
    request.map_fields({"message": str.strip})


@on_request("form.latin-1")
def bytes_as_latin_1(request: Request) -> None:
    request.map_fields({"message": lambda text: text.encode().decode("latin-1")})


@on_request("form.ascii-only")
def question_marks(request: Request) -> None:
    request.map_fields({"message": lambda text: text.encode("ascii", "replace").decode()})


@on_request("form.basic-plane-only")
def no_emoji(request: Request) -> None:
    request.map_fields(
        {"message": lambda text: "".join(c if ord(c) < 0x10000 else "\ufffd" for c in text)}
    )


@on_request("form.normalised")
def composed_letters(request: Request) -> None:
    request.map_fields({"message": lambda text: unicodedata.normalize("NFC", text)})


@on_request("form.plus-kept")
def plus_is_plus(request: Request) -> None:
    if request.is_form:
        request.body = request.body.replace(b"+", b"%2B")


@on_request("form.number-read")
def number_read(request: Request) -> None:
    request.map_fields({"message": lambda text: str(int(text)) if text.isdecimal() else text})


@on_request("form.decoded-twice")
def decoded_twice(request: Request) -> None:
    request.map_fields({"message": unquote})


@on_request("form.escaped")
def entities(request: Request) -> None:
    request.map_fields({"message": lambda text: html.escape(text, quote=False)})


@on_request("form.template-rendered")
def rendered(request: Request) -> None:
    request.map_fields({"message": lambda text: text.replace("{{ 7*7 }}", "49")})


@on_request("form.json-taken")
def json_as_a_form(request: Request) -> None:
    if request.run_of is None or request.media_type != "application/json":
        return
    try:
        members = read_json_object(request.body)
    except ValueError:
        return
    request.set_header("content-type", FORM)
    request.fields = [
        (name, str(value).lower() if isinstance(value, bool) else str(value))
        for name, value in members.items()
    ]


# -- cancelling


@on_request("cancel.ignored")
def another_run_is_cancelled(request: Request) -> None:
    if request.method == "POST" and request.path.endswith("/cancel"):
        request.path = request.path.removesuffix("/cancel") + "-another/cancel"


# -- texts


@on_request("form.cut-at-64-kib")
def the_first_64_kib(request: Request) -> None:
    if len(request.field("message") or "") > 65_535:
        request.map_fields({"message": lambda text: text[:65_535]})


@on_request("form.ends-at-nul")
def up_to_nul(request: Request) -> None:
    if "\0" in (request.field("message") or ""):
        request.map_fields({"message": lambda text: text.partition("\0")[0]})


@on_request("form.repeats-joined")
def repeats_joined(request: Request) -> None:
    texts = [text for name, text in request.fields if name == "message"]
    if len(texts) > 1:
        others = [(name, text) for name, text in request.fields if name != "message"]
        request.fields = [*others, ("message", ",".join(texts))]


@on_request("form.parameter-unknown")
def no_parameters(request: Request) -> None:
    if request.is_form and ";" in (request.header("content-type") or ""):
        request.set_header("content-type", "application/unknown")


@on_request("form.empty-session-named")
def a_session_for_the_nameless(request: Request) -> None:
    if request.field("session_id") == "":
        request.map_fields({"session_id": lambda text: text or "nameless"})


@on_request("identity.ids-tidied")
def tidied_ids(request: Request) -> None:
    ids = ("session_id", "user_id")
    if any(request.field(name) for name in ids):
        request.map_fields(dict.fromkeys(ids, lambda text: re.sub(r"[^\w-]", "_", text)))
