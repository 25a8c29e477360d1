"""A share of the differential test: the regression cases, and some fresh trees.

`make differential` draws thousands.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck

from tests.differential.case_files import case_files, read_case
from tests.differential.exceptions import listed_exceptions, unexcused
from tests.differential.servers import Case, Pair, both_servers, compare_patiently
from tests.differential.strategies import cases

pytestmark = pytest.mark.agentos

CASES = case_files()


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with both_servers() as pair:
        yield pair


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_what_once_differed_no_longer_does(pair: Pair, file: Path) -> None:
    content = read_case(file)
    comparison = compare_patiently(pair, content.case)
    if content.exception is None:
        assert comparison.is_same, "\n".join(map(str, comparison.differences))
        return
    (exception,) = (one for one in listed_exceptions() if one.name == content.exception)
    assert any(map(exception.excuses, comparison.causes)), "it is no exception any more"


def test_each_exception_has_a_case_that_shows_it() -> None:
    shown = {read_case(file).exception for file in CASES} - {None}
    assert shown == {one.name for one in listed_exceptions()}


def test_drawn_workflows_run_alike(pair: Pair) -> None:
    @hypothesis.settings(
        max_examples=10,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(cases())
    def run(case: Case) -> None:
        found = unexcused(compare_patiently(pair, case).causes)
        assert not found, "\n".join(map(str, found))

    run()
