"""How a server behind a real nginx is reached: TLS, certificates, headers, paths, queries."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.requests import Request
from starlette.responses import Response

from mockserver.cli.record import record
from tests.conftest import Serve
from tests.contract_tests.conftest import run_cli
from tests.contract_tests.gateways.conftest import KEY, Gateway
from tests.contract_tests.server import ConformingServer, Refused

QUICK = ("--max-runs", "8", "--max-examples", "0", "--level", "document")
TOKEN = "a-token-for-tests"


def test_a_certificate_is_trusted_by_ca_alone(gateways: Gateway) -> None:
    gateways.show(ConformingServer())
    untrusted = run_cli(gateways["tls"], *QUICK)
    assert untrusted.exit_code == 2
    assert untrusted.stderr.count("\n") == 1
    assert "its certificate is not trusted" in untrusted.stderr
    assert "--ca FILE" in untrusted.stderr
    for option in (("--ca", gateways.ca), ("--insecure",)):
        outcome = run_cli(gateways["tls"], *QUICK, *option)
        assert outcome.exit_code == 0, outcome.output


def test_a_client_shows_its_certificate(gateways: Gateway) -> None:
    gateways.show(ConformingServer())
    shown = ("--cert", gateways.client, "--key", gateways.client_key)
    outcome = run_cli(gateways["mtls"], *QUICK, "--ca", gateways.ca, *shown)
    assert outcome.exit_code == 0, outcome.output


@pytest.mark.parametrize("way", ["option", "environment", "file"])
def test_a_prefix_that_wants_a_header(
    way: str, gateways: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ConformingServer()
    server.token = TOKEN
    gateways.show(server)
    monkeypatch.chdir(tmp_path)
    header, arguments = f"X-Api-Key: {KEY}", ["--token", TOKEN, "--log", "log.har"]
    environment: dict[str, str | None] = {"AGENTOS_HEADERS": None}
    if way == "option":
        arguments += ["--header", header]
    elif way == "environment":
        environment["AGENTOS_HEADERS"] = f"{header}\nX-Other: x\n"
    else:
        Path("contract-tests.toml").write_text(f'header = ["{header}"]\n', encoding="utf-8")
    url = f"{gateways['prefix']}/api"
    outcome = run_cli(url, *QUICK, *arguments, env=environment)
    assert outcome.exit_code == 0, outcome.output
    assert KEY not in Path("log.har").read_text(encoding="utf-8")
    assert "$AGENTOS_HEADER_X_API_KEY" in Path("log.har").read_text(encoding="utf-8")


def test_a_query_is_kept(gateways: Gateway) -> None:
    gateways.show(ConformingServer())
    outcome = run_cli(f"{gateways['query']}/?tenant=a", *QUICK)
    assert outcome.exit_code == 0, outcome.output


@pytest.mark.parametrize("way", ["option", "HTTP_PROXY", "NO_PROXY"])
def test_a_proxy(way: str, gateways: Gateway, serve: Serve) -> None:
    seen: list[bool] = []

    class Seeing(ConformingServer):
        async def answer(self, request: Request) -> Response:
            seen.append(request.headers.get("connection") == "close")  # nginx's habit
            return await super().answer(request)

    url = serve(Seeing())
    proxy = f"http://{gateways.addresses['proxy']}"
    environment: dict[str, str | None] = {"NO_PROXY": "", "no_proxy": None, "HTTP_PROXY": None}
    options = ["--proxy", proxy] if way == "option" else []
    if way != "option":
        environment["HTTP_PROXY"] = proxy
    if way == "NO_PROXY":
        environment["NO_PROXY"] = "127.0.0.1"
    outcome = run_cli(url, *QUICK, *options, env=environment)
    assert outcome.exit_code == 0, outcome.output
    assert set(seen) == {way != "NO_PROXY"}


def test_a_recording_is_made_through_a_gateway(gateways: Gateway, tmp_path: Path) -> None:
    gateways.show(ConformingServer())
    through = ["--out", str(tmp_path), "--ca", gateways.ca, "--cert", gateways.client]
    through += ["--key", gateways.client_key, "--header", f"X-Api-Key: {KEY}"]
    outcome = CliRunner().invoke(record, [f"{gateways['mtls']}/?tenant=a", *through])
    assert outcome.exit_code == 0, outcome.output
    untrusted = CliRunner().invoke(record, [gateways["tls"], "--out", str(tmp_path)])
    assert untrusted.exit_code == 2
    assert "--ca FILE" in untrusted.output


def test_no_cookie_is_kept(gateways: Gateway) -> None:
    gateways.show(ConformingServer())
    outcome = run_cli(gateways["cookie"], *QUICK)
    assert outcome.exit_code == 0, outcome.output


class Forgetful(ConformingServer):
    """Says 409 where it is asked for a workflow that it has not."""

    def find(self, workflow_id: str) -> None:
        if workflow_id not in self.workflows:
            raise Refused(409, "no")


def test_a_printed_command_works(gateways: Gateway, tmp_path: Path) -> None:
    gateways.show(Forgetful())
    shown = ("--cert", gateways.client, "--key", gateways.client_key, "--ca", gateways.ca)
    header = "X-Api-Key: a value with spaces"
    outcome = run_cli(f"{gateways['mtls']}/?tenant=a", *QUICK, *shown, "--header", header)
    assert outcome.exit_code == 1, outcome.output
    assert "a value with" not in outcome.output
    command = next(line for line in outcome.output.splitlines() if "curl" in line).strip()
    done = subprocess.run(
        ["sh", "-c", command],
        env={"PATH": "/usr/bin:/bin", "AGENTOS_HEADER_X_API_KEY": "x"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "409" in done.stdout, (command, done.stderr)
