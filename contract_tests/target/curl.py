"""A request as a curl command that sends it again, without secrets."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from urllib.parse import quote_plus

from agentos_contract.connection import Connection
from agentos_contract.output import acts

TOKEN_VARIABLE = "AGENTOS_TOKEN"  # nosec B105 # a variable's name
TOKEN_IN_SHELL = f"${TOKEN_VARIABLE}"


def curl_command(
    method: str,
    url: str,
    *,
    connection: Connection | None = None,
    authorization: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
    fields: Sequence[tuple[str, str]] | None = None,
    content: bytes | None = None,
    content_type: str | None = None,
    token: str | None = None,
) -> str:
    """The command, quoted for a POSIX shell.

    `authorization` stands in double quotes, so that `$AGENTOS_TOKEN` in it is expanded; it must
    hold no token itself. A form is given by its `fields`, any other body by its bytes. For `token`
    the variable stands, wherever it is sent.
    """

    def quoted(text: str) -> str:
        parts = text.split(token) if token else [text]
        return f'"{TOKEN_IN_SHELL}"'.join(shlex.quote(part) if part else "" for part in parts)

    # -N: events as they come; -i: status and headers are what most failures are about.
    parts = ["curl -sSiN"]
    is_form = fields is not None
    if method != "POST" or not (fields or content):
        parts.append(f"-X {shlex.quote(method)}")
    parts += _connected(connection) if connection is not None else []
    parts.append(quoted(url))
    if authorization is not None:
        parts.append(f'-H "Authorization: {_in_double_quotes(authorization)}"')
    parts += [f"-H {quoted(f'{name}: {value}')}" for name, value in headers]
    if connection is not None:
        # curl sends a header twice that it is told twice.
        taken = {name for name, _ in headers} | ({"authorization"} if authorization else set())
        beside = {name for name, _ in connection.headers_beside(taken)}
        parts += [f'-H "{n}: {v}"' for n, v in connection.shown_headers if n in beside]
    if is_form:
        parts += [_form_field(name, value, quoted) for name, value in fields or ()]
        if not fields:
            parts.append("-H 'Content-Type: application/x-www-form-urlencoded'")
    elif content is not None:
        if content_type is not None:
            parts.append(f"-H {shlex.quote(f'Content-Type: {content_type}')}")
        if content and _is_plain(content):
            parts.append(f"--data-raw {shlex.quote(content.decode('ascii'))}")
        elif content:
            octal = "".join(_printf_byte(byte) for byte in content)
            return f"printf '{octal}' | {' '.join(parts)} --data-binary @-"
    return " ".join(parts)


def _connected(connection: Connection) -> list[str]:
    """How the server is reached, headers apart."""
    parts = ["-k"] if connection.insecure else []
    for option, file in (
        ("--cacert", connection.ca),
        ("--cert", connection.cert),
        ("--key", connection.key),
    ):
        if file is not None:
            parts += [option, shlex.quote(str(file))]
    if (proxy := connection.shown_proxy) is not None:
        parts += ["-x", f'"{proxy}"' if proxy.startswith("$") else shlex.quote(proxy)]
    return parts


def _form_field(name: str, value: str, quoted: Callable[[str], str]) -> str:
    if not name or acts(name + value):
        # One line to be copied, in which nothing acts. No shell passes NUL on, and of a field
        # without a name curl forgets the equals sign.
        encoded = quote_plus(value, errors="surrogatepass")
        shown = f"{quote_plus(name, errors='surrogatepass')}={encoded}"
        return f"--data-raw {shlex.quote(shown)}"
    return f"--data-urlencode {quoted(f'{quote_plus(name)}={value}')}"


def _is_plain(content: bytes) -> bool:
    return content.isascii() and content.decode("ascii").isprintable()


def _printf_byte(byte: int) -> str:
    if 0x20 <= byte < 0x7F and chr(byte) not in "'\\%":
        return chr(byte)
    return f"\\{byte:03o}"


def _in_double_quotes(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`")
