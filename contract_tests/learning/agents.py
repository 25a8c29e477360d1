"""Observers of agents' and teams' runs within a workflow's steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any

from agentos_contract.broken_off import ancestors, walk_results
from agentos_contract.events import Scope
from agentos_contract.json_values import mapping, mappings
from agentos_contract.spans import Span, step_key
from contract_tests.learning.evidence import (
    Evidence,
    Json,
    Run,
    event_of,
)
from contract_tests.learning.observers import (
    Observation,
    Observations,
    observes,
    observes_streams,
)

DELEGATION = "delegate_task_to_member"
"""The tool by which a team asks a member (Agno's name)."""

_COMPLETED = ("RunCompleted", "TeamRunCompleted")
_TOKENS = ("input_tokens", "output_tokens", "total_tokens")


# -- failures


@observes("agent.failure-answered", "agent.failure-reworded")
def failures(evidence: Evidence) -> Observations:
    batches = {
        (b.workflow_id, b.message): b for b in reversed(evidence.context.history.all_batches)
    }
    for run in evidence.runs:
        batch = batches.get((run.workflow_id, run.message))
        for error in _failures(run):
            name = error.get("step_name")
            if batch is not None:
                results = walk_results(mappings(batch.body.get("step_results")))
                is_success = any(r.get("step_name") == name and r.get("success") for r in results)
                did = "succeeded" if is_success else "failed"
                where = run.say(f"{name!r} failed in the stream; in batch it {did}")
                yield Observation("agent.failure-answered", is_success, where)
            model_said, step_said = str(error.get("content")), _step_error(run, error)
            if step_said is not None:
                where = run.say(f"the model said {model_said!r}, the step says {step_said!r}")
                yield Observation("agent.failure-reworded", model_said not in step_said, where)


def _failures(run: Run) -> Iterator[Json]:
    """The last RunError of each step whose agent or team failed for good."""
    errors = {
        step_key(error): error
        for error in run.only("RunError", "TeamRunError")
        if not error.get("parent_run_id")
    }
    failed = {span.key for span, _ in run.failures}
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


@observes("agent.additional-data-fails")
def additional_data_fails(evidence: Evidence) -> Observations:
    with_agent = [
        run
        for run in evidence.runs
        if run.ended_by == "WorkflowCompleted" and run.only(*_COMPLETED) and not run.failures
    ]
    if with_agent:
        usual = min(with_agent, key=lambda run: run.stream.seconds)
        fields = (("message", usual.message), ("stream", "true"))
        more = ("additional_data", "contract-tests")
        answer = evidence.ask_run(usual.workflow_id, *fields, more)
        names = {event.event for _, event in answer.events}
        if "WorkflowStarted" in names:
            has_answered = bool(names & set(_COMPLETED))
            did = "answered" if has_answered else "failed"
            where = usual.say(f"with additional_data its agent {did}")
            yield Observation("agent.additional-data-fails", not has_answered, where)


# -- what is counted and kept


@observes("agent.models-in-stream-only", "agent.usage-recounted")
def metrics(evidence: Evidence) -> Observations:
    for run, name, streamed, batched in _metrics(evidence):
        if not any(batched.get(count) for count in _TOKENS) and "details" in streamed:
            does = "name" if "details" in batched else "do not name"
            where = run.say(f"{name!r}: its metrics in batch {does} its model")
            yield Observation("agent.models-in-stream-only", "details" not in batched, where)
        for events in _by_run_id(run).values():
            requests = [e for e in events if event_of(e).endswith("ModelRequestCompleted")]
            counts = [any(request.get(count) for count in _TOKENS) for request in requests]
            if events[0].get("step_name") == name and (True, False) in pairwise(counts):
                more = sum(batched.get(c, 0) - streamed.get(c, 0) for c in _TOKENS[:2])
                where = run.say(f"{name!r}: {more} tokens more in batch")
                yield Observation("agent.usage-recounted", more > 0, where)


def _metrics(evidence: Evidence) -> Iterator[tuple[Run, str, Json, Json]]:
    """Each agent's and team's step with its metrics in a stream and in batch."""
    for run, body in evidence.pairs:
        results = walk_results(mappings(body.get("step_results")))
        batched = {result.get("step_name"): mapping(result.get("metrics")) for result in results}
        streamed = {
            str(result.get("step_name")): mapping(result.get("metrics"))
            for result in reversed(walk_results(run.own_results))
            if result.get("executor_type") in ("agent", "team")
        }
        for name, counted in streamed.items():
            if counted and batched.get(name):
                yield run, name, counted, batched[name]


@observes("agent.reasoning-last")
def reasoning_last(evidence: Evidence) -> Observations:
    for run, body in evidence.pairs:
        kept = {_who(record): record.get("reasoning_content") for record in _records(body)}
        for events in _by_run_id(run).values():
            who = _who(events[0])
            whole = next((e.get("reasoning_content") for e in events if _is_end(e)), None)
            in_batch = kept.get(who)
            by_tools = any(event_of(event).endswith("ReasoningStep") for event in events)
            if (
                _reasoned(events) > 1
                and not by_tools
                and isinstance(whole, str)
                and isinstance(in_batch, str)
            ):
                how = "whole" if in_batch == whole else f"{in_batch!r} of {whole!r}"
                where = run.say(f"{who}: its reasoning in batch is {how}")
                is_last = in_batch != whole and whole.endswith(in_batch)
                yield Observation("agent.reasoning-last", is_last, where)


@observes_streams("agent.thoughts-overwritten")
def thoughts_overwritten(run: Run) -> Observations:
    """What is left in the end of a thought after which the model reasoned."""
    for events in _by_run_id(run).values():
        thought: str | None = None
        is_followed = False
        for event in events:
            text = event.get("reasoning_content")
            if event_of(event).endswith("ReasoningStep") and isinstance(text, str):
                thought = thought or text
            elif event_of(event).endswith("RunContent") and text:
                is_followed = thought is not None
            elif _is_end(event) and thought and is_followed:
                is_lost = thought not in str(text)
                where = run.say(f"{_who(event)}: its first thought is {'not ' * is_lost}in the end")
                yield Observation("agent.thoughts-overwritten", is_lost, where)


@observes("agent.media-lost")
def media_lost(evidence: Evidence) -> Observations:
    """How many images an agent has in batch whose model and tools gave some."""
    for run, body in evidence.pairs:
        kept = {_who(record): record.get("images") or [] for record in _records(body)}
        for events in _by_run_id(run).values():
            of_tools = [e.get("images") for e in events if event_of(e) == "ToolCallCompleted"]
            whole = next((e.get("images") for e in events if _is_end(e)), None)
            before = of_tools[-1] if of_tools else None
            in_batch = kept.get(_who(events[0]))
            if before and whole and len(whole) > len(before) and in_batch is not None:
                where = run.say(f"{len(in_batch)} of its {len(whole)} images are kept in batch")
                yield Observation("agent.media-lost", len(in_batch) < len(whole), where)


def _is_end(event: Json) -> bool:
    return event_of(event) in _COMPLETED


def _reasoned(events: list[Json]) -> int:
    """In how many requests a model reasoned."""
    reasoned, request = set(), 0
    for event in events:
        request += event_of(event).endswith("ModelRequestStarted")
        if event.get("reasoning_content") and event_of(event).endswith("RunContent"):
            reasoned.add(request)
    return len(reasoned)


@observes_streams("state.run-ids-leak")
def run_ids_leak(run: Run) -> Observations:
    was_agent = False
    for payload in run.payloads:
        was_agent = was_agent or _is_end(payload)
        node = run.nodes.get(str(payload.get("step_name")), {})
        says_state = "{{ session_state }}" in str(mapping(node.get("mock")).get("content"))
        is_function = not node.get("agent") and not node.get("team")
        if was_agent and says_state and is_function and event_of(payload) == "StepCompleted":
            has = "current_run_id" in str(payload.get("content"))
            where = run.say(f"current_run_id is {'' if has else 'not '}in session_state")
            yield Observation("state.run-ids-leak", has, where)


# -- teams


@observes_streams("team.member-failure-silent", "team.inner-answers-included")
def members_answers(run: Run) -> Observations:
    """What a team is told of a member that failed, and of one that is a team and delegated."""
    ended = run.only(*_COMPLETED)
    delegating = {done.get("parent_run_id") for done in ended}
    for team, _, tool in _delegations(run, "ToolCallCompleted"):
        asked = mapping(tool.get("tool_args")).get("member_id")
        told = str(tool.get("result"))
        for error in run.only("RunError", "TeamRunError"):
            if (error.get("parent_run_id"), _who(error)) == (team.get("run_id"), asked):
                is_told = str(error.get("content")) in told
                where = run.say(f"{asked!r} failed, and its team was told {told!r}")
                yield Observation("team.member-failure-silent", not is_told, where)
        for inner in ended:
            if inner.get("team_id") == asked and inner.get("run_id") in delegating:
                own = str(inner.get("content"))
                how = "alone" if told == own else "after others'"
                where = run.say(f"{asked!r}, a team, told its team its own answer {how}")
                is_included = told != own and told.endswith(own)
                yield Observation("team.inner-answers-included", is_included, where)


@observes_streams("team.child-run-shared")
def child_run_shared(run: Run) -> Observations:
    children: dict[Any, list[Any]] = {}
    at_once = _delegating_at_once(run)
    for team, _, tool in _delegations(run, "ToolCallCompleted"):
        if tool.get("child_run_id") and team.get("run_id") in at_once:
            children.setdefault(team.get("run_id"), []).append(tool["child_run_id"])
    for team_run, named in children.items():
        own = {e.get("run_id") for e in run.only(*_COMPLETED) if e.get("parent_run_id") == team_run}
        if len(named) > 1 and len(own) > 1:
            is_shared = len(set(named)) < min(len(named), len(own))
            where = run.say(f"{len(named)} delegations name {len(set(named))} runs")
            yield Observation("team.child-run-shared", is_shared, where)


def _delegating_at_once(run: Run) -> set[Any]:
    """The runs of teams that asked a second member before the first had answered."""
    waiting: Counter[Any] = Counter()
    found = set()
    for event in run.payloads:
        if mapping(event.get("tool")).get("tool_name") == DELEGATION:
            waiting[event.get("run_id")] += 1 if event_of(event).endswith("Started") else -1
        found |= {team for team, count in waiting.items() if count > 1}
    return found


@observes_streams("team.child-run-foretold")
def child_run_foretold(run: Run) -> Observations:
    within_parallel = {
        span.key
        for span in run.of(Scope.STEP)
        if any(outer.scope is Scope.PARALLEL for outer in ancestors(span))
    }
    for team, event, tool in _delegations(run, "ToolCallStarted"):
        if team.get("parent_run_id") or step_key(event) in within_parallel:
            names = "names" if tool.get("child_run_id") else "does not name"
            where = run.say(f"a delegation's start {names} the member's run")
            yield Observation("team.child-run-foretold", bool(tool.get("child_run_id")), where)


@observes("team.child-run-missing")
def child_run_missing(evidence: Evidence) -> Observations:
    for run in evidence.batches:
        for record in _records(run.body):
            calls = [t for t in mappings(record.get("tools")) if t.get("tool_name") == DELEGATION]
            if calls and mappings(record.get("member_responses")):
                named = [call for call in calls if call.get("child_run_id")]
                where = f"{run.workflow_id}: {len(named)} of {len(calls)} delegations name a run"
                yield Observation("team.child-run-missing", not named, where)


@observes_streams("team.state-overwritten")
def state_overwritten(run: Run) -> Observations:
    initial = mapping(run.description.get("session_state"))
    spans = [span for span in run.of(Scope.RUN) if span.ended]
    for team in spans:
        state = _state(team)
        members = sorted((span for span in spans if span.parent is team), key=_end)
        for first, last in combinations(members, 2):
            if last.started_index > _end(first):
                continue
            for key, before in initial.items():
                if _state(first).get(key) != before and _state(last).get(key) == before:
                    is_back = state.get(key) == before
                    how = "put back" if is_back else "kept"
                    where = run.say(f"{first.name}'s {key!r} was {how}")
                    yield Observation("team.state-overwritten", is_back, where)


def _state(span: Span) -> Json:
    return mapping(mapping(span.ended).get("session_state"))


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
