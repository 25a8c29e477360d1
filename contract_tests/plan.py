"""Which runs will be made, before any is: runs of a real workflow call models and cost money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PROBE_RUNS = 12
"""Runs that the probes of one workflow take: forms, sessions, recovery, cancelling."""

GENERATED_RUNS = 15
"""At most so many valid generated forms are sent."""


@dataclass(frozen=True)
class Plan:
    """How the budget is shared out. What one run can show is judged from that one run."""

    streamed: tuple[str, ...]
    """Workflows whose stream is judged, one run each."""
    batched: tuple[str, ...]
    """Workflows that run in batch, one run each, to be compared with their streams."""
    generated: int
    """Runs that generated forms may start."""
    limit: int

    def describe(self) -> str:
        """A line for people."""
        names = ", ".join(self.streamed)
        return f"will start at most {self.limit} runs, of: {names}"


def make_plan(workflow_ids: Sequence[str], max_runs: int, max_examples: int) -> Plan:
    """Share `max_runs` out: streams and probes first, then a batch each, then generated forms.

    Where there are too few for both, half are streams: they show the most, and the probes need one
    that ran to its end.
    """
    count = len(workflow_ids)
    streams = min(count, max(max_runs - PROBE_RUNS, (max_runs + 1) // 2))
    left = max(0, max_runs - streams - PROBE_RUNS)
    batches = min(count, left)
    # Where answers differ from run to run, that takes up to two runs more to tell.
    generated = min(GENERATED_RUNS, max_examples, left - batches)
    need = streams + PROBE_RUNS + 3 * batches + generated
    return Plan(
        tuple(workflow_ids[:streams]),
        tuple(workflow_ids[:batches]),
        generated,
        min(max_runs, need),
    )
