"""The mock with one deviation of the HTTP surface: the contract tests find what that breaks."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from agentos_contract.deviations import DEVIATIONS, load_deviations
from mockserver.app import Settings, create_app
from tests.conftest import Serve
from tests.contract_tests.conftest import broken, test_target

NAMES = yaml.safe_load((Path(DEVIATIONS) / "http.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_a_deviation_breaks_what_it_says_and_nothing_else(stage: Serve, name: str) -> None:
    settings = Settings(seed=1, token="letmein", deviations=frozenset({name}))
    report = test_target(
        stage(create_app(settings)), token="letmein", workflows=["content-pipeline", "order-intake"]
    )
    assert broken(report) == set(load_deviations()[name].breaks)
