"""A conforming server behind a real nginx, in the ways that people put it there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.conftest import Serve
from tests.nginx_server import nginx

KEY = "gateway-key-8c1f"
PAGE = "<!DOCTYPE html><title>Back soon</title><p>We are improving our service.</p>"


@dataclass
class Gateway:
    """Addresses by name, and the files that TLS takes. `show` puts a server behind them all."""

    addresses: dict[str, str]
    ca: str
    client: str
    client_key: str
    show: Serve

    def __getitem__(self, name: str) -> str:
        scheme = "https" if name in ("tls", "mtls") else "http"
        return f"{scheme}://{self.addresses[name]}"


@pytest.fixture(scope="session")
def gateways(stage: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("nginx")
    authority = trustme.CA()
    files = _certificates(folder, authority)
    behind = stage(_nothing)
    passing = f"proxy_pass {behind};"
    tls = f"ssl; ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server-key.pem;"
    allowed = f'if ($http_x_api_key != "{KEY}") {{ return 403; }} '
    page = (
        "error_page 503 /page; location = /page "
        f"{{ internal; default_type text/html; return 503 '{PAGE}'; }}"
    )
    servers = {
        "plain": f"location / {{ {passing} proxy_buffering off; }}",
        "prefix": f"location /api/ {{ {allowed} proxy_pass {behind}/; proxy_buffering off; }}",
        "query": (
            'location / { if ($arg_tenant != "a") { return 404; } '
            f"{passing} proxy_buffering off; }}"
        ),
        "tls": f"{tls} location / {{ {passing} proxy_buffering off; }}",
        "mtls": (
            f"{tls} ssl_client_certificate {folder}/ca.pem; ssl_verify_client on; "
            f"location / {{ {passing} proxy_buffering off; }}"
        ),
        # A forward proxy, as far as nginx can be one: requests for http:// alone.
        "proxy": "location / { proxy_pass http://$http_host$request_uri; proxy_buffering off; }",
        "cookie": (
            "location / { if ($http_cookie) { return 403; } add_header Set-Cookie "
            f'"session=of-the-gateway; Path=/" always; {passing} proxy_buffering off; }}'
        ),
        "small": f"client_max_body_size 200; location / {{ {passing} proxy_buffering off; }}",
        "limited": (
            "limit_req_status 429; location / { limit_req zone=few burst=3 nodelay; "
            f"{passing} proxy_buffering off; }}"
        ),
        "down": "location / { proxy_pass http://127.0.0.1:1; }",
        "maintenance": f"{page} location / {{ return 503; }}",
        "moved": "location / { return 302 https://login.example/; }",
        "buffered": f"location / {{ {passing} proxy_ignore_headers X-Accel-Buffering; }}",
    }
    top = "limit_req_zone $server_port zone=few:1m rate=1r/m;"
    with nginx(folder, servers, top) as addresses:
        yield Gateway(addresses, *files, stage)


def _certificates(folder: Path, authority: trustme.CA) -> tuple[str, str, str]:
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name in ("server", "client"):
        issued = authority.issue_cert("127.0.0.1" if name == "server" else "client.example")
        for pem in issued.cert_chain_pems:
            pem.write_to_path(str(folder / f"{name}.pem"), append=True)
        issued.private_key_pem.write_to_path(str(folder / f"{name}-key.pem"))
    return tuple(str(folder / name) for name in ("ca.pem", "client.pem", "client-key.pem"))  # type: ignore[return-value]


async def _nothing(scope: object, receive: object, send: object) -> None:
    raise AssertionError("no server was put behind the gateway")
