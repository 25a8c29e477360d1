"""The mock with deviations of the HTTP surface that break nothing: no requirement is broken."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from agentos_contract.deviations import DEVIATIONS, load_deviations
from mockserver.app import Settings, create_app
from tests.conftest import Serve
from tests.contract_tests.conftest import broken, report_on

NAMES = [
    name
    for name in yaml.safe_load((Path(DEVIATIONS) / "http.yaml").read_text(encoding="utf-8"))
    if not load_deviations()[name].breaks
]
"""Those that break something are in the matrix (tests/self_proof)."""


@pytest.mark.parametrize("third", [0, 1, 2])
def test_nothing_is_broken(stage: Serve, third: int) -> None:
    """By a third of them at a time: so that few keep another from showing."""
    settings = Settings(seed=1, token="letmein", deviations=frozenset(NAMES[third::3]))
    report = report_on(
        stage(create_app(settings)), token="letmein", workflows=["content-pipeline", "order-intake"]
    )
    assert broken(report) == set()
