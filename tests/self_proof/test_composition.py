"""Deviations together, with variations: each is still found. Variations alone: still nothing."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from agentos_contract.deviations import Deviation
from agentos_contract.variations import load_variations
from contract_tests.checks.registry import CHECKS
from contract_tests.checks.stages import Stage
from contract_tests.target.problems import CouldNotRun
from tests.self_proof.matrix import (
    BROAD,
    CONDITIONS,
    Conditions,
    MockUnderTest,
    breaking,
    broken,
    published,
)

COMPOSITIONS = os.environ.get("COMPOSITIONS")
"""How many to draw anew (`make compositions`); the suite has the same few each time."""

SETTINGS = settings(
    deadline=None,
    derandomize=COMPOSITIONS is None,
    # What fails is shrunk by hand: each try is a whole contract test.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    # The contract tests make messages for typed workflows by Hypothesis themselves.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.nested_given],
)

IN_BATCH = {
    "after_disconnect",
    "batch_runs",
    "control_characters",
    "empty_session",
    "ids_kept",
    "long_message",
    "media_type",
    "message_any_string",
    "recovery",
    "repeated_field",
    "session_state",
    "text_kept",
    "unknown_fields",
    "unusual_message",
    "version_null",
}
"""Checks that look at batch runs."""

STAGES = {check.name: check.stage for check in CHECKS}
assert set(STAGES) >= IN_BATCH


def needs(deviation: Deviation) -> set[str]:
    """What has to be there to be judged, so that the requirement can be seen broken: the
    requirement and its area, and by the check that finds it

        streams   one can be read as a stream
        ends      a run is seen to complete
        batches   a batch run is answered as one
    """
    first = deviation.breaks[0]
    area = first.partition(".")[0]
    found_by = published()[deviation.id].found_by
    needed = {first, area}
    stage = STAGES[found_by]
    if stage is not Stage.REFUSALS:
        needed.add("streams")
    # What a last event says is seen where a run has one.
    in_last = "WorkflowCompleted" in deviation.text or "before-end" in str(deviation.does)
    if stage > Stage.STREAMS or area in ("order", "results") or in_last:
        needed.add("ends")
    if found_by in IN_BATCH:
        needed.add("batches")
    return needed


def is_hidden(deviation: Deviation, others: list[Deviation]) -> bool:
    """Whether another masks what the deviation needs to be seen."""
    if deviation.breaks[0] == "batch.executor-runs" and any(
        published()[other.id].found_by == "streams" for other in others if other != deviation
    ):
        return True  # batch is compared with a stream that is right in itself
    return any(needs(deviation) & set(other.masks) for other in others if other != deviation)


# Those that show on quick workflows, without time-outs or generated requests.
QUICK = [
    deviation
    for name, deviation in breaking().items()
    if not deviation.is_observed and CONDITIONS.get(name, Conditions(BROAD)) == Conditions(BROAD)
]


def _are_apart(chosen: list[Deviation]) -> bool:
    """Whether no two are at one site, or about one area."""
    sites = {deviation.site for deviation in chosen}
    areas = {deviation.breaks[0].partition(".")[0] for deviation in chosen}
    return len(sites) == len(areas) == len(chosen)


VARIATIONS = st.lists(
    st.sampled_from([name for name in load_variations() if name != "sse.byte-by-byte"]),
    unique=True,
    max_size=5,
)
DEVIATIONS = st.lists(st.sampled_from(QUICK), min_size=2, max_size=3, unique=True).filter(
    _are_apart
)


@pytest.mark.slow
@settings(SETTINGS, max_examples=int(COMPOSITIONS or 3))
@given(deviations=DEVIATIONS, variations=VARIATIONS)
def test_each_of_several_deviations_is_found(
    mock: MockUnderTest, deviations: list[Deviation], variations: list[str]
) -> None:
    asked = [d.id for d in deviations] + variations
    try:
        found = broken(mock.report(asked, Conditions(BROAD)))
    except CouldNotRun:
        # A verdict too, exit code 2: nobody is let in any more.
        assert any(deviation.breaks[0].startswith("authentication.") for deviation in deviations)
        return
    missed = [
        deviation.id
        for deviation in deviations
        if deviation.breaks[0] not in found and not is_hidden(deviation, deviations)
    ]
    assert missed == [], f"with {asked}"


@pytest.mark.slow
@settings(SETTINGS, max_examples=int(COMPOSITIONS or 3))
@given(variations=VARIATIONS)
def test_any_variations_together_break_nothing(mock: MockUnderTest, variations: list[str]) -> None:
    asked = variations
    assert broken(mock.report(asked, Conditions(BROAD))) == {}


def test_a_deviation_hides_what_is_found_elsewhere_only_by_what_it_masks() -> None:
    known = {"streams", "ends", "batches"}
    for deviation in breaking().values():
        for masked in deviation.masks:
            areas = {name.partition(".")[0] for d in breaking().values() for name in d.breaks}
            requirements = {name for d in breaking().values() for name in d.breaks}
            assert masked in known | areas | requirements
