"""The pytest plugin: one test for each requirement, in a user's own suite.

    pytest --contract-url https://staging.example       # what runs there
    pytest --contract-app my_project.main:app           # an ASGI application, in this process

or, where the application is made by fixtures, a fixture `contract_app` and a test that asks for
`contract_requirement`. docs/pytest.md has both.

Loaded by every pytest of the environment: it imports nothing but pytest until it is asked for.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from contract_tests.pytest_plugin.options import FLAGS, OPTIONS, REPEATED

if TYPE_CHECKING:
    from contract_tests.pytest_plugin.run import ContractReport, ContractResult

MARKER = (
    "contract(area, level): a requirement of the contract; "
    "-m 'contract(area=\"sse\")' selects by the first part of its id"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("contract", "contract tests of an AgentOS workflow API")
    group.addoption("--contract-url", metavar="URL", help="Test the server at URL.")
    group.addoption(
        "--contract-app",
        metavar="MODULE:ATTRIBUTE",
        help="Test an ASGI application, served by this process.",
    )
    for name, text in OPTIONS.items():
        if name in FLAGS:
            group.addoption(f"--contract-{name}", action="store_true", help=text)
            continue
        action = "append" if name in REPEATED else "store"
        metavar = name.rpartition("-")[2].upper()
        group.addoption(f"--contract-{name}", action=action, metavar=metavar, help=text)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    if _is_asked_for(config) and not (config.option.collectonly or _is_worker(config)):
        from contract_tests.pytest_plugin.run import settings_of

        settings_of(config).options  # noqa: B018 - what is wrong with them is said before anything


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each requirement, of what asks for `contract_requirement`."""
    if "contract_requirement" not in metafunc.fixturenames:
        return
    from contract_tests.pytest_plugin.run import requirements_of

    metafunc.parametrize(
        "contract_requirement",
        [
            pytest.param(
                requirement.id,
                id=requirement.id,
                marks=pytest.mark.contract(area=requirement.area, level=str(requirement.level)),
            )
            for requirement in requirements_of(metafunc.config)
        ],
        indirect=True,
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the suite where a target was named and nobody has tests of their own for it, before
    others select."""
    own = [item for item in items if _asks_for(item, "contract_requirement")]
    if not own and _is_asked_for(config):
        file = Path(__file__).with_name("suite.py")
        own = list(
            session.genitems(_Suite.from_parent(session, path=file, nodeid="contract-tests"))
        )
        items += own
    for item in own:
        if config.pluginmanager.hasplugin("timeout"):
            # The tests are run in the set-up of whichever comes first, and have limits themselves.
            item.add_marker(pytest.mark.timeout(0))
        if config.pluginmanager.hasplugin("xdist"):
            # With --dist loadgroup one worker has them all; else the others wait for it.
            item.add_marker(pytest.mark.xdist_group("contract"))


class _Suite(pytest.Module):
    """The kit's tests, in whatever suite; `python_files` and `python_functions` don't matter."""

    def _getobj(self) -> Any:
        return importlib.import_module("contract_tests.pytest_plugin.suite")

    def funcnamefilter(self, name: str) -> bool:
        return name == "test_requirement"


@pytest.fixture(scope="module")
def contract_app(pytestconfig: pytest.Config) -> Any:
    """The ASGI application to test in this process; None is none. Override it."""
    name = pytestconfig.getoption("--contract-app")
    if name is None:
        return None
    from uvicorn.importer import ImportFromStringError, import_from_string

    # As uvicorn's command line finds it, after whatever pytest was told.
    if (directory := str(pytestconfig.invocation_params.dir)) not in sys.path:
        sys.path.append(directory)
    try:
        return import_from_string(name)
    except ImportFromStringError as error:
        problem = str(error)
    pytest.fail(f"--contract-app: {problem}", pytrace=False)


@pytest.fixture(scope="module")
def contract_token() -> str | None:
    """The bearer token; None is what options, environment and configuration say. Override it."""
    return None


@pytest.fixture(scope="module")
def contract_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The target's URL: --contract-url, or where `contract_app` is served, or the
    configuration's. Override it."""
    from contract_tests.pytest_plugin.run import settings_of

    url = request.config.getoption("--contract-url")
    app = request.getfixturevalue("contract_app") if url is None else None
    if app is None:
        url = url or settings_of(request.config).url
        if url is None:
            pytest.fail(
                "contract tests: no target; expected --contract-url URL, --contract-app "
                "MODULE:ATTRIBUTE, a fixture contract_app, or `url` in contract-tests.toml",
                pytrace=False,
            )
        yield url
        return
    from contract_tests.target.serving import CannotServe, serving

    with contextlib.ExitStack() as stack:
        problem = ""
        try:
            url = stack.enter_context(serving(app))
        except CannotServe as error:
            problem = str(error)
        if problem:
            pytest.fail(f"contract tests: {problem}", pytrace=False)
        yield url


@pytest.fixture(scope="module")
def contract_report(request: pytest.FixtureRequest) -> ContractReport:
    """What a run of the contract tests showed: once a module, whichever worker comes first."""
    from contract_tests.pytest_plugin.run import report_of

    return report_of(request)


@pytest.fixture
def contract_requirement(
    request: pytest.FixtureRequest, contract_report: ContractReport
) -> ContractResult:
    """How one requirement fared; its `verify()` passes, fails, skips or is an expected failure."""
    request.node.user_properties += [
        ("contract_seed", str(contract_report.seed)),
        ("contract_summary", contract_report.summary),
    ]
    result = contract_report[request.param]
    if result.status == "error":
        pytest.fail(result.text_for_people, pytrace=False)
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = {
        str(value): None
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "contract_summary"
    }
    if lines:
        terminalreporter.section("contract tests")
        for line in lines:
            terminalreporter.write_line(line)


def _is_asked_for(config: pytest.Config) -> bool:
    return bool(config.getoption("--contract-url") or config.getoption("--contract-app"))


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _asks_for(item: pytest.Item, fixture: str) -> bool:
    return fixture in getattr(item, "fixturenames", ())
