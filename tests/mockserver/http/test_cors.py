"""Pages of other origins: which may call, and read the answers."""

from __future__ import annotations

import httpx2
import pytest

PREFLIGHT = {
    "origin": "https://app.example",
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization, prefer",
}


def test_a_page_on_a_public_address_may_call_a_mock_on_a_private_one(client: httpx2.Client) -> None:
    headers = {**PREFLIGHT, "access-control-request-private-network": "true"}
    answer = client.options("/workflows/content-pipeline/runs", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-private-network"] == "true"
    assert answer.headers["access-control-allow-origin"] == "https://app.example"


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, "Disallowed CORS origin"),
        ({"origin": "https://os.agno.com"}, None),
        (
            {"origin": "https://os.agno.com", "access-control-request-private-network": "true"},
            "Disallowed CORS private-network",
        ),
    ],
)
def test_as_agno_it_may_not(
    client: httpx2.Client, headers: dict[str, str], refused: str | None
) -> None:
    asked = {**PREFLIGHT, "prefer": "fault=cors.agno-origins", **headers}
    answer = client.options("/workflows", headers=asked)
    assert (answer.status_code, answer.text) == ((400, refused) if refused else (200, "OK"))


def test_a_preflight_for_no_private_network_says_nothing_of_one(client: httpx2.Client) -> None:
    answer = client.options("/workflows", headers=PREFLIGHT)
    assert answer.status_code == 200
    assert "access-control-allow-private-network" not in answer.headers
