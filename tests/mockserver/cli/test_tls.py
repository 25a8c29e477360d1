"""TLS by --certfile and --keyfile."""

from __future__ import annotations

import signal
import ssl
from pathlib import Path

import httpx2
import pytest
import trustme
from click.testing import CliRunner

from mockserver.cli import main
from tests.mockserver.cli.test_cli import started, stop


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path, ssl.SSLContext]:
    """A certificate of localhost, its key, and what trusts it."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return certificate, key, context


def test_a_run_is_streamed_over_tls(pair: tuple[Path, Path, ssl.SSLContext]) -> None:
    certificate, key, context = pair
    process, url, _ = started("--certfile", str(certificate), "--keyfile", str(key))
    try:
        assert url.startswith("https://")
        form = {"message": "bees"}
        with (
            httpx2.Client(verify=context, timeout=30) as client,
            client.stream("POST", f"{url}/workflows/content-pipeline/runs", data=form) as answer,
        ):
            assert "WorkflowCompleted" in "".join(answer.iter_text())
            assert client.get(f"{url}/__mock__/status", headers={"origin": url}).status_code == 200
    finally:
        stop(process, signal.SIGTERM)


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["serve", "--port", "0", *arguments])
    assert result.exit_code != 0
    return result.output


def test_what_is_no_certificate_and_key_is_said(
    tmp_path: Path, pair: tuple[Path, Path, ssl.SSLContext]
) -> None:
    certificate, key, _ = (str(each) for each in pair)
    other = trustme.CA().issue_cert("localhost").private_key_pem.bytes()
    (tmp_path / "other.pem").write_bytes(other)
    (tmp_path / "text.pem").write_text("hello")
    assert "--keyfile is missing" in refused("--certfile", certificate)
    assert "--certfile is missing" in refused("--keyfile", key)
    assert "no such file" in refused("--certfile", "nothing.pem", "--keyfile", key)
    wrong = refused("--certfile", certificate, "--keyfile", str(tmp_path / "other.pem"))
    assert "KEY_VALUES_MISMATCH" in wrong
    text = refused("--certfile", str(tmp_path / "text.pem"), "--keyfile", key)
    assert "no certificate and its key in PEM form" in text
