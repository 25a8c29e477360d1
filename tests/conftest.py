"""Servers for the tests: the mock and a real AgentOS, over HTTP on free ports."""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx2
import pytest
from hypothesis import HealthCheck, settings
from redis import Redis
from starlette.types import ASGIApp

from agentos_contract.document import Document, load_document
from contract_tests.target.draws import by_seed_alone
from contract_tests.target.serving import serving as serve_in_thread
from mockserver.app import Settings, create_app
from mockserver.script.cel import Cel
from mockserver.script.loader import load_scripts
from tests.processes import AGENTOS_PYTHON as AGENTOS_PYTHON
from tests.processes import ROOT as ROOT
from tests.processes import Forked, module_of
from tests.redis_server import redis_server
from tests.scripts import write_brisk_scripts

# The same examples each time, however busy the machine is, whichever tests ran before: what a suite
# finds does not depend on when it runs. `pytest --hypothesis-profile=default` draws others.
_DRAWS = by_seed_alone()
_DRAWS.__enter__()
settings.register_profile(
    "suite",
    max_examples=40,  # the same each time: many more would find what these found
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")

# cel-python raises the recursion limit at its first expression; Hypothesis minds if that happens
# in the middle of a test.
Cel("true", ())

# Hundreds of processes are started, xdist's workers first: each would compile the kit anew, and
# each pytest rewrite the assertions of all that has plugins for it, for 6 s.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# httpx2's clients read the certificates of all the world's authorities, 50 ms each, whatever they
# speak to. Here nobody speaks to the world.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "authority.pem")

SLOW = (
    "agentos_contract/test_state_machine.py",
    "contract_tests/checks/test_cost.py",
    "contract_tests/checks/test_mutations.py",
    "contract_tests/checks/test_one_cause.py",
    "contract_tests/checks/test_variations.py",
    "contract_tests/commands/test_cli.py",
    "contract_tests/commands/test_selection.py",
    "contract_tests/commands/test_signals.py",
    "contract_tests/drift/test_drift.py",
    "contract_tests/drift/test_drift_published.py",
    "contract_tests/fuzzing",
    "contract_tests/gateways/test_verdicts.py",
    "contract_tests/judging/test_commands.py",
    "contract_tests/judging/test_hostile.py",
    "contract_tests/judging/test_known.py",
    "contract_tests/learning",
    "contract_tests/plugins",
    "contract_tests/pytest_plugin",
    "contract_tests/reports",
    "contract_tests/running",
    "contract_tests/servers",
    "contract_tests/target/test_configuration.py",
    "docs/test_pages.py",
    "mockserver/cli",
    "mockserver/control/test_shared.py",
    "mockserver/engine/test_gates.py",
    "mockserver/faults/test_secrets.py",
    "mockserver/http/test_descriptions.py",
    "mockserver/recordings/test_hostile_servers.py",
    "mockserver/recordings/test_inference.py",
    "mockserver/runner/test_runs.py",
    "mockserver/sessions/test_kills.py",
    "mockserver/test_connections.py",
    "mockserver/test_pytest_plugin.py",
    "mockserver/test_reloading.py",
    "test_completion.py",
    "test_deploy.py",
    "test_load.py",
    "test_soak.py",
    "test_wheel.py",
)
"""Files and folders that took eight seconds and more of a whole run: `slow`, not in `make fast`."""

START_SECONDS = 90

Serve = Callable[[ASGIApp], str]


def serving(app: ASGIApp) -> contextlib.AbstractContextManager[str]:
    """An ASGI application over HTTP, on a free port; its URL. Few of the tests' have a lifespan."""
    return serve_in_thread(app, lifespan="off")


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve applications for the length of a test."""
    with contextlib.ExitStack() as stack:
        yield lambda app: stack.enter_context(serving(app))


@pytest.fixture(scope="session")
def document() -> Document:
    return load_document()


@pytest.fixture(scope="session")
def mock_url() -> Iterator[str]:
    """The mock on its bundled scripts, without a token."""
    with serving(create_app(Settings(seed=1))) as url:
        yield url


@pytest.fixture(scope="session")
def locked_mock_url() -> Iterator[str]:
    """The mock on its bundled scripts, with the token `letmein`."""
    with serving(create_app(Settings(seed=1, token="letmein"))) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A redis-server, which the tests of a process share."""
    with redis_server() as (url, _):
        yield url


@pytest.fixture
def empty_redis(redis_url: str) -> str:
    """A redis-server with nothing in it."""
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
    return redis_url


@pytest.fixture
def client(mock_url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=mock_url, timeout=30) as client:
        yield client


@contextlib.contextmanager
def server_process(
    command: list[str], *, cwd: Path = ROOT, environment: Mapping[str, str] = os.environ
) -> Iterator[str]:
    """A command that says `listening on URL` once it does; the URL."""
    process: subprocess.Popen[str] | Forked
    if command[1:3] == ["-m", "scripted_agentos"]:
        process = Forked(
            command[2],
            *command[3:],
            python=AGENTOS_PYTHON,
            folder=cwd,
            environment=environment,
            is_quiet=True,
        )
    elif module := module_of(command):
        process = Forked(module, *command[1:], folder=cwd, environment=environment, is_quiet=True)
    else:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            cwd=cwd,
        )
    with listening(process, " ".join(command)) as url:
        yield url


@contextlib.contextmanager
def listening(process: subprocess.Popen[str] | Forked, name: str) -> Iterator[str]:
    """The URL that a process says it listens on; at the end it is ended."""
    timer = threading.Timer(START_SECONDS, process.kill)
    timer.start()
    assert process.stdout is not None
    # Nobody reads its chatter, and it must not wait for a reader.
    drain = threading.Thread(target=process.stdout.read, daemon=True)
    try:
        url = None
        for line in process.stdout:
            if line.startswith("listening on "):
                url = line.removeprefix("listening on ").strip()
                break
        timer.cancel()
        drain.start()
        assert url, f"{name} did not start within {START_SECONDS} s"
        yield url
    finally:
        timer.cancel()
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if drain.ident is not None:
            drain.join()
        process.stdout.close()


@contextlib.contextmanager
def agentos(
    workflows: Path,
    token: str | None = None,
    *,
    os_id: str = "agentos",
    python: Path = AGENTOS_PYTHON,
) -> Iterator[str]:
    """A real AgentOS, 2.5.6 or that of `python`, which serves a folder of scripts; its URL."""
    if not python.exists():
        pytest.fail(f"{python} is missing; `make agentos` makes the one of 2.5.6")
    options = ["--workflows", str(workflows), "--port", "0", "--id", os_id]
    options += ["--token", token] if token else []
    process = Forked("scripted_agentos", *options, python=python, is_quiet=True)
    with listening(process, str(python)) as url:
        yield url


@pytest.fixture(scope="session")
def brisk_scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the bundled scripts without their long waits."""
    folder = tmp_path_factory.mktemp("brisk")
    write_brisk_scripts(folder)
    return folder


@pytest.fixture(scope="session")
def brisk_mock_url(brisk_scripts: Path) -> Iterator[str]:
    """The mock on those scripts, without a token."""
    with serving(
        create_app(Settings(workflows=load_scripts(brisk_scripts).workflows, seed=1))
    ) as url:
        yield url


@pytest.fixture(scope="session")
def agentos_url(brisk_scripts: Path) -> Iterator[str]:
    """A real AgentOS 2.5.6 on those scripts."""
    with agentos(brisk_scripts) as url:
        yield url


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What asks for a real AgentOS, and what is slow, is marked so: `make fast` leaves it out."""
    for item in items:
        if item.path.relative_to(ROOT / "tests").as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)
        if "agentos_url" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.agentos)


def pytest_collection_finish() -> None:
    """What has been imported and collected stays: the collector need not look at it again and
    again, which took a twentieth of the suite's time."""
    gc.freeze()
