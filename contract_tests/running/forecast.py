"""How long a run of the tests takes, by what runs of its workflows took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from contract_tests.checks.plan import Plan
from contract_tests.target.target import Workflow

REQUESTS = 5.0
"""Seconds for what starts no run: wrong requests, and making forms up."""


@dataclass(frozen=True)
class Forecast:
    """How long it may take from now on."""

    seconds: float | None
    """Where answers are the same each time; None where nothing is known of how long runs take."""
    at_most: float | None
    """With the runs that it takes to see what differs from run to run. Time-outs are not in it."""
    basis: str
    """What it goes by."""
    runs: int
    """How many may still be started."""


@dataclass
class Durations:
    """What a run of each workflow takes, in seconds by workflow id. What was measured counts before
    what somebody said, and that before what an earlier run of the tests saw."""

    told: Mapping[str, float] = field(default_factory=dict)
    """By the configuration."""
    earlier: Mapping[str, float] = field(default_factory=dict)
    """By an earlier run of the tests."""
    measured: dict[str, float] = field(default_factory=dict)
    """By its first stream."""

    def of(self, workflows: Sequence[str]) -> dict[str, float]:
        """Those that are known of these."""
        known = {**self.earlier, **self.told, **self.measured}
        return {name: known[name] for name in workflows if name in known}

    def basis(self, workflows: Sequence[str]) -> str:
        """Where those come from that are known, in words."""
        left, parts = set(workflows), []
        for source, what in (
            (self.measured, "first streams"),
            (self.told, "the configuration"),
            (self.earlier, "an earlier run"),
        ):
            if found := left & source.keys():
                parts.append(f"{what} ({len(found)} of {len(workflows)} workflows)")
                left -= found
        return " and ".join(parts)


def forecast(
    plan: Plan,
    workflows: Sequence[Workflow],
    durations: Durations,
    *,
    started: int = 0,
    parallel: int = 1,
    most_seconds: float | None = None,
) -> Forecast:
    """What is left of a plan of which `started` runs have been started.

    `most_seconds`: when the tests are ended, whatever is left. What a workflow takes of which
    nothing is known is taken for the mean of the others.
    """
    ids = [workflow.id for workflow in workflows if workflow.id in plan.streamed] or [
        workflow.id for workflow in workflows
    ]
    known, runs = durations.of(ids), max(0, plan.limit - started)
    if not known:
        return Forecast(None, None, "", runs)
    mean = sum(known.values()) / len(known)
    seconds = {name: known.get(name, mean) for name in ids}
    quickest, slowest = min(seconds.values()), max(seconds.values())
    streams = [seconds[name] for name in plan.streamed if name not in durations.measured]
    batches = [seconds.get(name, mean) for name in plan.batched]
    # Probes and generated forms run the quickest workflow; one, which cancels, the slowest.
    of_quickest = plan.probes + plan.generated + plan.spare
    each = sum(streams) + sum(batches) + plan.samples * mean
    whole = each / parallel + of_quickest * quickest + REQUESTS
    whole += slowest if plan.cancels else 0
    varying = plan.repeats * mean / parallel
    # Of those, no more than the limit leaves.
    room = max(0, runs - len(streams) - len(batches) - plan.samples - of_quickest)
    varying = min(varying, room * mean / parallel)

    def limited(found: float) -> float:
        return found if most_seconds is None else min(found, most_seconds)

    return Forecast(limited(whole), limited(whole + varying), durations.basis(ids), runs)


def in_words(found: Forecast, more: str = "") -> str:
    """A line for people. `more`: " more" where some of it is over."""
    if found.seconds is None or found.at_most is None:
        return "how long that takes, first streams will show"
    text = f"some {amount(found.seconds)}{more}"
    if amount(found.at_most) != amount(found.seconds):
        text += f", up to {amount(found.at_most)} where answers differ from run to run"
    return f"{text}; by {found.basis}"


def amount(seconds: float) -> str:
    """So much time, as exactly as such a forecast can be."""
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    return f"{round(seconds / 60)} minutes"
