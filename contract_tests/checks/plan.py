"""Which runs will be made, before any is: runs of a real workflow call models and cost money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contract_tests.target.target import Workflow

PROBE_RUNS = 70
"""Runs that the probes of one workflow take: forms, sessions, recovery, cancelling. Wrong requests
take some of them where a server does not refuse them."""

GENERATED_RUNS = 15
"""At most so many valid generated forms are sent."""

SAMPLES = 4
"""How often a workflow runs in each mode before a difference between the modes counts. If a
workflow gives two answers equally often, the chance is 1 in 128 that all its batch runs give the
one and all its streams the other."""


SOME = 5
"""How many workflows are enough to show what a server does in the same way with each."""


@dataclass(frozen=True)
class Needs:
    """What the checks of this run of the tests need."""

    streams: bool = True
    probes: int = PROBE_RUNS
    batches: bool = True
    more_messages: bool = True
    generated: bool = True
    each_workflow: bool = True
    """Whether each workflow is run; else SOME are enough."""
    one_that_takes_time: bool = True
    """Whether others are tried where none of SOME takes time."""
    cancels: bool = True
    """Whether the slowest workflow's run is cancelled."""


@dataclass(frozen=True)
class Plan:
    """How many runs each purpose may take. What one run can show is judged from that one run."""

    streamed: tuple[str, ...]
    """Workflows whose stream is judged, one run each."""
    probes: int
    """Runs that probes may take."""
    batched: tuple[str, ...]
    """Workflows that run in batch, one run each, to be compared with their streams."""
    samples: int
    """Streams of further messages that the configuration has, one run each."""
    repeats: int
    """Runs that may be spent on finding out what differs from run to run."""
    generated: int
    """Runs that generated forms may start."""
    limit: int
    """The most runs that are started, whatever happens."""
    spare: int = 0
    """Streams of further workflows that may be tried, until one takes time."""
    cancels: bool = True
    """Whether one of the probes runs the slowest workflow."""
    unstreamed: int = 0
    """Workflows that are not streamed, as there are too few runs."""
    unbatched: int = 0
    """Workflows that are not run in batch, as there are too few runs."""

    def describe(self) -> str:
        """A line for people."""
        parts = [
            f"{number} {what}"
            for number, what in (
                (len(self.streamed), "streams"),
                (self.spare, "until one takes time"),
                (self.probes, "for probes"),
                (len(self.batched), "in batch"),
                (self.samples, "of further messages"),
                (self.repeats, "to see what varies"),
                (self.generated, "of generated forms"),
            )
            if number
        ]
        of = f", of: {', '.join(self.streamed)}" if self.streamed else ""
        runs = "run" if self.limit == 1 else "runs"
        return f"will start at most {self.limit} {runs} (up to {', '.join(parts)}){of}"


def make_plan(
    workflows: Sequence[Workflow],
    max_runs: int,
    max_examples: int,
    needs: Needs = Needs(),
) -> Plan:
    """Share `max_runs` out: streams and probes first, then a batch each, further messages, and
    generated forms.

    Where there are too few for both, half are streams: they show the most, and the probes need one
    that ran to its end.
    """
    count = len(workflows) if needs.each_workflow else min(len(workflows), SOME)
    probes = needs.probes
    streams = min(count, max(max_runs - probes, (max_runs + 1) // 2)) if needs.streams else 0
    left = max(0, max_runs - streams - probes)
    spare = min(len(workflows) - count, left) if streams and needs.one_that_takes_time else 0
    left -= spare
    batches = min(count, left) if needs.batches else 0
    left -= batches
    wanted = 0
    if needs.more_messages:
        wanted = sum(len(workflow.more_messages) for workflow in workflows[:streams])
    samples = min(wanted, left)
    left -= samples
    # Where nobody said whether answers differ from run to run, finding out takes more runs.
    unsure = sum(workflow.deterministic is None for workflow in workflows[:batches])
    repeats = 2 * (SAMPLES - 1) * unsure
    generated = min(GENERATED_RUNS, max_examples, left) if needs.generated else 0
    ids = [workflow.id for workflow in workflows]
    need = streams + spare + probes + batches + samples + repeats + generated
    return Plan(
        tuple(ids[:streams]),
        probes,
        tuple(ids[:batches]),
        samples,
        repeats,
        generated,
        min(max_runs, need),
        spare,
        needs.cancels,
        count - streams if needs.streams else 0,
        count - batches if needs.batches else 0,
    )
