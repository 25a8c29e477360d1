"""The real server, to be compared with."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest


@pytest.fixture(scope="session")
def real(agentos_url: str) -> Iterator[httpx2.Client]:
    """A client of a real AgentOS 2.5.6 on the bundled scripts."""
    with httpx2.Client(base_url=agentos_url, timeout=60) as client:
        yield client
