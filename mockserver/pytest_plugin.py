"""The fixture `agentos_mock`: a scope of the mock for each test (docs/pytest-mock.md).

Every pytest of an environment imports this: it imports pytest alone until the fixture is asked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mockserver.client import MockClient

URL_VARIABLE = "AGENTOS_MOCK_URL"
_CLIENT = pytest.StashKey["MockClient"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("agentos-mock", "the fixture agentos_mock")
    group.addoption(
        "--agentos-mock-url",
        metavar="URL",
        help="A mock that runs already, instead of one in this process. "
        f"Also {URL_VARIABLE}; its token is AGENTOS_TOKEN.",
    )
    parser.addini("agentos_mock_workflows", "The folder of scripts that agentos_mock serves.")
    parser.addini("agentos_mock_profile", "As which server it behaves, such as agno-2.5.6.")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "agentos_mock(lenient=False): lenient=True lets a test leave gates unreleased and rules "
        "unused.",
    )


@pytest.fixture(scope="session")
def agentos_mock_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The mock's address: a running one's, else of one that is served from this process."""
    config = request.config
    url = config.getoption("--agentos-mock-url") or os.environ.get(URL_VARIABLE)
    if url:
        yield url
        return
    from mockserver.app import Settings, create_app
    from mockserver.script.loader import BUNDLED_SCRIPTS, load_scripts
    from mockserver.server import serving

    profile, folder = config.getini("agentos_mock_profile"), config.getini("agentos_mock_workflows")
    deviations: frozenset[str] = frozenset()
    if profile:
        from agentos_contract.profiles import load_profile

        deviations = load_profile(profile).deviations
    scripts = load_scripts(config.rootpath / folder if folder else BUNDLED_SCRIPTS)
    settings = Settings(workflows=scripts.workflows, deviations=deviations, seed=1)
    with serving(create_app(settings)) as url:
        yield url


@pytest.fixture
def agentos_mock(request: pytest.FixtureRequest, agentos_mock_url: str) -> Iterator[MockClient]:
    """One test's scope of the mock: rules, gates, runs, journal, clock (`MockClient`).

    A test that leaves a gate unreleased, or a rule unused, fails when it is over.
    """
    from mockserver.client import MockClient

    name = re.sub(r"[^\w.-]+", "-", request.node.name)[:80].strip("-")
    client = MockClient(
        agentos_mock_url,
        f"{name}-{os.urandom(4).hex()}",
        token=os.environ.get("AGENTOS_TOKEN") or None,
    )
    request.node.stash[_CLIENT] = client
    try:
        yield client
    finally:
        del request.node.stash[_CLIENT]
        report = client.close()
    marker = request.node.get_closest_marker("agentos_mock")
    if marker is None or not marker.kwargs.get("lenient"):
        problems = _problems(report)
        if problems:
            pytest.fail("\n".join(problems), pytrace=False)


def _problems(report: dict[str, Any]) -> list[str]:
    """What a test has left undone."""
    return [
        *(f"nobody released the gate {gate!r}" for gate in report["unreleased_gates"]),
        *(f"the rule {rule['answer']} changed no request" for rule in report["unused_rules"]),
    ]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    client = item.stash.get(_CLIENT, None)
    if client is not None and report.when == "call" and report.failed:
        report.sections.append(("agentos-mock", f"{client.timeline()}\n{client.page}"))
    return report
