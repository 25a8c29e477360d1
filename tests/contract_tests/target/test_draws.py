"""The same seed draws the same, whatever else is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

DRAW = """
import sys
import hypothesis
from hypothesis import Phase, strategies as st
from contract_tests.target.draws import by_seed_alone

def drawn():
    found = []
    test = hypothesis.given(st.integers())(lambda made: found.append(made))
    settings = hypothesis.settings(max_examples=200, database=None, phases=[Phase.generate])
    hypothesis.seed(3)(settings(test))()
    return found

with by_seed_alone():
    alone = drawn()
import numbers_of_mine
with by_seed_alone():
    assert drawn() == alone
assert (drawn() == alone) is False, "outside, Hypothesis draws as its users want it"
"""


@pytest.mark.slow
def test_a_module_that_is_loaded_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "numbers_of_mine.py").write_text(f"NUMBERS = {[*range(7001, 7201)]}\n")
    code = f"import sys; sys.path[:0] = [{str(ROOT)!r}, '.']\n{DRAW}"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)
