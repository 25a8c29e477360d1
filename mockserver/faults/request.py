"""Site request: the server sees another request than was sent."""

from __future__ import annotations

import base64
import html
import re
import unicodedata
from urllib.parse import unquote

from agentos_contract.document import FORM
from agentos_contract.json_values import read_json_object
from mockserver.faults.exchange import Seen
from mockserver.faults.register import seen
from mockserver.http.forms import BOOLEANS

_KNOWN_FIELDS = frozenset({"message", "stream", "session_id", "user_id", "version"})
_REFUSED = ("stream", "maybe")
"""A field that gets a form refused with 422."""


# -- authentication


@seen("authentication.open")
def anybody(request: Seen) -> None:
    request.let_in()


@seen("authentication.no-token-let-in")
def whoever_has_no_token(request: Seen) -> None:
    if request.header("authorization") is None:
        request.let_in()


@seen("authentication.list-open")
def whoever_asks_for_the_workflows(request: Seen) -> None:
    if request.method == "GET" and request.path == "/workflows":
        request.let_in()


@seen("authentication.any-token")
def any_token(request: Seen) -> None:
    if request.bearer:
        request.let_in()


@seen("authentication.token-beginning")
def longer_token(request: Seen) -> None:
    if (request.bearer or "").startswith(request.server.token or "\n"):
        request.let_in()


@seen("authentication.token-part")
def shorter_token(request: Seen) -> None:
    if request.bearer and (request.server.token or "").startswith(request.bearer):
        request.let_in()


@seen("authentication.token-case")
def token_in_any_case(request: Seen) -> None:
    if (request.bearer or "").lower() == (request.server.token or "\n").lower():
        request.let_in()


@seen("authentication.empty-token")
def no_token_after_bearer(request: Seen) -> None:
    if request.bearer == "":
        request.let_in()


@seen("authentication.any-scheme")
def any_scheme(request: Seen) -> None:
    if (request.header("authorization") or "").endswith(f" {request.server.token}"):
        request.let_in()


@seen("authentication.bare-token")
def no_scheme(request: Seen) -> None:
    if request.header("authorization") == request.server.token:
        request.let_in()


@seen("authentication.basic")
def basic_too(request: Seen) -> None:
    scheme, _, given = (request.header("authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return
    try:
        credentials = base64.b64decode(given, validate=True).decode()
    except ValueError:
        return
    if credentials.partition(":")[2] == request.server.token:
        request.let_in()


@seen("authentication.scheme-capital")
def scheme_with_a_capital_only(request: Seen) -> None:
    if not (request.header("authorization") or "Bearer ").startswith("Bearer "):
        request.set_header("authorization", "Unknown")


# -- routing


@seen("routing.any-workflow")
def any_workflow(request: Seen) -> None:
    asked = request.run_of
    if asked is not None and asked not in request.server.workflow_ids:
        request.path = f"/workflows/{request.server.workflow_ids[0]}/runs"


@seen("routing.workflow-beginning")
def workflow_of_that_beginning(request: Seen) -> None:
    for known in request.server.workflow_ids:
        if (request.run_of or "").startswith(known):
            request.path = f"/workflows/{known}/runs"


@seen("routing.workflow-lost")
def workflow_of_a_user(request: Seen) -> None:
    if request.field("user_id"):
        request.path = "/workflows/lost/runs"


@seen("routing.any-method")
def put_for_post(request: Seen) -> None:
    if request.method in ("PUT", "PATCH"):
        request.method = "POST"


# -- the form


@seen("form.message-defaulted")
def an_empty_message(request: Seen) -> None:
    if request.is_form and request.field("message") is None:
        request.fields = [("message", ""), *request.fields]


@seen("form.message-any-case")
def message_in_any_case(request: Seen) -> None:
    fields = request.fields
    if fields:
        request.fields = [(k.lower() if k.lower() == "message" else k, v) for k, v in fields]


@seen("form.message-empty-refused")
def no_empty_message(request: Seen) -> None:
    if request.field("message") == "":
        request.fields = [*request.fields, _REFUSED]


@seen("form.message-empty-lost")
def an_empty_message_is_none(request: Seen) -> None:
    if request.field("message") == "":
        request.fields = [(k, v) for k, v in request.fields if k != "message"]


@seen("form.stream-any-word")
def any_word_is_true(request: Seen) -> None:
    request.map_fields({"stream": lambda text: text if text.lower() in BOOLEANS else "true"})


@seen("form.stream-number")
def any_number_is_true(request: Seen) -> None:
    request.map_fields(
        {"stream": lambda text: "true" if text.lstrip("+-").isdigit() and int(text) else text}
    )


@seen("form.stream-defaults-to-batch")
def batch_unless_said(request: Seen) -> None:
    if request.field("message") is not None and request.field("stream") is None:
        request.fields = [*request.fields, ("stream", "false")]


@seen("form.version-any")
def no_version(request: Seen) -> None:
    if request.field("version") is not None:
        request.fields = [(k, v) for k, v in request.fields if k != "version"]


@seen("form.version-truncated")
def the_whole_part_of_a_version(request: Seen) -> None:
    def whole(text: str) -> str:
        head, dot, _ = text.partition(".")
        return head if dot and head.isdigit() else text

    request.map_fields({"version": whole})


@seen("form.version-null-refused")
def no_null_version(request: Seen) -> None:
    request.map_fields({"version": lambda text: "nil" if text == "null" else text})


@seen("form.unknown-refused")
def known_fields_only(request: Seen) -> None:
    if {name for name, _ in request.fields} - _KNOWN_FIELDS:
        request.fields = [*request.fields, _REFUSED]


@seen("form.unknown-ascii-only")
def no_field_beyond_ascii(request: Seen) -> None:
    if not all(name.isascii() for name, _ in request.fields):
        request.fields = [*request.fields, _REFUSED]


@seen("form.user-null-refused")
def no_user_called_null(request: Seen) -> None:
    if request.field("user_id") == "null":
        request.fields = [*request.fields, _REFUSED]


@seen("form.version-zero-refused")
def no_version_0(request: Seen) -> None:
    if request.field("version") == "0":
        request.fields = [*request.fields, _REFUSED]


@seen("form.stream-fraction")
def any_fraction_is_true(request: Seen) -> None:
    def truth(text: str) -> str:
        whole, dot, part = text.partition(".")
        return "true" if dot and (whole + part).isdigit() and float(text) else text

    request.map_fields({"stream": truth})


@seen("form.version-boolean")
def true_is_one(request: Seen) -> None:
    words = {"true": "1", "false": "0"}
    request.map_fields({"version": lambda text: words.get(text, text)})


@seen("batch.streams")
def batch_as_a_stream(request: Seen) -> None:
    if request.run_of is not None and request.field("message") is not None:
        request.map_fields({"stream": lambda text: "true" if text == "false" else text})


@seen("form.line-ends-changed")
def unix_line_ends(request: Seen) -> None:
    request.map_fields({"message": lambda text: text.replace("\r\n", "\n")})


@seen("form.trimmed")
def no_space_around(request: Seen) -> None:
    request.map_fields({"message": str.strip})


@seen("form.latin-1")
def bytes_as_latin_1(request: Seen) -> None:
    request.map_fields({"message": lambda text: text.encode().decode("latin-1")})


@seen("form.ascii-only")
def question_marks(request: Seen) -> None:
    request.map_fields({"message": lambda text: text.encode("ascii", "replace").decode()})


@seen("form.basic-plane-only")
def no_emoji(request: Seen) -> None:
    request.map_fields(
        {"message": lambda text: "".join(c if ord(c) < 0x10000 else "\ufffd" for c in text)}
    )


@seen("form.normalised")
def composed_letters(request: Seen) -> None:
    request.map_fields({"message": lambda text: unicodedata.normalize("NFC", text)})


@seen("form.plus-kept")
def plus_is_plus(request: Seen) -> None:
    if request.is_form:
        request.body = request.body.replace(b"+", b"%2B")


@seen("form.number-read")
def number_read(request: Seen) -> None:
    request.map_fields({"message": lambda text: str(int(text)) if text.isdecimal() else text})


@seen("form.decoded-twice")
def decoded_twice(request: Seen) -> None:
    request.map_fields({"message": unquote})


@seen("form.escaped")
def entities(request: Seen) -> None:
    request.map_fields({"message": lambda text: html.escape(text, quote=False)})


@seen("form.template-rendered")
def rendered(request: Seen) -> None:
    request.map_fields({"message": lambda text: text.replace("{{ 7*7 }}", "49")})


@seen("form.json-taken")
def json_as_a_form(request: Seen) -> None:
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


@seen("cancel.ignored")
def another_run_is_cancelled(request: Seen) -> None:
    if request.method == "POST" and request.path.endswith("/cancel"):
        request.path = request.path.removesuffix("/cancel") + "-another/cancel"


# -- texts


@seen("form.cut-at-64-kib")
def the_first_64_kib(request: Seen) -> None:
    if len(request.field("message") or "") > 65_535:
        request.map_fields({"message": lambda text: text[:65_535]})


@seen("form.ends-at-nul")
def up_to_nul(request: Seen) -> None:
    if "\0" in (request.field("message") or ""):
        request.map_fields({"message": lambda text: text.partition("\0")[0]})


@seen("form.repeats-joined")
def repeats_joined(request: Seen) -> None:
    texts = [text for name, text in request.fields if name == "message"]
    if len(texts) > 1:
        others = [(name, text) for name, text in request.fields if name != "message"]
        request.fields = [*others, ("message", ",".join(texts))]


@seen("form.parameter-unknown")
def no_parameters(request: Seen) -> None:
    if request.is_form and ";" in (request.header("content-type") or ""):
        request.set_header("content-type", "application/unknown")


@seen("form.empty-session-named")
def a_session_for_the_nameless(request: Seen) -> None:
    if request.field("session_id") == "":
        request.map_fields({"session_id": lambda text: text or "nameless"})


@seen("identity.ids-tidied")
def tidied_ids(request: Seen) -> None:
    ids = ("session_id", "user_id")
    if any(request.field(name) for name in ids):
        request.map_fields(dict.fromkeys(ids, lambda text: re.sub(r"[^\w-]", "_", text)))
