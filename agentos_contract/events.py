"""The vocabulary of a workflow run's stream: what each event name does, as one table.

A run is a tree of *scopes*: the workflow, its steps and containers, within an agent step the
agent's own run, within that its model requests and tool calls. An event starts a scope, ends it,
breaks it off, or happens within it. `state_machine` asks this table and nothing else.

Names are those of Agno 2.5.6 (`WorkflowRunEvent`, `RunEvent`, `TeamRunEvent`), as its source has
them: the pauses are `ConditionPaused` and `RouterPaused`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Scope(Enum):
    """A kind of thing that starts and ends during a run."""

    WORKFLOW = "workflow"
    WORKFLOW_AGENT = "workflow agent"
    STEP = "step"
    PARALLEL = "Parallel"
    CONDITION = "Condition"
    LOOP = "Loop"
    ITERATION = "loop iteration"
    ROUTER = "Router"
    STEPS = "Steps"
    RUN = "agent or team run"
    MODEL_REQUEST = "model request"
    TOOL_CALL = "tool call"
    HOOK = "hook"
    REASONING = "reasoning"
    MEMORY_UPDATE = "memory update"
    SESSION_SUMMARY = "session summary"
    PARSER_MODEL = "parser model's response"
    OUTPUT_MODEL = "output model's response"
    COMPRESSION = "compression"
    TASK_ITERATION = "team task iteration"


class Role(Enum):
    """What an event does to its scope."""

    STARTS = "starts"
    ENDS = "ends"
    """In good order: nothing within it may still be open."""
    BREAKS = "breaks off"
    """Ends it and whatever was open within it: a failure, a cancellation, a pause."""
    WITHIN = "is within"


@dataclass(frozen=True, slots=True)
class EventKind:
    """What one event name means."""

    name: str
    scope: Scope
    role: Role
    family: str = ""
    """`Team` for a team's events: what TeamRunStarted started, RunCompleted does not end."""


CUSTOM_EVENT = "CustomEvent"
"""May come anywhere between a run's start and its end, and means what the server says."""

CONTAINERS = frozenset(
    {Scope.PARALLEL, Scope.CONDITION, Scope.LOOP, Scope.ROUTER, Scope.STEPS},
)
STEPS_AND_CONTAINERS = CONTAINERS | {Scope.STEP}

PARENTS: dict[Scope, frozenset[Scope]] = {
    Scope.WORKFLOW: frozenset(),
    # A workflow's own agent stands around the run: it starts before and ends after it.
    Scope.WORKFLOW_AGENT: frozenset(),
    Scope.ITERATION: frozenset({Scope.LOOP}),
    Scope.RUN: frozenset({Scope.STEP, Scope.RUN}),
    **{
        # A Loop's children belong to one of its iterations.
        scope: (CONTAINERS - {Scope.LOOP}) | {Scope.WORKFLOW, Scope.ITERATION}
        for scope in STEPS_AND_CONTAINERS
    },
    **{
        scope: frozenset({Scope.RUN})
        for scope in (
            Scope.MODEL_REQUEST,
            Scope.TOOL_CALL,
            Scope.HOOK,
            Scope.REASONING,
            Scope.MEMORY_UPDATE,
            Scope.SESSION_SUMMARY,
            Scope.PARSER_MODEL,
            Scope.OUTPUT_MODEL,
            Scope.COMPRESSION,
            Scope.TASK_ITERATION,
        )
    },
}
"""In what each scope may start."""

_WORKFLOW_EVENTS = {
    "WorkflowStarted": (Scope.WORKFLOW, Role.STARTS),
    "WorkflowCompleted": (Scope.WORKFLOW, Role.ENDS),
    "WorkflowCancelled": (Scope.WORKFLOW, Role.BREAKS),
    "WorkflowError": (Scope.WORKFLOW, Role.BREAKS),
    # A pause ends the stream; the run goes on by another request.
    "StepPaused": (Scope.WORKFLOW, Role.BREAKS),
    "ConditionPaused": (Scope.WORKFLOW, Role.BREAKS),
    "RouterPaused": (Scope.WORKFLOW, Role.BREAKS),
    "WorkflowAgentStarted": (Scope.WORKFLOW_AGENT, Role.STARTS),
    "WorkflowAgentCompleted": (Scope.WORKFLOW_AGENT, Role.ENDS),
    "StepStarted": (Scope.STEP, Role.STARTS),
    "StepOutput": (Scope.STEP, Role.WITHIN),
    "StepCompleted": (Scope.STEP, Role.ENDS),
    "StepError": (Scope.STEP, Role.BREAKS),
    "ParallelExecutionStarted": (Scope.PARALLEL, Role.STARTS),
    "ParallelExecutionCompleted": (Scope.PARALLEL, Role.ENDS),
    "ConditionExecutionStarted": (Scope.CONDITION, Role.STARTS),
    "ConditionExecutionCompleted": (Scope.CONDITION, Role.ENDS),
    "LoopExecutionStarted": (Scope.LOOP, Role.STARTS),
    "LoopIterationStarted": (Scope.ITERATION, Role.STARTS),
    "LoopIterationCompleted": (Scope.ITERATION, Role.ENDS),
    "LoopExecutionCompleted": (Scope.LOOP, Role.ENDS),
    "RouterExecutionStarted": (Scope.ROUTER, Role.STARTS),
    "RouterExecutionCompleted": (Scope.ROUTER, Role.ENDS),
    "StepsExecutionStarted": (Scope.STEPS, Role.STARTS),
    "StepsExecutionCompleted": (Scope.STEPS, Role.ENDS),
}

# Each of these exists for an agent under this name, and for a team with the prefix Team.
_RUN_EVENTS = {
    "RunStarted": (Scope.RUN, Role.STARTS),
    "RunContent": (Scope.RUN, Role.WITHIN),
    "RunIntermediateContent": (Scope.RUN, Role.WITHIN),
    "RunContentCompleted": (Scope.RUN, Role.WITHIN),
    "RunCompleted": (Scope.RUN, Role.ENDS),
    "RunError": (Scope.RUN, Role.BREAKS),
    "RunCancelled": (Scope.RUN, Role.BREAKS),
    "RunPaused": (Scope.RUN, Role.BREAKS),
    "RunContinued": (Scope.RUN, Role.STARTS),
    "PreHookStarted": (Scope.HOOK, Role.STARTS),
    "PreHookCompleted": (Scope.HOOK, Role.ENDS),
    "PostHookStarted": (Scope.HOOK, Role.STARTS),
    "PostHookCompleted": (Scope.HOOK, Role.ENDS),
    "ToolCallStarted": (Scope.TOOL_CALL, Role.STARTS),
    "ToolCallCompleted": (Scope.TOOL_CALL, Role.ENDS),
    "ToolCallError": (Scope.TOOL_CALL, Role.BREAKS),
    "ReasoningStarted": (Scope.REASONING, Role.STARTS),
    "ReasoningStep": (Scope.REASONING, Role.WITHIN),
    "ReasoningContentDelta": (Scope.REASONING, Role.WITHIN),
    "ReasoningCompleted": (Scope.REASONING, Role.ENDS),
    "MemoryUpdateStarted": (Scope.MEMORY_UPDATE, Role.STARTS),
    "MemoryUpdateCompleted": (Scope.MEMORY_UPDATE, Role.ENDS),
    "SessionSummaryStarted": (Scope.SESSION_SUMMARY, Role.STARTS),
    "SessionSummaryCompleted": (Scope.SESSION_SUMMARY, Role.ENDS),
    "ParserModelResponseStarted": (Scope.PARSER_MODEL, Role.STARTS),
    "ParserModelResponseCompleted": (Scope.PARSER_MODEL, Role.ENDS),
    "OutputModelResponseStarted": (Scope.OUTPUT_MODEL, Role.STARTS),
    "OutputModelResponseCompleted": (Scope.OUTPUT_MODEL, Role.ENDS),
    "ModelRequestStarted": (Scope.MODEL_REQUEST, Role.STARTS),
    "ModelRequestCompleted": (Scope.MODEL_REQUEST, Role.ENDS),
    "CompressionStarted": (Scope.COMPRESSION, Role.STARTS),
    "CompressionCompleted": (Scope.COMPRESSION, Role.ENDS),
}

# Only teams have these.
_TEAM_EVENTS = {
    "TeamTaskIterationStarted": (Scope.TASK_ITERATION, Role.STARTS),
    "TeamTaskIterationCompleted": (Scope.TASK_ITERATION, Role.ENDS),
    "TeamTaskStateUpdated": (Scope.RUN, Role.WITHIN),
    "TeamTaskCreated": (Scope.RUN, Role.WITHIN),
    "TeamTaskUpdated": (Scope.RUN, Role.WITHIN),
}

TEAM = "Team"

EVENTS: dict[str, EventKind] = {
    **{name: EventKind(name, *rule) for name, rule in _WORKFLOW_EVENTS.items()},
    **{name: EventKind(name, *rule) for name, rule in _RUN_EVENTS.items()},
    **{TEAM + name: EventKind(TEAM + name, *rule, TEAM) for name, rule in _RUN_EVENTS.items()},
    **{name: EventKind(name, *rule, TEAM) for name, rule in _TEAM_EVENTS.items()},
}
"""Every event name but CustomEvent, with what it means."""

TERMINAL_EVENTS = frozenset(
    kind.name
    for kind in EVENTS.values()
    if kind.scope is Scope.WORKFLOW and kind.role in (Role.ENDS, Role.BREAKS)
)
"""The events of which each run's stream has exactly one, the last."""

MEDIA_KINDS = ("images", "videos", "audio", "files")
"""The members that media have in events, results and runs, in Agno's order."""
