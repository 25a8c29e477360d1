"""Fuzzing by several machines: pytest-xdist's workers share a real Redis."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract_tests.fuzzing.database import open_database
from tests.conftest import Serve
from tests.contract_tests.server import ConformingServer, Refused
from tests.processes import Forked

SECONDS = 110.0

SUITE = """
import pytest
from contract_tests.fuzzing import fuzz

@pytest.mark.parametrize("shard", range(2))
def test_nothing_is_found(shard: int) -> None:
    fuzz("{url}", seconds=100, seed=shard, database="{database}", max_failures=1)
"""


class TripsOverTheSecondRun(ConformingServer):
    """Of a session."""

    def judge_form(self, form: dict[str, str]) -> bool:
        stream = super().judge_form(form)
        if len(self.sessions.get(form.get("session_id", ""), ())) == 1:
            raise Refused(503, "not now")
        return stream


def run_suite(suite: str, folder: Path, workers: int) -> str:
    """What pytest says of it."""
    process = Forked("pytest", "-n", str(workers), suite, folder=folder)
    output, _ = process.communicate(SECONDS)
    assert process.wait() == 1, output
    return output


@pytest.mark.slow
def test_what_one_found_the_other_replays_first(
    serve: Serve, empty_redis: str, tmp_path: Path
) -> None:
    url = serve(TripsOverTheSecondRun(("main",)))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    suite = tmp_path / "test_fuzz.py"
    suite.write_text(SUITE.replace("{url}", url).replace("{database}", empty_redis))
    first = run_suite(f"{suite}::test_nothing_is_found[0]", tmp_path, 0)
    assert "found: error.documented-status" in first
    # The other has a seed of its own, and begins with what the first has found.
    both = run_suite(str(suite), tmp_path, 2)
    assert both.count("replayed: error.documented-status") >= 2
    assert "found: error.documented-status" not in both


def test_examples_are_kept_in_redis(redis_url: str) -> None:
    database = open_database(redis_url)
    database.save(b"key", b"value")
    assert set(open_database(redis_url).fetch(b"key")) == {b"value"}
