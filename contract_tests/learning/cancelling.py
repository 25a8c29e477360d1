"""Observers of cancelled runs. They start a few runs of their own, to cancel each in a pause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from agentos_contract.events import Scope
from agentos_contract.json_values import mappings
from contract_tests.judging.streams import StreamedRun
from contract_tests.learning.evidence import Evidence, Json, event_of, json_of
from contract_tests.learning.observers import Observation, Observations, observes
from contract_tests.learning.pauses import Pause, during_pause, pauses_of
from contract_tests.learning.runs import SKIPPED_AT_TOP
from contract_tests.target.exchange import Exchange

LATE, PROMPT = 0.7, 0.4
"""What part of the pause goes by before a late server says something, and before a prompt one."""
TRIES = 3
"""As often is a server late before it counts as late, or prompt before it counts as prompt."""


@dataclass(frozen=True)
class Cancelled:
    """A run that was cancelled in a pause."""

    pause: Pause
    names: list[str]
    """Of its events."""
    next_event_after: float | None
    """Seconds from the cancelling to the next event; None where none came."""
    results: list[Json] | None
    """What came of it, by the last event that says so, else by the run's record."""
    is_sure: bool = True
    """Whether others that were cancelled in it were as late, or as prompt."""

    @property
    def has_skipped(self) -> bool:
        """Whether the step that it was in counts as failed and skipped (Agno's words)."""
        contents = [str(result.get("content")) for result in self.results or ()]
        return any(
            text.startswith(SKIPPED_AT_TOP) and text.endswith("was cancelled") for text in contents
        )

    @property
    def is_late(self) -> bool:
        """Whether the server went on with its pause."""
        after = self.next_event_after
        return after is not None and after >= LATE * self.pause.seconds

    @property
    def is_prompt(self) -> bool:
        """Whether it did not."""
        after = self.next_event_after
        return after is not None and after <= PROMPT * self.pause.seconds

    @property
    def is_cancelled(self) -> bool:
        """Whether the stream says so."""
        return "WorkflowCancelled" in self.names

    def say(self, text: str) -> str:
        return f"{self.pause.run.workflow_id}, cancelled in {self.pause.span.label}: {text}"


@observes(
    "cancel.noticed-late", "cancel.step-skipped", "cancel.partial-result", "cancel.completed-too"
)
def cancelled_runs(evidence: Evidence) -> Observations:
    found = (_cancel_surely(evidence, pause) for pause in pauses_of(evidence))
    runs = [cancelled for cancelled in found if cancelled is not None]
    return (observation for run in runs for observation in _observations(run))


def _observations(run: Cancelled) -> Iterator[Observation]:
    pause, after = run.pause, run.next_event_after
    has_broken_off = run.is_cancelled or run.has_skipped or len(run.names) < len(pause.run.payloads)
    if after is not None and has_broken_off:
        where = run.say(
            f"the next event came {after:.2f} s later, in a pause of {pause.seconds:.2f} s"
        )
        if run.is_sure and (run.is_late or run.is_prompt):
            yield Observation("cancel.noticed-late", run.is_late, where)
    if run.is_cancelled:
        later = run.names[run.names.index("WorkflowCancelled") + 1 :]
        where = run.say(f"after WorkflowCancelled came {', '.join(later) or 'nothing'}")
        yield Observation("cancel.completed-too", "WorkflowCompleted" in later, where)
    if run.results is None:
        return
    if pause.span.scope is Scope.STEP:
        if run.has_skipped or run.is_cancelled:
            has = "a result that says that it was skipped" if run.has_skipped else "no result"
            yield Observation(
                "cancel.step-skipped", run.has_skipped, run.say(f"the step has {has}")
            )
    elif pause.has_content and run.is_cancelled:
        partial = [r for r in run.results if r.get("step_name") == pause.span.name]
        has = "a result" if partial else "no result"
        where = run.say(f"what had been said is {has}")
        yield Observation("cancel.partial-result", bool(partial), where)


def _cancel_surely(evidence: Evidence, pause: Pause) -> Cancelled | None:
    """A run that was cancelled in that pause, the last of TRIES. A busy machine is late now and
    then, and now and then asks so late that a late server looks prompt; a server is what it is each
    time. None where it cannot be done."""
    found = _cancel(evidence, pause)
    for _ in range(TRIES - 1):
        again = _cancel(evidence, pause) if found is not None else None
        if found is None or again is None:
            break
        is_alike = (again.is_late, again.is_prompt) == (found.is_late, found.is_prompt)
        if not is_alike:
            return replace(again, is_sure=False)
        found = again
    return found


def _cancel(evidence: Evidence, pause: Pause) -> Cancelled | None:
    """None where it cannot be done."""

    def ask(started: Json) -> Exchange:
        ids = {"workflow_id": pause.run.workflow_id, "run_id": str(started.get("run_id"))}
        return evidence.ask_operation("cancel_workflow_run", ids)

    found = during_pause(evidence, pause, ask)
    if found is None or found.done.status != 200:
        return None
    names = [event_of(payload) for payload in found.run.judge.payloads]
    return Cancelled(pause, names, found.next_event_after, _results(evidence, found.run))


def _results(evidence: Evidence, run: StreamedRun) -> list[Json] | None:
    ends = ("WorkflowCompleted", "WorkflowCancelled")
    for payload in reversed(run.judge.payloads):
        if isinstance(payload.get("step_results"), list) and event_of(payload) in ends:
            return mappings(payload["step_results"])
    if run.session_id is None:
        return None
    answer = evidence.run_record(run.workflow_id, run.run_id, run.session_id)
    return mappings(json_of(answer).get("step_results")) if answer.status == 200 else None
