"""Requests, drawn: any method, path, header and body, right ones and such as clients get wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

from hypothesis import strategies as st

from tests.runs import ORDER

TOKEN = "letmein"
FORM = "application/x-www-form-urlencoded"

Header = tuple[str, str]


@dataclass(frozen=True)
class HttpRequest:
    """A request as it goes over the wire."""

    method: str
    target: str
    """Path and query, percent-encoded."""
    headers: tuple[Header, ...] = ()
    body: str | None = None
    """Its bytes, each as the character of that number (Latin-1)."""

    def __str__(self) -> str:
        headers = "".join(f" [{name}: {value}]" for name, value in self.headers)
        body = "" if self.body is None else f" {self.body!r}"
        return f"{self.method} {self.target}{headers}{body}"


WORKFLOWS = st.sampled_from(
    ["content-pipeline", "content-pipeline", "order-intake", "order-intake", "doomed", "nope", "é "]
)
SESSIONS = st.sampled_from(["s1", "s2", "none", "é x", "'"])
RUNS = st.sampled_from(["r1", "none", "ü"])
USERS = st.sampled_from(["ada", "", "null", "ü"])


def _path(*parts: st.SearchStrategy[str] | str) -> st.SearchStrategy[str]:
    drawn = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*drawn).map(lambda found: "/" + "/".join(quote(p, safe="") for p in found))


RUN_PATHS = _path("workflows", WORKFLOWS, "runs")
COMPANION_PATHS = st.one_of(
    st.sampled_from(["/", "/health", "/config", "/workflows", "/sessions"]),
    _path("workflows", WORKFLOWS),
    _path("workflows", WORKFLOWS, "runs", RUNS),
    _path("workflows", WORKFLOWS, "runs", RUNS, "cancel"),
    _path("sessions", SESSIONS),
    _path("sessions", SESSIONS, "runs"),
    _path("sessions", SESSIONS, "runs", RUNS),
    _path("sessions", SESSIONS, "rename"),
)
ODD_PATHS = st.sampled_from(
    [
        "/nowhere",
        "/workflows/",
        "/workflows//",
        "/workflows//runs",
        "//",
        "//health",
        "/health/",
        "/HEALTH",
        "/health%0A",
        "/workflows%0A",
        "/%0A",
        "/sessions/a%0Ab",
        "/workflows/content-pipeline%0A",
        "/workflows/content-pipeline/runs/",
        "/workflows/content-pipeline/runs//",
        "/workflows/content%2Dpipeline/runs",
        "/workflows/a%2Fb/runs",
        "/workflows/%ff/runs",
        "/sessions/s1/runs/r1/x",
        "/sessions/",
        "/sessions/s1/nothing",
    ]
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"])

# -- queries

INTEGERS = ["0", "1", "2", "-1", "01", "+1", " 1", "1 ", "1_0", "1.0", "1.5", "1e2", "", "null"]
INTEGERS += ["x", "9" * 25, "١", "true"]
QUERIES: dict[str, Sequence[str]] = {
    "type": ["workflow", "workflow", "agent", "team", "zebra", "", "Workflow"],
    "session_id": ["s1", "none", "é", "'", ""],
    "user_id": ["ada", "x", ""],
    "limit": INTEGERS,
    "page": INTEGERS,
    "sort_order": ["asc", "desc", "up", "", "ASC"],
    "created_after": INTEGERS,
    "created_before": INTEGERS,
    "nonsense": ["1", ""],
}
QUERY_PAIRS = st.sampled_from(
    [(name, value) for name, values in QUERIES.items() for value in values]
)
QUERY_STRINGS = st.one_of(
    st.just(""),
    st.just(""),
    st.lists(QUERY_PAIRS, max_size=3).map(lambda pairs: urlencode(pairs)),
    st.sampled_from(["type", "limit=%ff", "type=workflow;limit=1", "&&=&", "limit=1&limit=x"]),
)

# -- headers

TOKENS: st.SearchStrategy[tuple[Header, ...]] = st.sampled_from(
    [
        (),
        *(
            (("authorization", value),)
            for value in (
                f"Bearer {TOKEN}",
                f"bearer {TOKEN}",
                f"BEARER  {TOKEN} ",
                "Bearer wrong",
                "Bearer",
                "Bearer ",
                "Basic bGV0bWVpbg==",
                TOKEN,
                f"Token {TOKEN}",
                "",
                "Bearer é",
                f"Bearer\t{TOKEN}",
                f'Bearer "{TOKEN}"',
            )
        ),
        (("authorization", f"Bearer {TOKEN}"), ("authorization", "Bearer wrong")),
    ]
)
RIGHT_TOKEN: tuple[Header, ...] = (("authorization", f"Bearer {TOKEN}"),)
ORIGINS = st.sampled_from(
    [
        "http://localhost:3000",
        "https://os.agno.com",
        "https://evil.example",
        "http://localhost:3001",
        "null",
        "",
        "HTTP://LOCALHOST:3000",
    ]
)


@st.composite
def cors_headers(draw: st.DrawFn) -> tuple[Header, ...]:
    if draw(st.integers(0, 3)):
        return ()
    headers = [("origin", draw(ORIGINS))]
    if draw(st.booleans()):
        method = draw(st.sampled_from(["POST", "GET", "QUERY", "FOO", ""]))
        headers.append(("access-control-request-method", method))
        if draw(st.booleans()):
            names = draw(st.sampled_from(["authorization", "x-a, X-B", "", "prefer,content-type"]))
            headers.append(("access-control-request-headers", names))
        if draw(st.integers(0, 4)) == 4:
            headers.append(("access-control-request-private-network", "true"))
    return tuple(headers)


# -- forms

BOOLEANS = ["true", "false", "False", "ON", "off", "0", "1", "y", "n", "t", "F", "maybe", ""]
BOOLEANS += [" true", "2", "null", "1.0", "é"]
ORDERS = [
    ORDER,
    "{}",
    "nope",
    "",
    "[]",
    "null",
    '"x"',
    "NaN",
    '{"customer": "Ada", "items": []}',
    '{"customer": "Ada", "items": [{"sku": "A", "quantity": "7"}], "more": 1}',
    '{"customer": 5, "items": [{"sku": "", "quantity": 0}, 3], "shipping": "rocket"}',
    '{"customer": "Ada", "items": [{"sku": "A", "quantity": 1.0}], "note": "ü😀"}',
    '{"customer": "Ada", "items": [{"sku": "A", "quantity": 100}], "note": 5}',
    '{"customer": "Ada", "items": [{"sku": "A", "quantity": true}]}',
    '{"customer": "Ada", "items": {"sku": "A"}, "self": 1}',
    '{"customer": "Ada",',
    "[" * 300 + "]" * 300,
]
FIELDS: dict[str, Sequence[str]] = {
    "message": [
        "tea",
        "tea",
        "",
        "two\nlines\r\n",
        "東京 😀",
        "a\0b",
        "&=+%",
        "{{ 7 * 7 }}",
        *ORDERS,
    ],
    "stream": BOOLEANS,
    "session_id": ["s1", "s2", "", "null", "é x"],
    "user_id": ["ada", "", "null"],
    "version": [*INTEGERS, "99"],
    "extra": ["1", ""],
    "Message": ["x"],
    "": ["", "x"],
    "message[]": ["x"],
}
# Not documented, and read by the real server all the same. A background run is left out: nobody
# waits for its end; and NaN: a state that is no JSON.
UNDOCUMENTED: dict[str, Sequence[str]] = {
    "session_state": ['{"n": 1}', "{}", "null", "nope", "[1]", '"t"'],
    "run_id": ["my-run", "", "null"],
    "stream_events": ["true", "false", "", "null", "x"],
    "background": ["false", "", "null"],
    "additional_data": ["x", "", "{}"],
    "dependencies": ['{"a": 1}', "x", "[]"],
    "metadata": ['{"a": 1}', "x"],
    "knowledge_filters": ["{}", "x"],
    "output_schema": ["{}", "x", '{"type": "object", "title": "T", "properties": {}}'],
    "workflow_id": ["x"],
    "request": ["x"],
    "background_tasks": ["x"],
    "websocket": [""],
    "images": ["", "x", "true", "null"],
    "files": ["[]"],
    "self": ["x", ""],
    "input": ["x"],
    "workflow": ["x"],
    "auth_token": ["x"],
    "run_context": ["x"],
    "websocket_handler": ["x", ""],
    "debug_mode": ["true"],
}
UNDOCUMENTED_PAIRS = st.sampled_from(
    [(name, value) for name, values in UNDOCUMENTED.items() for value in values]
)
FIELD_PAIRS = st.sampled_from(
    [(name, value) for name, values in FIELDS.items() for value in values]
)


@st.composite
def forms(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Fields, most often with a message."""
    fields = draw(st.lists(FIELD_PAIRS, max_size=4))
    if draw(st.integers(0, 5)):
        fields.insert(0, ("message", draw(st.sampled_from(FIELDS["message"]))))
    if draw(st.booleans()):
        fields.append(("stream", draw(st.sampled_from(["false", "0", "true"]))))
    if draw(st.integers(0, 4)) == 4:
        fields.append(draw(UNDOCUMENTED_PAIRS))
    return fields


@st.composite
def mutated(draw: st.DrawFn, body: bytes) -> bytes:
    """The body, or one in which something went wrong on the way."""
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = draw(st.integers(0, len(body)))
        kind = draw(st.sampled_from(["insert", "cut", "drop", "twice"]))
        if kind == "insert":
            odd = [b"%", b"%zz", b"%ff", b"\xff", b"\xc3\xa9", b"\0", b"&", b"=", b";", b"+"]
            odd += [b"\r\n", b'"', b"--b", b"%C3%A9", b"%ED%A0%80", b"#"]
            body = body[:at] + draw(st.sampled_from(odd)) + body[at:]
        elif kind == "cut":
            body = body[:at]
        elif kind == "drop":
            body = body[:at] + body[at + draw(st.integers(1, 5)) :]
        else:
            body = body + body[at:]
    return body


FORM_TYPES = st.sampled_from(
    [
        *[FORM] * 6,
        FORM.upper(),
        f"{FORM}; charset=utf-8",
        f"{FORM};charset=iso-8859-1",
        f" {FORM} ;",
        f"{FORM}, text/plain",
    ]
)
OTHER_TYPES = st.sampled_from(
    [
        None,
        "",
        "application/json",
        "application/json; charset=utf-8",
        "application/problem+json",
        "APPLICATION/JSON",
        "text/plain",
        "text/json",
        "application/octet-stream",
        "multipart/form-data",
        "multipart/mixed; boundary=b",
        "nonsense",
        "application/",
        ";",
        "a/b/c",
    ]
)


def multipart(fields: Sequence[tuple[str, str]], boundary: bytes, file: str | None) -> bytes:
    """A multipart form (RFC 7578); the field named `file` comes as a file."""
    body = b""
    for name, value in fields:
        filename = b'; filename="f.txt"\r\nContent-Type: text/plain' if name == file else b""
        disposition = b'Content-Disposition: form-data; name="%b"%b' % (name.encode(), filename)
        body += b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary, disposition, value.encode())
    return body + b"--%b--\r\n" % boundary


Body = tuple[str | None, bytes | None]
"""A content type and a body."""


@st.composite
def form_bodies(draw: st.DrawFn) -> Body:
    """Mostly a form, mostly of the right type."""
    fields = draw(forms())
    kind = draw(st.sampled_from(["form", "form", "form", "multipart", "other", "none"]))
    if kind == "none":
        return draw(st.sampled_from([None, FORM])), None
    if kind == "multipart":
        boundary = draw(st.sampled_from([b"b", b"b", b"----x", b"c"]))
        file = draw(st.sampled_from([None, None, None, "message", "stream", "extra"]))
        body = multipart(fields, boundary if boundary != b"c" else b"b", file)
        types = [f"multipart/form-data; boundary={boundary.decode()}"] * 3
        types += [f'multipart/form-data; boundary="{boundary.decode()}"; charset=latin-1']
        types += ["multipart/form-data; boundary=", "multipart/form-data"]
        return draw(st.sampled_from(types)), draw(mutated(body))
    text = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in fields)
    body = draw(mutated(text.encode()))
    if kind == "form":
        return draw(FORM_TYPES), body
    return draw(OTHER_TYPES), draw(st.sampled_from([body, json.dumps(dict(fields)).encode()]))


VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        "",
        "s1",
        "s2",
        "x",
        5,
        1.5,
        True,
        {},
        {"n": 1},
        [],
        ["s1"],
        ["workflow"],
        [1],
        "workflow",
    ]
)
KEYS = ["session_id", "session_name", "session_state", "metadata", "user_id", "workflow_id"]
KEYS += ["session_ids", "session_types", "summary", "more"]
RIGHT_JSON = [
    {"session_id": "s1", "session_name": "One", "session_state": {"n": 1}, "user_id": "ada"},
    {"session_ids": ["s1", "none"], "session_types": ["workflow", "workflow"]},
    {"session_ids": ["s1"], "session_types": []},
    {"session_ids": ["s1"], "session_types": ["zebra"]},
    {"session_name": "Two"},
    {"metadata": {"a": [1, None]}},
    {},
]
JSON_VALUES = st.one_of(
    st.sampled_from(RIGHT_JSON),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3),
    VALUES,
)
ODD_JSON = [
    b"",
    b"{",
    b"{bad",
    b"[1,]",
    b"NaN",
    b'{"session_state": {"n": NaN}}',
    b"\xff",
    b'"\xff"',
]
ODD_JSON += [b"\xef\xbb\xbf{}", b'{"session_name": "\\u0000"}']
ODD_JSON += [
    b"nul",
    b"{} {}",
    b"1" * 5000,
    b"[" * 100_000,
    '{"session_name": "é"}'.encode("utf-16"),
]
ODD_JSON += [b'{"session_ids": NaN}', b'{"session_ids": ["\\ud800", 5]}']


@st.composite
def json_bodies(draw: st.DrawFn) -> Body:
    if draw(st.integers(0, 5)) == 5:
        return draw(OTHER_TYPES), None
    body = json.dumps(draw(JSON_VALUES)).encode()
    if draw(st.integers(0, 4)) == 4:
        body = draw(st.sampled_from(ODD_JSON))
    if draw(st.integers(0, 4)) == 4:
        body = draw(mutated(body))
    return draw(st.sampled_from(["application/json"] * 4) | OTHER_TYPES | FORM_TYPES), body


# -- requests


@st.composite
def requests(draw: st.DrawFn) -> HttpRequest:
    """A request; two in three are runs."""
    kind = draw(st.sampled_from(["run", "run", "run", "companion", "companion", "odd"]))
    if kind == "run":
        path, method = draw(RUN_PATHS), "POST"
        media_type, body = draw(form_bodies())
        query = ""
    elif kind == "companion":
        path = draw(COMPANION_PATHS)
        method = draw(st.sampled_from(_methods_of(path)))
        media_type, body = draw(json_bodies()) if method != "GET" else (None, None)
        query = draw(QUERY_STRINGS)
    else:
        path = draw(ODD_PATHS | RUN_PATHS | COMPANION_PATHS)
        method = draw(METHODS)
        media_type, body = draw(form_bodies() | json_bodies() | st.just((None, None)))
        query = draw(QUERY_STRINGS)
    headers = draw(cors_headers())
    headers += draw(TOKENS) if draw(st.integers(0, 3)) == 3 else RIGHT_TOKEN
    if media_type is not None:
        headers += (("content-type", media_type),)
    text = None if body is None else body.decode("latin-1")
    return HttpRequest(method, f"{path}?{query}" if query else path, headers, text)


def _methods_of(path: str) -> list[str]:
    """The methods that a companion's path has."""
    parts = path.strip("/").split("/")
    if parts[0] == "sessions":
        if len(parts) == 1:
            return ["GET", "POST", "POST", "DELETE"]
        if len(parts) == 2:
            return ["GET", "PATCH", "PATCH", "DELETE"]
    return ["POST"] if parts[-1] in ("cancel", "rename") else ["GET"]
