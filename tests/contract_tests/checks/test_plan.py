"""How a budget of runs is shared out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract_tests.checks.plan import GENERATED_RUNS, PROBE_RUNS, SOME, Needs, make_plan
from contract_tests.judging.results import Status
from contract_tests.target.target import Workflow
from tests.conftest import Serve
from tests.contract_tests.conftest import by_status, report_on
from tests.contract_tests.server import ConformingServer


@pytest.mark.parametrize(
    ("count", "max_runs", "streams", "batches", "generated"),
    [
        (18, PROBE_RUNS + 50, 18, 18, 14),
        (1, 1 + PROBE_RUNS + 1 + GENERATED_RUNS, 1, 1, GENERATED_RUNS),
        (2, 4, 2, 0, 0),
        (18, 1, 1, 0, 0),
        (18, 10, 5, 0, 0),
        (3, 3 + PROBE_RUNS + 2, 3, 2, 0),
    ],
)
def test_streams_come_first(
    count: int, max_runs: int, streams: int, batches: int, generated: int
) -> None:
    plan = make_plan([Workflow(f"w{number}", "hello") for number in range(count)], max_runs, 50)
    assert len(plan.streamed) == streams
    assert len(plan.batched) == batches
    assert plan.generated == generated
    assert "w0" in plan.describe()


@pytest.mark.parametrize(
    ("needs", "streams", "limit"),
    [
        (Needs(streams=False, batches=False, generated=False), 0, PROBE_RUNS),
        (Needs(probes=0, batches=False, generated=False), 8, 8),
        (Needs(probes=4, batches=False, generated=False), 8, 12),
        (Needs(streams=False, batches=False), 0, PROBE_RUNS + GENERATED_RUNS),
        (
            Needs(
                probes=0,
                batches=False,
                generated=False,
                each_workflow=False,
                one_that_takes_time=False,
            ),
            SOME,
            SOME,
        ),
        (Needs(probes=0, batches=False, generated=False, each_workflow=False), SOME, 8),
    ],
)
def test_what_is_left_out_costs_nothing(needs: Needs, streams: int, limit: int) -> None:
    workflows = [Workflow(f"w{number}", "hello") for number in range(8)]
    plan = make_plan(workflows, 100, 50, needs)
    assert (len(plan.streamed), plan.limit) == (streams, limit)


WORKFLOWS = st.builds(
    Workflow,
    st.uuids().map(str),
    st.just("hello"),
    more_messages=st.lists(st.just("and"), max_size=3).map(tuple),
    deterministic=st.sampled_from([None, True, False]),
)


@given(st.lists(WORKFLOWS, min_size=1, max_size=40), st.integers(1, 200), st.integers(0, 100))
def test_no_plan_exceeds_the_budget(
    workflows: list[Workflow], max_runs: int, max_examples: int
) -> None:
    plan = make_plan(workflows, max_runs, max_examples)
    assert 1 <= len(plan.streamed) <= max_runs
    planned = len(plan.streamed) + len(plan.batched) + plan.samples + plan.generated
    assert planned <= max_runs
    assert plan.limit <= max_runs
    assert str(plan.limit) in plan.describe()


def test_what_others_show_in_batch_is_less_than_what_later_checks_do(stage: Serve) -> None:
    """Where --max-runs does not do for all of many workflows, some run in no batch, which is said,
    and what comes after is still decided."""
    url = stage(ConformingServer(tuple(f"w{number}" for number in range(20))))
    report = report_on(url, max_runs=110)
    assert by_status(report, Status.PASSED).keys() >= {"batch.body", "batch.input"}
    assert "were not run in batch: the other" in report.findings.partly["batch.body"]
    assert not any("all 110 runs" in why for why in report.findings.partly.values())
    report = report_on(url, max_runs=12)
    assert "no stream to 14 workflows" in report.findings.partly["order.ended"]
