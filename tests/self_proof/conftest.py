"""One mock for all rows of the matrix, and for the compositions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.self_proof.matrix import MockUnderTest, mock_under_test


@pytest.fixture(scope="package")
def mock() -> Iterator[MockUnderTest]:
    with mock_under_test() as mock:
        yield mock
