"""Agno's own client makes the same typed events of the mock's runs and of the real server's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentos_contract.profiles import load_profile
from mockserver.app import Settings, create_app
from tests.conftest import Serve
from tests.processes import AGENTOS_PYTHON, Forked
from tests.runs import masked

PROGRAM = "tests.agentos.typed_events"


def typed_events(url: str) -> dict[str, list[Any]]:
    process = Forked(PROGRAM, url, python=AGENTOS_PYTHON)
    with process.stdout:
        said = process.stdout.read()
    assert process.wait() == 0, said
    text = said.splitlines()[-1].replace(url, "URL")
    seen: dict[str, list[Any]] = json.loads(text)
    return seen


@pytest.mark.agentos
def test_typed_events_are_equal(serve: Serve, agentos_url: str) -> None:
    deviations = load_profile("agno-2.5.6").deviations
    ours = typed_events(serve(create_app(Settings(seed=3, deviations=deviations))))
    theirs = typed_events(agentos_url)
    assert ours.keys() == theirs.keys()
    for use, events in theirs.items():
        assert len(events) > 1, use
        for mine, real in zip(masked(ours[use]), masked(events), strict=True):
            assert mine == real, use
