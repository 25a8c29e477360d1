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
    TRICKY,
)
"""Messages, ids and values of fields. All of them can be encoded."""

UNITS = ("a", "é", "\U0001f600", "\n", '"', "word ")
"""What long texts are made of."""

FIELDS = (
    "Message",
    "message ",
    "message[]",
    "messages",
    "user",
    "background",
    "__proto__",
    "",
    "é",
)
"""Names that the form does not have."""

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
