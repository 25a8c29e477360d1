"""Running the contract tests in-process."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
import yaml
from click.testing import CliRunner
from click.testing import Result as Outcome
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_contract.document import load_document
from contract_tests.checks.selection import Selection
from contract_tests.cli import main
from contract_tests.judging.results import Result, Status
from contract_tests.running.run import Options, Report, run_contract_tests
from contract_tests.target.client import Limits
from tests.conftest import Serve, serving

DOCUMENT = load_document()


def report_on(url: str, **options: Any) -> Report:
    """Run the contract tests at a depth that is enough for a small server, which is thrown away
    with its sessions."""
    settings: dict[str, Any] = {
        "seed": 7,
        "max_examples": 0,
        "keep_sessions": True,
        "document": DOCUMENT,
    }
    return run_contract_tests(Options(url=url, **settings | options))


def part_for(name: str, breaks: Collection[str], *, every: int) -> dict[str, Any]:
    """The options of `--only` these requirements; none for one name in `every`, for which all
    checks are made."""
    if crc32(name.encode()) % every == 0:
        return {}
    return {"selection": Selection(only=[*breaks])}


def by_status(report: Report, status: Status) -> dict[str, Result]:
    """The results of that status, by requirement id."""
    return {r.requirement.id: r for r in report.results if r.status is status}


def broken(report: Report) -> set[str]:
    """The ids of the requirements that were broken; no check may have failed itself."""
    assert not report.crashes
    return set(by_status(report, Status.FAILED))


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of workflows that somebody else may have, one of each kind."""
    folder = tmp_path_factory.mktemp("others")
    file = Path(__file__).parent / "others.yaml"
    for script in yaml.safe_load_all(file.read_text(encoding="utf-8")):
        (folder / f"{script['id']}.json").write_text(json.dumps({"name": script["id"], **script}))
    return folder


class Stage:
    """An ASGI application that others take turns on: starting a server takes as long as a test."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def stage() -> Iterator[Serve]:
    """Serve an application until the next one; its URL."""
    stage = Stage()
    with serving(stage) as url:

        def show(app: ASGIApp) -> str:
            stage.app = app
            return url

        yield show


SHORT = Limits(idle=1.0, total=2.0, max_bytes=200_000, max_events=2_000)


def run_cli(*arguments: str, env: Mapping[str, str | None] | None = None) -> Outcome:
    """`contract-tests` with these arguments, in this process; nothing of the caller's environment
    that it would read."""
    environment = {
        "AGENTOS_TOKEN": None,
        "AGENTOS_HEADERS": None,
        "AGENTOS_PROXY": None,
        **(env or {}),
    }
    return CliRunner().invoke(main, arguments, env=environment, catch_exceptions=False)
