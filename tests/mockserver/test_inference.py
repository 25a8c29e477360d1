"""A script inferred from recordings gives what was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from agentos_contract.profiles import load_profile
from mockserver.app import Settings, create_app
from mockserver.cli import main
from mockserver.script import BUNDLED_SCRIPTS, load_scripts
from tests.conftest import serving
from tests.runs import masked, message_for, stream

MESSAGE = "cats and dogs"

# The others' steps answer otherwise in one run: by attempt, by iteration, by the session's state.
REPRODUCED = [
    "article-steps",
    "article-writer",
    "best-effort",
    "content-pipeline",
    "gatekeeper",
    "json-answer",
    "market-scan",
    "news-router",
    "pet-advice",
    "research-team",
    "rush-hour",
]


@pytest.fixture(scope="module")
def inferred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scripts from recordings of the mock as a real server."""
    folder = tmp_path_factory.mktemp("inferred")
    settings = Settings(seed=1, deviations=load_profile("agno-2.5.6").deviations)
    with serving(create_app(settings)) as url:
        arguments = ["record", url, "--out", str(folder / "recorded"), "--message", MESSAGE]
        for workflow_id in [*REPRODUCED, "slow-report", "doomed"]:
            arguments += ["--workflow", workflow_id]
        assert CliRunner().invoke(main, arguments).exit_code == 0
    arguments = ["record", str(folder / "recorded"), "--out", str(folder / "scripts")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return folder / "scripts"


@pytest.fixture(scope="module")
def both(inferred: Path) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Clients of the mock on the scripts that were recorded, and on those that were inferred."""
    deviations = load_profile("agno-2.5.6").deviations
    apps = [
        create_app(Settings(workflows=load_scripts(folder).workflows, deviations=deviations))
        for folder in (BUNDLED_SCRIPTS, inferred)
    ]
    with (
        serving(apps[0]) as first,
        serving(apps[1]) as second,
        httpx.Client(base_url=first, timeout=30) as original,
        httpx.Client(base_url=second, timeout=30) as copy,
    ):
        yield original, copy


@pytest.mark.parametrize("workflow_id", REPRODUCED)
@pytest.mark.parametrize("message", [MESSAGE, "mice"])
def test_an_inferred_script_does_what_was_recorded(
    both: tuple[httpx.Client, httpx.Client], workflow_id: str, message: str
) -> None:
    if workflow_id in ("pet-advice", "news-router") and message != MESSAGE:
        pytest.skip("its decision depends on the message, which one recording cannot show")
    original, copy = (
        [
            json.dumps(item, sort_keys=True)
            for item in masked(
                stream(c, workflow_id, message=message_for(workflow_id, message)).payloads
            )
        ]
        for c in both
    )
    assert copy == original


def test_what_could_not_be_inferred_is_said(inferred: Path) -> None:
    assert "it answered in" in (inferred / "slow-report.yaml").read_text()


def test_inferred_scripts_are_scripts(inferred: Path) -> None:
    assert CliRunner().invoke(main, ["check", str(inferred)]).exit_code == 0
