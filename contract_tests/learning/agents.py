"""Observers of agents' and teams' runs within a workflow's steps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any

from agentos_contract.events import Scope
from agentos_contract.json_values import mapping, mappings
from agentos_contract.spans import Span, step_key
from contract_tests.learning.evidence import (
    Evidence,
    Json,
    Run,
    Sighting,
    ancestors,
    event_of,
    observes,
    walk_results,
)
from contract_tests.learning.runs import Sightings
from contract_tests.target.budget import NoMoreRuns

DELEGATION = "delegate_task_to_member"
"""The tool by which a team asks a member (Agno's name)."""

_TOKENS = ("input_tokens", "output_tokens", "total_tokens")


# -- failures


@observes("agent.failure-answered", occasion="an agent's model failed for good, in both modes")
def failure_answered(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        same = [
            batch
            for batch in evidence.context.history.all_batches
            if (batch.workflow_id, batch.message) == (run.workflow_id, run.message)
        ]
        for error in _failures(run):
            name = error.get("step_name")
            for batch in same[:1]:
                results = walk_results(mappings(batch.body.get("step_results")))
                is_success = any(r.get("step_name") == name and r.get("success") for r in results)
                did = "succeeded" if is_success else "failed"
                where = run.say(f"{name!r} failed in the stream; in batch it {did}")
                yield Sighting(is_success, where)


@observes("agent.failure-reworded", occasion="an agent's model failed for good, in a stream")
def failure_reworded(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        for error in _failures(run):
            model_said, step_said = str(error.get("content")), _step_error(run, error)
            if step_said is not None:
                where = run.say(f"the model said {model_said!r}, the step says {step_said!r}")
                yield Sighting(model_said not in step_said, where)


def _failures(run: Run) -> Iterator[Json]:
    """The last RunError of each step whose agent or team failed for good."""
    errors = {
        step_key(error): error
        for error in run.only("RunError", "TeamRunError")
        if not error.get("parent_run_id")
    }
    failed = {failure.span.key for failure in run.failures}
    failed |= {span.key for span in run.of(Scope.STEP) if not span.ended and span.key in errors}
    return (error for key, error in errors.items() if key in failed)


def _step_error(run: Run, error: Json) -> str | None:
    """What a step's failure says, in its event, its result, or the run's."""
    for event in run.only("StepError"):
        if step_key(event) == step_key(error):
            return str(event.get("error"))
    for result in run.results:
        if result.get("step_name") == error.get("step_name") and result.get("error"):
            return str(result["error"])
    for event in run.only("WorkflowError"):
        return str(event.get("error"))
    return None


@observes("agent.additional-data-fails", occasion="a workflow with an agent could be run once more")
def additional_data_fails(evidence: Evidence) -> Sightings:
    context = evidence.context
    with_agent = [
        (run.stream.seconds, position, run)
        for position, run in enumerate(evidence.runs)
        if run.ended_by == "WorkflowCompleted"
        and run.only("RunCompleted", "TeamRunCompleted")
        and not run.failures
    ]
    if not with_agent:
        return
    usual = min(with_agent)[2]
    workflow = next(w for w in context.target.workflows if w.id == usual.workflow_id)
    try:
        future = context.runs.start_stream(
            workflow, message=usual.message, extra=(("additional_data", "contract-tests"),)
        )
    except NoMoreRuns:
        return
    _, stream = context.judge.stream(workflow, future.result())
    if stream is not None and stream.judge.machine.root is not None:
        run = Run(stream)
        has_answered = bool(run.only("RunCompleted", "TeamRunCompleted"))
        did = "answered" if has_answered else "failed"
        yield Sighting(not has_answered, run.say(f"with additional_data its agent {did}"))


@observes("agent.retry-starts-again", occasion="in one run a model was tried again")
def retry_starts_again(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        for events in _by_run_id(run).values():
            names = [event_of(event).removeprefix("Team") for event in events]
            if names.count("RunStarted") > 1:
                yield Sighting(True, run.say(f"{_who(events[0])}: a second RunStarted"))
            for first, second in pairwise(zip(names, events, strict=True)):
                failed = (first[0], second[0]) == ("ModelRequestCompleted", "ModelRequestStarted")
                if failed and not any(first[1].get(count) for count in _TOKENS):
                    asked = names[: names.index("ModelRequestCompleted")]
                    if not {"ToolCallStarted", "RunContent"} & set(asked):
                        yield Sighting(False, run.say(f"{_who(events[0])}: no second RunStarted"))
                    break


@observes("agent.tool-error-after-end", occasion="a tool call failed")
def tool_error_after_end(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        completed: set[tuple[Any, Any]] = set()
        for payload in run.payloads:
            tool = mapping(payload.get("tool"))
            key = (payload.get("run_id"), tool.get("tool_call_id"))
            name = event_of(payload).removeprefix("Team")
            if name == "ToolCallCompleted":
                completed.add(key)
            elif name == "ToolCallError":
                came = "after its" if key in completed else "without"
                where = run.say(f"{tool.get('tool_name')}: ToolCallError {came} ToolCallCompleted")
                yield Sighting(key in completed, where)


# -- what is counted and kept


@observes(
    "agent.models-in-stream-only",
    occasion="an agent whose model counted no tokens ran in both modes",
)
def models_in_stream_only(evidence: Evidence) -> Sightings:
    for run, name, streamed, batched in _metrics(evidence):
        if not any(batched.get(count) for count in _TOKENS) and "details" in streamed:
            does = "name" if "details" in batched else "do not name"
            where = run.say(f"{name!r}: its metrics in batch {does} its model")
            yield Sighting("details" not in batched, where)


@observes(
    "agent.usage-recounted",
    occasion="in both modes a model counted its tokens in one request and not in the next",
)
def usage_recounted(evidence: Evidence) -> Sightings:
    for run, name, streamed, batched in _metrics(evidence):
        for events in _by_run_id(run).values():
            requests = [e for e in events if event_of(e).endswith("ModelRequestCompleted")]
            counts = [any(request.get(count) for count in _TOKENS) for request in requests]
            if events[0].get("step_name") != name or (True, False) not in pairwise(counts):
                continue
            more = sum(batched.get(c, 0) - streamed.get(c, 0) for c in _TOKENS[:2])
            yield Sighting(more > 0, run.say(f"{name!r}: {more} tokens more in batch"))


def _metrics(evidence: Evidence) -> Iterator[tuple[Run, str, Json, Json]]:
    """Each agent's and team's step with its metrics in a stream and in batch."""
    for run, body in evidence.pairs:
        batched = {
            result.get("step_name"): result
            for result in walk_results(mappings(body.get("step_results")))
        }
        names: set[str] = set()
        for result in walk_results(run.own_results):
            name = str(result.get("step_name"))
            other = mapping(batched.get(name))
            is_agent = result.get("executor_type") in ("agent", "team")
            if is_agent and result.get("metrics") and other.get("metrics") and name not in names:
                names.add(name)
                yield run, name, mapping(result["metrics"]), mapping(other["metrics"])


@observes(
    "agent.reasoning-last",
    occasion="in both modes a model reasoned in more than one request of a run",
)
def reasoning_last(evidence: Evidence) -> Sightings:
    for run, body in evidence.pairs:
        records = list(_records(body))
        for events in _by_run_id(run).values():
            completed = [e for e in events if event_of(e).endswith("RunCompleted")]
            if not completed or _reasoned(events) < 2:
                continue
            whole = completed[0].get("reasoning_content")
            same = [r for r in records if _who(r) == _who(events[0])]
            kept = same[0].get("reasoning_content") if same else None
            if isinstance(whole, str) and isinstance(kept, str):
                how = "whole" if kept == whole else f"{kept!r} of {whole!r}"
                where = run.say(f"{_who(events[0])}: its reasoning in batch is {how}")
                yield Sighting(kept != whole and whole.endswith(kept), where)


def _reasoned(events: list[Json]) -> int:
    """In how many requests a model reasoned."""
    reasoned, request = set(), 0
    for event in events:
        request += event_of(event).endswith("ModelRequestStarted")
        if event.get("reasoning_content") and event_of(event).endswith("RunContent"):
            reasoned.add(request)
    return len(reasoned)


@observes(
    "state.run-ids-leak",
    occasion="after an agent's run a function's step said the whole session_state (by its script)",
)
def run_ids_leak(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        telling = {
            str(node.get("name"))
            for node in evidence.nodes(run.workflow_id)
            if "{{ session_state }}" in str(mapping(node.get("mock")).get("content"))
            and not node.get("agent")
            and not node.get("team")
        }
        was_agent = False
        for payload in run.payloads:
            was_agent = was_agent or event_of(payload).endswith("RunCompleted")
            is_telling = payload.get("step_name") in telling
            if was_agent and is_telling and event_of(payload) == "StepCompleted":
                has = "current_run_id" in str(payload.get("content"))
                where = run.say(f"current_run_id is {'' if has else 'not '}in session_state")
                yield Sighting(has, where)


# -- teams


@observes("team.member-failure-silent", occasion="a team's member failed in a stream")
def member_failure_silent(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        errors = [
            error for error in run.only("RunError", "TeamRunError") if error.get("parent_run_id")
        ]
        for team, _, tool in _delegations(run, "ToolCallCompleted"):
            asked = mapping(tool.get("tool_args")).get("member_id")
            for error in errors:
                member = error.get("agent_id") or error.get("team_id")
                if error["parent_run_id"] == team.get("run_id") and member == asked:
                    is_told = str(error.get("content")) in str(tool.get("result"))
                    told = "the error" if is_told else repr(tool.get("result"))
                    where = run.say(f"{asked!r} failed, and its team was told {told}")
                    yield Sighting(not is_told, where)


@observes(
    "team.inner-answers-included", occasion="in a stream a team's member was a team that delegated"
)
def inner_answers_included(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        by_parent: dict[Any, list[Json]] = {}
        for done in run.only("RunCompleted", "TeamRunCompleted"):
            by_parent.setdefault(done.get("parent_run_id"), []).append(done)
        for _, _, tool in _delegations(run, "ToolCallCompleted"):
            for inner in run.only("TeamRunCompleted"):
                asked = mapping(tool.get("tool_args")).get("member_id")
                if inner.get("team_id") != asked or inner.get("run_id") not in by_parent:
                    continue
                own, told = str(inner.get("content")), str(tool.get("result"))
                how = "alone" if told == own else "after others'"
                where = run.say(f"{asked!r}, a team, told its team its own answer {how}")
                yield Sighting(told != own and told.endswith(own), where)


@observes("team.child-run-shared", occasion="a team delegated to two members at once")
def child_run_shared(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        children: dict[Any, list[Any]] = {}
        for team, _, tool in _delegations(run, "ToolCallCompleted"):
            if tool.get("child_run_id"):
                children.setdefault(team.get("run_id"), []).append(tool["child_run_id"])
        members = {
            done.get("run_id"): done.get("parent_run_id")
            for done in run.only("RunCompleted", "TeamRunCompleted")
        }
        for team_run, named in children.items():
            own = [child for child, parent in members.items() if parent == team_run]
            if len(named) > 1 and len(own) > 1:
                is_shared = len(set(named)) < min(len(named), len(own))
                where = run.say(f"{len(named)} delegations name {len(set(named))} runs")
                yield Sighting(is_shared, where)


@observes("team.child-run-missing", occasion="a team delegated in batch, and a member answered")
def child_run_missing(evidence: Evidence) -> Sightings:
    for run in evidence.batches:
        for record in _records(run.body):
            calls = [t for t in mappings(record.get("tools")) if t.get("tool_name") == DELEGATION]
            if calls and mappings(record.get("member_responses")):
                named = [call for call in calls if call.get("child_run_id")]
                where = f"{run.workflow_id}: {len(named)} of {len(calls)} delegations name a run"
                yield Sighting(not named, where)


@observes(
    "team.child-run-foretold",
    occasion="a team delegated within a Parallel, or within another team",
)
def child_run_foretold(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        within_parallel = {
            span.key
            for span in run.of(Scope.STEP)
            if any(outer.scope is Scope.PARALLEL for outer in ancestors(span))
        }
        for team, event, tool in _delegations(run, "ToolCallStarted"):
            if team.get("parent_run_id") or step_key(event) in within_parallel:
                names = "names" if tool.get("child_run_id") else "does not name"
                where = run.say(f"a delegation's start {names} the member's run")
                yield Sighting(bool(tool.get("child_run_id")), where)


@observes(
    "team.state-overwritten",
    occasion="two members of a team ran at once, and the first to end changed the session's state",
)
def state_overwritten(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        initial = mapping(evidence.description(run.workflow_id).get("session_state"))
        spans = [span for span in run.of(Scope.RUN) if span.ended]
        for team in spans:
            state = mapping(mapping(team.ended).get("session_state"))
            members = [span for span in spans if span.parent is team]
            for first, last in combinations(sorted(members, key=_end), 2):
                if last.started_index > _end(first):
                    continue
                changed = mapping(mapping(first.ended).get("session_state"))
                other = mapping(mapping(last.ended).get("session_state"))
                for key, before in initial.items():
                    if changed.get(key) != before and other.get(key) == before:
                        is_back = state.get(key) == before
                        how = "put back" if is_back else "kept"
                        yield Sighting(is_back, run.say(f"{first.name}'s {key!r} was {how}"))


def _end(span: Span) -> int:
    return span.ended_index or 0


def _delegations(run: Run, name: str) -> Iterator[tuple[Json, Json, Json]]:
    """A team's calls of its members: the team's RunStarted, the event, the tool in it."""
    started = {event.get("run_id"): event for event in run.only("TeamRunStarted")}
    for event in run.only(f"Team{name}"):
        tool = mapping(event.get("tool"))
        if tool.get("tool_name") == DELEGATION:
            yield started.get(event.get("run_id"), event), event, tool


def _records(body: Json) -> Iterator[Json]:
    """The runs of agents and teams that a batch body keeps, members' included."""

    def below(records: Any) -> Iterator[Json]:
        for record in mappings(records):
            yield record
            yield from below(record.get("member_responses"))

    return below(body.get("step_executor_runs"))


def _by_run_id(run: Run) -> dict[str, list[Json]]:
    """The events of each agent's and team's run."""
    found: dict[str, list[Json]] = {}
    for payload in run.payloads:
        if payload.get("agent_id") or payload.get("team_id"):
            found.setdefault(str(payload.get("run_id")), []).append(payload)
    return found


def _who(payload: Json) -> str:
    return str(payload.get("agent_id") or payload.get("team_id"))
