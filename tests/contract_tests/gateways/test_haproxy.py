"""The same behind a real HAProxy, which says nowhere who it is."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.contract_tests.conftest import run_cli
from tests.contract_tests.server import ConformingServer

QUICK = ("--max-examples", "0")
CONFIGURATION = """
global
  maxconn 200
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend wants-a-header
  bind fd@{header}
  http-request deny deny_status 403 unless {{ req.hdr(x-api-key) -m str gateway-key-8c1f }}
  default_backend server
frontend limited
  bind fd@{limited}
  stick-table type ip size 1k expire 1h store http_req_cnt
  http-request track-sc0 src
  http-request deny deny_status 429 if {{ sc_http_req_cnt(0) gt 60 }}
  default_backend server
frontend down
  bind fd@{down}
  default_backend nobody
backend server
  server one {behind}
backend nobody
  server none 127.0.0.1:1
"""


@pytest.fixture
def haproxy(stage: Serve, tmp_path: Path) -> Iterator[dict[str, str]]:
    """URLs by name, in front of a conforming server."""
    program = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("there is no HAProxy; `make gateways` installs it")
    behind = stage(ConformingServer()).removeprefix("http://")
    sockets = {name: socket.socket() for name in ("header", "limited", "down")}
    for each in sockets.values():
        each.bind(("127.0.0.1", 0))
        each.listen(128)
    numbers = {name: each.fileno() for name, each in sockets.items()}
    file = tmp_path / "haproxy.cfg"
    file.write_text(CONFIGURATION.format(behind=behind, **numbers), encoding="utf-8")
    urls = {name: f"http://127.0.0.1:{each.getsockname()[1]}" for name, each in sockets.items()}
    process = subprocess.Popen(
        [program, "-db", "-f", str(file)],
        pass_fds=list(numbers.values()),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for each in sockets.values():
        each.close()
    try:
        yield urls
    finally:
        process.kill()  # it would wait for connections that are open
        process.wait(30)


def test_what_haproxy_answers_is_not_the_servers(haproxy: dict[str, str]) -> None:
    refused = run_cli(haproxy["header"], *QUICK)
    assert refused.exit_code == 2
    assert "could not be decided: 403 Forbidden and an HTML page" in refused.stderr
    allowed = run_cli(haproxy["header"], *QUICK, "--header", "X-Api-Key: gateway-key-8c1f")
    assert allowed.exit_code == 0, allowed.output
    down = run_cli(haproxy["down"], *QUICK)
    assert down.exit_code == 2
    assert "could not be decided: 503 Service Unavailable" in down.stderr
    limited = run_cli(haproxy["limited"], *QUICK)
    assert limited.exit_code in (0, 2), limited.output
    assert "could not be decided: 429" in limited.output
