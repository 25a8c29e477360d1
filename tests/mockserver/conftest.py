"""What the mock's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest


@pytest.fixture
def locked(locked_mock_url: str) -> Iterator[httpx2.Client]:
    """A client of the mock that asks for a token, without one."""
    with httpx2.Client(base_url=locked_mock_url, timeout=30) as client:
        yield client
