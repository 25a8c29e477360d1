"""Sequences of calls for runs and sessions are answered alike; `python -m
tests.differential.sessions` draws hundreds."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis.stateful import run_state_machine_as_test

from tests.differential.sessions_calls import both_servers
from tests.differential.sessions_machine import machine


@pytest.mark.agentos
def test_drawn_sequences_of_calls_are_answered_alike() -> None:
    settings = hypothesis.settings(
        max_examples=12,
        stateful_step_count=25,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    with both_servers() as both:
        run_state_machine_as_test(machine(lambda: both), settings=settings)
        assert both.asked > 100
