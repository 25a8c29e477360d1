"""How a server is reached: what options mean, what is shown of them, which mistakes are said."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from agentos_contract.connection import Connection, below, make_connection
from contract_tests.target.client import Client
from contract_tests.target.exchange import Request
from contract_tests.target.redaction import Secrets, redact
from tests.contract_tests.conftest import run_cli

NOWHERE = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("url", "path", "expected"),
    [
        ("http://gw", "/x", "http://gw/x"),
        ("http://gw/api/", "/x?a=1", "http://gw/api/x?a=1"),
        ("http://gw/api?t=a", "/x", "http://gw/api/x?t=a"),
        ("http://gw/?t=a&u=%20", "/x?a=1", "http://gw/x?a=1&t=a&u=%20"),
        ("http://gw/api/?t=a", "", "http://gw/api?t=a"),
    ],
)
def test_a_path_below_a_url(url: str, path: str, expected: str) -> None:
    assert below(url, path) == expected


def test_headers_of_the_same_name() -> None:
    made = make_connection(headers=["x-key: 2"], more_headers=["X-Key: 1", "X-Other: 3"])
    assert made.headers == (("X-Other", "3"), ("x-key", "2"))


def test_a_command_has_everything_but_secrets() -> None:
    connection = Connection(
        headers=(("X-Api-Key", "a-secret-value"),),
        ca=Path("ca of ours.pem"),
        cert=Path("c.pem"),
        key=Path("k.pem"),
        proxy="http://me:secret@proxy:3128",
    )
    command = Client("https://gw/api?t=a", connection=connection).curl(Request("GET", "/x"))
    assert command == (
        "curl -sSiN -X GET --cacert 'ca of ours.pem' --cert c.pem --key k.pem"
        " -x \"$AGENTOS_PROXY\" 'https://gw/api/x?t=a'"
        ' -H "X-Api-Key: $AGENTOS_HEADER_X_API_KEY"'
    )
    insecure = Client("https://gw", connection=Connection(insecure=True, proxy="http://p"))
    assert insecure.curl(Request("GET", "/x")) == "curl -sSiN -X GET -k -x http://p https://gw/x"


def test_a_header_of_the_request_is_sent_once() -> None:
    client = Client("http://gw", connection=Connection(headers=(("Origin", "http://one"),)))
    command = client.curl(Request("GET", "/x", headers=(("origin", "http://two"),)))
    assert command.lower().count("origin") == 1


def test_values_are_taken_out_of_texts() -> None:
    connection = Connection(headers=(("Authorization", "Basic dXNlcjpwdw=="), ("X-Tenant", "a")))
    said = redact("a Basic dXNlcjpwdw== dXNlcjpwdw== b", Secrets(others=connection.secrets))
    assert said == "a $AGENTOS_HEADER_AUTHORIZATION $AGENTOS_HEADER_AUTHORIZATION b"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--header", "secret-x"], "'NAME: VALUE'"),
        (["--header", "X-Key: "], "X-Key has no value"),
        (["--header", "X-Key: ü-secret"], "expected ASCII"),
        (["--header", "Content-Type: secret/x"], "of their own"),
        (["--header", "Authorization: secret", "--token", "t"], "not both"),
        (["--ca", "nothing.pem"], "nothing.pem: no such file"),
        (["--ca", "text.pem"], "text.pem: no certificates in PEM form"),
        (["--ca", "text.pem", "--insecure"], "expected one of them"),
        (["--key", "text.pem"], "expected --cert FILE too"),
        (["--cert", "text.pem"], "no certificate and its key"),
        (["--cert", "text.pem", "--key", "nothing.pem"], "nothing.pem: no such file"),
        (["--proxy", "socks5://me:secret@proxy"], "no HTTP proxy's URL"),
    ],
)
@pytest.mark.parametrize("command", [[], ["drift"], ["fuzz"], ["learn", "--out", "x"]])
def test_mistakes_are_said(
    command: list[str],
    options: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.pem").write_text("hello")
    outcome = run_cli(*command, NOWHERE, *options)
    assert outcome.exit_code == 2
    last = outcome.stderr.strip().splitlines()[-1]
    assert said in last
    assert "secret" not in last.replace("secret/x", "").replace("Secret", "")


def test_a_key_with_a_password_is_said(tmp_path: Path) -> None:
    # No prompt: a CI server would wait for ever.
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    issued = trustme.CA().issue_cert("client.example")
    pem = issued.private_key_pem.bytes()
    encrypted = load_pem_private_key(pem, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
    )
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(issued.cert_chain_pems[0].bytes())
    key.write_bytes(encrypted)
    outcome = run_cli(NOWHERE, "--cert", str(cert), "--key", str(key))
    assert outcome.exit_code == 2
    assert "it has a password; expected none" in outcome.stderr


def test_an_environments_proxy_that_cannot_be_used_is_said() -> None:
    outcome = run_cli(NOWHERE, env={"ALL_PROXY": "socks5://me:secret@proxy:1080"})
    assert outcome.exit_code == 2
    assert "ALL_PROXY of the environment is no HTTP proxy, but socks5" in outcome.stderr
    assert "secret" not in outcome.stderr


def test_a_proxy_that_is_not_there_is_said() -> None:
    outcome = run_cli("http://service.example", "--proxy", NOWHERE)
    assert outcome.exit_code == 2
    assert outcome.stderr.count("\n") == 1
