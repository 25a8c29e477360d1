"""Known deviations made of what was found: one for each kind of fault, as narrow as it was seen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from contract_tests.judging.judgement import Breach
from contract_tests.judging.known import Known
from contract_tests.judging.sources import Source, sources_of
from contract_tests.judging.streams import StreamedRun

BY_THE_CLOCK = frozenset(
    {"sse.idle", "sse.pacing", "sse.transfer", "time.created-at", "error.recovery"}
)
"""Requirements whose breach depends on when something happens: it need not show every time."""


UNTOLD = {
    ("loop.should-continue", "at-maximum"),
    ("order.within", "never-started"),
    ("results.executed-steps", "all-counted"),
}
"""Kinds of faults that other workflows need not show, and no event tells why: a Loop's maximum may
be reached as its end condition is met, a function pass on all, the step that fails be the last."""


def entries_for(
    requirement: str,
    breaches: Iterable[Breach],
    streams: Sequence[StreamedRun],
    of_each_workflow: Collection[str] | None,
) -> list[Known]:
    """What covers these breaches of a requirement. `streams`: all that were judged.

    `of_each_workflow`: the checks that try every workflow; what they saw is known of those that
    they saw it in alone. What only others saw, which choose a workflow by how quick it is, is known
    of any. None: everything is, as of a server whose workflows may be others tomorrow.
    """
    entries = []
    for source in sources_of(breaches):
        workflows: tuple[str, ...] = ()
        if of_each_workflow is not None:
            tried = [breach for breach in source.breaches if breach.check in of_each_workflow]
            workflows = tuple(sorted({one for b in tried for one in b.conditions.workflows}))
        is_sure = requirement not in BY_THE_CLOCK and any(
            not breach.is_generated for breach in source.breaches
        )
        sometimes = not is_sure or _differs_between_runs(requirement, source, streams)
        if of_each_workflow is None and (requirement, source.cause) in UNTOLD:
            sometimes = True
        entries.append(
            source.as_known(source.shown.message, sometimes=sometimes, workflows=workflows)
        )
    return entries


def _differs_between_runs(requirement: str, source: Source, streams: Sequence[StreamedRun]) -> bool:
    """Whether the same request showed a fault in one stream, and not in another one."""
    seen = {id(breach.exchange) for breach in source.breaches}
    broken: dict[tuple[str, str], set[bool]] = {}
    for stream in streams:
        if stream.is_completed and requirement in stream.judge.exercised:
            is_broken = id(stream.exchange) in seen
            broken.setdefault((stream.workflow_id, stream.message), set()).add(is_broken)
    shown = [both for both in broken.values() if True in both]
    return bool(shown) and all(len(both) == 2 for both in shown)
