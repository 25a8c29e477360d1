"""With --as agno-2.5.6 the mock answers any request as the real server: kept and drawn requests.

`python -m tests.differential.requests` draws thousands.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml
from hypothesis import HealthCheck
from hypothesis import strategies as st

from tests.differential.requests_drawn import HttpRequest, requests
from tests.differential.requests_exceptions import exceptions, excuse, unexcused
from tests.differential.requests_sent import Servers, both_servers

pytestmark = pytest.mark.agentos

CASES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "requests_cases.yaml").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with both_servers() as servers:
        yield servers


@pytest.fixture(scope="module")
def apart() -> Iterator[Servers]:
    """Servers of their own for what leaves them different."""
    with both_servers() as servers:
        yield servers


def read_case(case: dict[str, Any]) -> HttpRequest:
    """A case's request; a body `{before, text, times}` is long."""
    body = case.get("body")
    if isinstance(body, dict):
        body = body.get("before", "") + body["text"] * body["times"]
    headers = tuple((name, value) for name, value in case.get("headers", ()))
    return HttpRequest(case["method"], case["target"], headers, body)


def about(case: dict[str, Any]) -> str:
    return str(case["about"])


@pytest.mark.parametrize("case", [case for case in CASES if "exception" not in case], ids=about)
def test_a_kept_request_is_answered_alike(servers: Servers, case: dict[str, Any]) -> None:
    found = servers.differences(read_case(case), locked=case.get("locked", False))
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("case", [case for case in CASES if "exception" in case], ids=about)
def test_an_exception_still_differs(apart: Servers, case: dict[str, Any]) -> None:
    request = read_case(case)
    found = apart.differences(request, locked=case.get("locked", False))
    assert [excuse(request, one) for one in found[:1]] == [case["exception"]]


def test_each_exception_has_a_case_that_shows_it() -> None:
    shown = {case["exception"] for case in CASES if "exception" in case}
    assert shown == {one.name for one in exceptions()}


def test_drawn_requests_are_answered_alike(servers: Servers) -> None:
    @hypothesis.settings(
        max_examples=200,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(requests(), st.booleans())
    def ask(request: HttpRequest, locked: bool) -> None:
        found = unexcused(request, servers.differences(request, locked=locked)[:1])
        assert not found, f"{request}\n{found[0]}"

    ask()
