"""How a server is reached: headers that a gateway wants, TLS, a proxy, a query in its URL.

What is said here is sent with every request. A header's value is a secret: where it would be shown
a shell variable of its name stands instead, `$AGENTOS_HEADER_X_API_KEY` for `X-Api-Key`.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

HEADERS_VARIABLE = "AGENTOS_HEADERS"
"""Of the environment: headers, one a line."""
PROXY_VARIABLE = "AGENTOS_PROXY"

LEAST_SECRET = 8
"""Characters of a header's value that is taken out of texts too: a shorter one (`a`, `true`) stands
in many by chance, and is no secret."""

_NAME = re.compile(r"[A-Za-z0-9!#%&'*+.^_|~-]+")
_EXAMPLE = "expected 'NAME: VALUE', such as 'X-Api-Key: 8f3a'"
_OWN = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that requests have for a reason of their own."""


class ConnectionMistake(ValueError):
    """What is said of a connection cannot be used; str() says what would be right, and has no
    header's value in it. `option` is the one to blame."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option


@dataclass(frozen=True, slots=True)
class Connection:
    """How a server is reached. The default is plainly."""

    headers: tuple[tuple[str, str], ...] = ()
    """Names and values, in their order."""
    ca: Path | None = None
    """Certificates (PEM) of the authorities to trust, instead of those that are usual."""
    insecure: bool = False
    """Any certificate will do."""
    cert: Path | None = None
    """The client's certificate (PEM)."""
    key: Path | None = None
    """Its key, where that is in another file."""
    proxy: str | None = None
    """An HTTP proxy's URL. Without one the usual variables say (HTTPS_PROXY, NO_PROXY)."""

    def headers_beside(self, own: Iterable[str]) -> list[tuple[str, str]]:
        """The headers, without those that a request has of its own."""
        taken = {name.lower() for name in own}
        return [(name, value) for name, value in self.headers if name.lower() not in taken]

    @property
    def shown_headers(self) -> tuple[tuple[str, str], ...]:
        """The headers as a shell makes them that has the values in variables."""
        return tuple((name, f"${variable_of(name)}") for name, _ in self.headers)

    @property
    def shown_proxy(self) -> str | None:
        """The proxy, or a shell variable for one that has a user or a password in it."""
        if self.proxy is not None and "@" in urlsplit(self.proxy).netloc:
            return f"${PROXY_VARIABLE}"
        return self.proxy

    @property
    def secrets(self) -> tuple[tuple[str, str], ...]:
        """Texts that are to stand nowhere, and what stands instead."""
        found = [
            (part, f"${variable_of(name)}")
            for name, value in self.headers
            for part in (value, value.rpartition(" ")[2])
            if len(part) >= LEAST_SECRET
        ]
        if self.proxy is not None and (password := urlsplit(self.proxy).password):
            found += [(self.proxy, f"${PROXY_VARIABLE}"), (password, "…")]
        return tuple(dict.fromkeys(found))

    def tls(self, usual: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        """What TLS trusts and shows; `usual` makes what is trusted unless said. Raises
        ConnectionMistake."""
        if self.ca is not None:
            context = _trusting(self.ca)
        elif self.insecure:
            context = ssl.create_default_context()
        else:
            context = usual()
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.cert is not None:
            _present(context, self.cert, self.key)
        return context


PLAIN = Connection()


def variable_of(name: str) -> str:
    """The shell variable that stands for a header's value."""
    return "AGENTOS_HEADER_" + re.sub("[^A-Z0-9]", "_", name.upper())


def check_url(url: str, host: Callable[[], str]) -> None:
    """Raise ConnectionMistake for what is no server's URL; `host` has the HTTP client read it, and
    raises what the client does."""
    why = _why_no_url(url)
    if why is None:
        try:
            host()
        except Exception as error:
            why = f": {error}"
    if why is not None:
        message = f"{url!r} is no server's URL{why}; expected one such as http://localhost:7777"
        raise ConnectionMistake("URL", message)


def _why_no_url(url: str) -> str | None:
    """What is wrong with it, in words that go on after "is no server's URL"."""
    if not url.isprintable() or re.search(r"[\s\\<>\"^`{|}]", url):
        return ": it has characters in it that no URL has"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return f": {str(error)[:1].lower()}{str(error)[1:]}"
    if parts.scheme not in ("http", "https") or not host:
        return ""
    if port == 0:
        return ": nothing listens on port 0"
    if parts.fragment:
        return f": a server never sees #{parts.fragment}"
    try:
        labels = host.encode("idna").removesuffix(b".").split(b".")
    except UnicodeError:
        return f": {host} is no host's name"
    return None if ":" in host or all(labels) else f": {host} is no host's name"


def below(url: str, path: str) -> str:
    """A path, which may have a query, below a server's URL, whose query is kept. Raises ValueError
    for what would make it another server's."""
    if path and not path.startswith("/"):
        raise ValueError(f"{path!r} is no path below {url}; expected one that begins with /")
    base, _, query = url.partition("?")
    if not query:
        return base.rstrip("/") + path
    return f"{base.rstrip('/')}{path}{'&' if '?' in path else '?'}{query}"


def causes(error: BaseException) -> Iterator[BaseException]:
    """An exception, and what it came of."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def why_untrusted(error: BaseException) -> str | None:
    """What TLS has against a connection, and which option helps; None where it has nothing."""
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = cause.verify_message
            return f"its certificate is not trusted ({why}); its authority's is given by --ca FILE"
        if isinstance(cause, ssl.SSLError) or "ALERT_" in str(cause):
            text = getattr(cause, "reason", None) or str(cause)
            if "CERTIFICATE_REQUIRED" in text or "HANDSHAKE_FAILURE" in text:
                return (
                    f"it refuses TLS ({text}); a client's certificate is given by --cert and --key"
                )
            return f"no TLS is spoken with it ({text})"
    return None


def make_connection(
    *,
    headers: Iterable[str] = (),
    more_headers: Iterable[str] = (),
    ca: Path | None = None,
    insecure: bool = False,
    cert: Path | None = None,
    key: Path | None = None,
    proxy: str | None = None,
) -> Connection:
    """What options say, each header as `NAME: VALUE`; of one name those in `headers` win over those
    in `more_headers`. Raises ConnectionMistake."""
    first = [_header(text, number + 1) for number, text in enumerate(headers)]
    names = {name.lower() for name, _ in first}
    second = [_header(text, number + 1) for number, text in enumerate(more_headers)]
    if insecure and ca is not None:
        raise ConnectionMistake("--insecure", "with --ca it says two things; expected one of them")
    if key is not None and cert is None:
        raise ConnectionMistake("--key", "a key has a certificate; expected --cert FILE too")
    if proxy is not None:
        _check_proxy(proxy)
    connection = Connection(
        (*(one for one in second if one[0].lower() not in names), *first),
        ca,
        insecure,
        cert,
        key,
        proxy,
    )
    if ca is not None or cert is not None:
        connection.tls(ssl.create_default_context)
    return connection


def _header(text: str, number: int) -> tuple[str, str]:
    # Never the text: a secret may stand in it.
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not _NAME.fullmatch(name):
        raise ConnectionMistake("--header", f"header {number} has no name; {_EXAMPLE}")
    if name.lower() in _OWN:
        message = f"requests have a {name} of their own; expected another header"
        raise ConnectionMistake("--header", message)
    if not value:
        raise ConnectionMistake("--header", f"{name} has no value; {_EXAMPLE}")
    if not (value.isascii() and value.isprintable()):
        raise ConnectionMistake("--header", f"no header can carry {name}'s value; expected ASCII")
    return name, value


def _check_proxy(proxy: str) -> None:
    try:
        parts = urlsplit(proxy)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        # It may have a password in it.
        message = "it is no HTTP proxy's URL; expected one such as http://proxy.example:3128"
        raise ConnectionMistake("--proxy", message)


def _trusting(file: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(file))
    except FileNotFoundError as error:
        raise ConnectionMistake("--ca", f"{file}: no such file") from error
    except (OSError, ssl.SSLError) as error:
        message = f"{file}: no certificates in PEM form could be read"
        raise ConnectionMistake("--ca", message) from error


def _present(context: ssl.SSLContext, cert: Path, key: Path | None) -> None:
    for option, file in (("--cert", cert), ("--key", key)):
        if file is not None and not file.is_file():
            raise ConnectionMistake(option, f"{file}: no such file")

    def no_password() -> str:
        raise ConnectionMistake("--key", f"{key or cert}: it has a password; expected none")

    try:
        context.load_cert_chain(cert, key, password=no_password)
    except (OSError, ssl.SSLError) as error:
        where = f"{cert} and {key}" if key is not None else f"{cert}"
        reason = getattr(error, "reason", None) or "unreadable"
        message = f"{where}: no certificate and its key in PEM form ({reason})"
        raise ConnectionMistake("--cert", message) from error
