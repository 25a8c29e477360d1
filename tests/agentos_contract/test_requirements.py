"""The catalogue: data with a shape, and nothing that only one side knows."""

from __future__ import annotations

import re

from agentos_contract.judge import JUDGED_REQUIREMENTS
from agentos_contract.requirements import Level, load_catalogue


def test_ids_have_an_area_and_a_name() -> None:
    for requirement in load_catalogue().requirements.values():
        assert re.fullmatch(r"[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*", requirement.id)
        assert requirement.text.endswith(".")
        assert requirement.source


def test_what_the_judge_reports_is_in_the_catalogue() -> None:
    assert set(load_catalogue().requirements) >= JUDGED_REQUIREMENTS


def test_a_level_includes_those_before_it() -> None:
    catalogue = load_catalogue()
    document = {r.id for r in catalogue.at_level(Level.DOCUMENT)}
    protocol = {r.id for r in catalogue.at_level(Level.PROTOCOL)}
    observed = {r.id for r in catalogue.at_level(Level.OBSERVED)}
    assert document < protocol < observed
    assert observed == set(catalogue.requirements)


def test_what_only_the_measured_server_does_is_observed_and_nothing_else_is() -> None:
    for requirement in load_catalogue().requirements.values():
        if requirement.level is Level.OBSERVED:
            assert requirement.source.startswith("Agno")
            assert "document" not in requirement.source


def test_a_level_has_a_name() -> None:
    assert str(Level.parse("protocol")) == "protocol"
