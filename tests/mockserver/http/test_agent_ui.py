"""What Agno's agent-ui asks for, replayed.

Taken down in Chromium from agno-agi/agent-ui at c084377d (December 2025, Next.js 15.2.8, `next dev`
on port 3000), which was pointed at the mock; and from its `src/api` what it sends later.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from agentos_contract.profiles import load_profile
from mockserver.app import Settings, create_app
from tests.conftest import Serve

PAGE = "http://localhost:3000"
START = ("/health", "/teams", "/agents")
"""Of a first visit, in their order: it chooses the first team or agent, and there is none."""
AGAIN = (
    # Of an address with an agent and a session in it: /?agent=nobody&session=abc&db_id=…
    ("/sessions/abc/runs?type=agent&db_id=gone", 404),
    ("/sessions/abc/runs?type=agent", 404),
    ("/sessions?type=agent&component_id=nobody&db_id=gone", 404),
    ("/sessions?type=agent&component_id=nobody&db_id=", 200),
    ("/sessions?type=team&component_id=&db_id=", 200),
)


REAL = pytest.param("a real one", marks=pytest.mark.agentos)


@pytest.fixture(params=["the mock", "--as agno-2.5.6", REAL])
def server(request: pytest.FixtureRequest, serve: Serve) -> str:
    """Its URL."""
    if request.param == "a real one":
        return str(request.getfixturevalue("agentos_url"))
    deviations = load_profile("agno-2.5.6").deviations if "--as" in request.param else frozenset()
    return serve(create_app(Settings(seed=1, deviations=deviations)))


@pytest.fixture
def ui(server: str) -> Iterator[httpx2.Client]:
    headers = {"Origin": PAGE, "Referer": f"{PAGE}/", "Content-Type": "application/json"}
    with httpx2.Client(base_url=server, headers=headers, timeout=30) as client:
        yield client


def asked(ui: httpx2.Client, path: str) -> httpx2.Response:
    """As a browser does it: its JSON Content-Type and its token make each GET ask beforehand."""
    wanted = {
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    for answer in (ui.options(path, headers=wanted), ui.get(path)):
        assert answer.headers["access-control-allow-origin"] == PAGE
    return answer


def test_it_starts(ui: httpx2.Client) -> None:
    health, teams, agents = (asked(ui, path) for path in START)
    assert health.json()["status"] == "ok"
    assert (teams.json(), agents.json()) == ([], [])


@pytest.mark.parametrize(("path", "status"), AGAIN)
def test_it_looks_for_sessions(ui: httpx2.Client, path: str, status: int) -> None:
    answer = asked(ui, path)
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["data"] == []
    else:
        assert isinstance(answer.json()["detail"], str)


def test_with_a_token_it_starts_too(serve: Serve) -> None:
    url = serve(create_app(Settings(seed=1, token="letmein")))
    headers = {"Origin": PAGE, "Authorization": "Bearer letmein"}
    with httpx2.Client(base_url=url, headers=headers, timeout=30) as client:
        assert [asked(client, path).status_code for path in START] == [200, 200, 200]
