"""The mock proves the checker: it reports what each deviation breaks, of a variation nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentos_contract.deviations import load_deviations
from agentos_contract.requirements import load_catalogue
from agentos_contract.variations import load_variations
from contract_tests.checks.registry import CHECKS
from contract_tests.judging.known import load_known
from contract_tests.judging.results import new_breaches
from mockserver.faults.registry import registered
from tests.contract_tests.conftest import part_for
from tests.self_proof.matrix import (
    Conditions,
    MockUnderTest,
    breaking,
    broken,
    conditions_of,
    published,
    row_of,
)

AGNO = load_known("agno-2.5.6", load_catalogue().requirements)

AS_THE_REAL_SERVER = {
    "form.message-empty-lost",
    "form.message-empty-refused",
    "form.version-null-refused",
}
"""Invented deviations that are answered as a real server answers, which has them by other names."""

# -- the catalogues


def test_every_requirement_has_a_deviation_that_breaks_it_first() -> None:
    first = {deviation.breaks[0] for deviation in breaking().values()}
    assert first == set(load_catalogue().requirements)


def test_what_nobody_has_been_seen_to_do_is_performed_by_name_and_nothing_else_is() -> None:
    invented = {name for name, found in load_deviations().items() if not found.is_observed}
    known = load_deviations().keys() | load_variations().keys()
    assert invented | load_variations().keys() <= registered() <= known


def test_an_invented_deviation_breaks_something() -> None:
    idle = {name for name, d in load_deviations().items() if not d.is_observed and not d.breaks}
    assert idle == set()


# -- the matrix


@pytest.mark.slow
@pytest.mark.parametrize("name", breaking())
def test_a_deviation_breaks_what_it_says_and_nothing_else(mock: MockUnderTest, name: str) -> None:
    """As far as `--only` what it breaks goes, for some as far as everything: `make matrix` has
    everything for all."""
    deviation = breaking()[name]
    row = published()[name]
    conditions = conditions_of(name)
    part = part_for(name, deviation.breaks, every=40)
    conditions = replace(conditions, options={**part, **conditions.options})
    report = mock.report([name], conditions)
    found = broken(report)
    assert set(found) == set(deviation.breaks)
    first = deviation.breaks[0]
    found_by = row.found_by if part else found[first]
    assert row == row_of(deviation, found_by), "make matrix writes it anew"
    # What is known of a real server covers its own faults, and no others.
    known = {} if deviation.is_observed or name in AS_THE_REAL_SERVER else AGNO
    assert new_breaches(report.findings, first, known.get(first, ()))
    for breach in report.breaches:
        requirement = load_catalogue()[breach.requirement]
        assert requirement.is_by_schema or breach.cause in (requirement.causes or {""})


PLAIN = [name for name in load_variations() if conditions_of(name) == Conditions()]
GROUPS = 8
"""Variations that lie side by side in the catalogue are about one thing: each is in another."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    [
        *(PLAIN[number::GROUPS] for number in range(GROUPS)),
        *([name] for name in load_variations() if name not in PLAIN),
    ],
    ids="+".join,
)
def test_variations_break_nothing(mock: MockUnderTest, names: list[str]) -> None:
    if together := broken(mock.report(names, conditions_of(names[0]))):
        found = {name: broken(mock.report([name], conditions_of(name))) for name in names}
        assert not any(found.values()), found
        pytest.fail(f"each alone breaks nothing, and all together {together}")


def test_the_mock_alone_breaks_nothing(mock: MockUnderTest) -> None:
    assert broken(mock.report([])) == {}


def test_the_published_matrix_has_every_deviation_and_no_other() -> None:
    assert published().keys() == breaking().keys()


def test_every_check_finds_something() -> None:
    finders = {row.found_by for row in published().values()}
    assert {check.name for check in CHECKS} - finders == set()
