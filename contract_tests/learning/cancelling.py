"""Observers of cancelled runs. They start a few runs of their own, to cancel each in a silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from agentos_contract.events import Scope
from agentos_contract.json_values import mappings
from contract_tests.judging.streams import StreamedRun
from contract_tests.learning.evidence import (
    Evidence,
    Json,
    Sighting,
    event_of,
    json_of,
    observes,
)
from contract_tests.learning.runs import SKIPPED_AT_TOP, Sightings
from contract_tests.learning.silences import MIN_SILENCE, Silence, in_silence, silences_of
from contract_tests.target.exchange import Exchange

ENDS = ("WorkflowCompleted", "WorkflowCancelled")

LATE, PROMPT = 0.7, 0.4
"""What part of the silence goes by before a late server says something, and before a prompt one."""


@dataclass(frozen=True)
class Cancelled:
    """A run that was cancelled in a silence."""

    silence: Silence
    payloads: Sequence[Json]
    answered_after: float | None
    """Seconds from the cancelling to the next event; None where none came."""
    results: list[Json] | None
    """What came of it, by the last event that says so, else by the run's record."""

    @property
    def names(self) -> list[str]:
        return [event_of(payload) for payload in self.payloads]

    @property
    def has_broken_off(self) -> bool:
        return (
            "WorkflowCancelled" in self.names
            or len(self.payloads) < len(self.silence.run.payloads)
            or any(_is_cancellation(result) for result in self.results or ())
        )

    def say(self, text: str) -> str:
        return f"{self.silence.run.workflow_id}, cancelled in {self.silence.span.label}: {text}"


@observes(
    "cancel.noticed-late",
    occasion=f"a run could be cancelled in a silence of {MIN_SILENCE} s or more",
)
def noticed_late(evidence: Evidence) -> Sightings:
    for found in _cancelled(evidence):
        after, silence = found.answered_after, found.silence.seconds
        if after is None or not found.has_broken_off:
            continue
        where = found.say(f"the next event came {after:.2f} s later, of {silence:.2f} s of silence")
        if after >= LATE * silence or after <= PROMPT * silence:
            yield Sighting(after >= LATE * silence, where)


@observes("cancel.step-skipped", occasion="a run was cancelled in a step of the workflow itself")
def step_skipped(evidence: Evidence) -> Sightings:
    for found in _cancelled(evidence):
        if found.silence.span.scope is Scope.STEP and found.results is not None:
            is_skipped = any(_is_cancellation(result) for result in found.results)
            if is_skipped or "WorkflowCancelled" in found.names:
                has = "a result that says that it was skipped" if is_skipped else "no result"
                yield Sighting(is_skipped, found.say(f"the step has {has}"))


@observes(
    "cancel.partial-result",
    occasion="a run was cancelled in a container in which an agent had said something",
)
def partial_result(evidence: Evidence) -> Sightings:
    for found in _cancelled(evidence):
        silence = found.silence
        if silence.span.scope is Scope.STEP or not silence.has_spoken or found.results is None:
            continue
        if "WorkflowCancelled" in found.names:
            partial = [r for r in found.results if r.get("step_name") == silence.span.name]
            has = "a result" if partial else "no result"
            yield Sighting(bool(partial), found.say(f"what had been said is {has}"))


@observes("cancel.completed-too", occasion="a run was cancelled, and the stream said so")
def completed_too(evidence: Evidence) -> Sightings:
    for found in _cancelled(evidence):
        names = found.names
        if "WorkflowCancelled" in names:
            after = names[names.index("WorkflowCancelled") + 1 :]
            where = found.say(f"after WorkflowCancelled came {', '.join(after) or 'nothing'}")
            yield Sighting("WorkflowCompleted" in after, where)


def _is_cancellation(result: Json) -> bool:
    content = str(result.get("content"))
    return content.startswith(SKIPPED_AT_TOP) and content.endswith("was cancelled")


def _cancelled(evidence: Evidence) -> list[Cancelled]:
    """Runs cancelled in a silence, one of each kind. Each is started once, however many ask."""

    def cancel() -> list[Cancelled]:
        found = [_cancel(evidence, silence) for silence in silences_of(evidence)]
        return [cancelled for cancelled in found if cancelled is not None]

    return evidence.once("cancelled", cancel)


def _cancel(evidence: Evidence, silence: Silence) -> Cancelled | None:
    """None where it cannot be done."""

    def ask(started: Json) -> Exchange | None:
        ids = {"workflow_id": silence.run.workflow_id, "run_id": str(started.get("run_id"))}
        path = evidence.path("cancel_workflow_run", **ids)
        return evidence.ask("POST", path) if path is not None else None

    found = in_silence(evidence, silence, ask)
    if found is None or found.done is None or found.done.status != 200:
        return None
    results = _results(evidence, found.run)
    return Cancelled(silence, found.run.judge.payloads, found.next_event_after, results)


def _results(evidence: Evidence, run: StreamedRun) -> list[Json] | None:
    for payload in reversed(run.judge.payloads):
        if isinstance(payload.get("step_results"), list) and event_of(payload) in ENDS:
            return mappings(payload["step_results"])
    path = evidence.path("get_workflow_run", workflow_id=run.workflow_id, run_id=str(run.run_id))
    if path is None or run.session_id is None:
        return None
    answer = evidence.ask("GET", f"{path}?{urlencode({'session_id': run.session_id})}")
    body = json_of(answer)
    return mappings(body.get("step_results")) if answer.status == 200 else None
