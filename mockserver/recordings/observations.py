"""What recorded streams show of each step: when it was carried out, and what came of it.

The tree is the description's; an event belongs to the step that its step_id has been given by a
...Started event before. An agent's or a team's runs are told apart by the run_id of their events, a
team's members by the parent_run_id of theirs. The server is a stranger: a member that is not what
it should be is as good as absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentos_contract.events import MEDIA_KINDS
from agentos_contract.json_values import mapping, short
from mockserver.engine.run import OF_THE_RUN
from mockserver.recordings.agent_runs import AgentExecution, described_by, is_citation, is_media
from mockserver.recordings.format import Recording
from mockserver.script.shape import name_of

Json = dict[str, Any]
NodePath = tuple[Any, ...]
"""Keys and positions that lead to a step in its description."""

SKIPPED = re.compile(r"Step (.*) failed but skipped", re.DOTALL)
"""The content of a failure that was skipped (Agno 2.5.6)."""

_STARTS = re.compile(
    r"(Step|ParallelExecution|ConditionExecution|LoopExecution|RouterExecution|StepsExecution)Started"
)
# The events that a run of a script has, an agent's and a team's by one name.
_SCRIPTED = re.compile(
    r"Workflow(Started|Completed|Error)|(Step|Router)Paused|Step(Started|Output|Completed|Error)"
    r"|(Parallel|Condition|Loop|Router|Steps)Execution(Started|Completed)"
    r"|LoopIteration(Started|Completed)|(Team)?Run(Started|Content|ContentCompleted|Completed|Error)|RunPaused"
    r"|(Team)?ModelRequest(Started|Completed)|(Team)?ToolCall(Started|Completed|Error)"
    r"|(Team)?Reasoning(Started|Step|Completed)"
)
# Members of events and results that no script can give.
_UNSCRIPTED = (
    *("images", "videos", "audio", "files", "image", "response_audio"),
    *("citations", "references", "reasoning_steps", "reasoning_messages"),
)
_OF_EVENTS = frozenset(
    {
        *("created_at", "event", "agent_id", "agent_name", "run_id", "parent_run_id", "session_id"),
        *("workflow_id", "workflow_run_id", "workflow_name", "step_id", "step_name", "step_index"),
        *("tools", "content", "nested_depth", "tool_call_id", "team_id", "team_name"),
        "parent_step_id",
    }
)
"""Members of a CustomEvent that are not its own."""
_OF_AGENTS = frozenset({"images", "videos", "audio", "reasoning_steps", "reasoning_messages"})
"""Members of an agent's events that its script gives."""
_DECISIONS = ("condition_result", "selected_steps", "max_iterations")
_RESULT = ("content", "stop", "success", "error", "executor_type", "executor_name")


@dataclass
class Execution:
    """One carrying out of a step or container."""

    recording: int
    """Which of the recordings shows it."""
    message: str
    name: str
    above: Execution | None
    started: float
    facts: Json = field(default_factory=dict)
    """Of its result (content, stop, error, ...), and a container's decision."""
    runs: list[AgentExecution] = field(default_factory=list)
    """The runs of its agent or team, one each try; of a function, those that it passed on."""
    is_function: bool = False
    """No agent or team carries it out."""
    said: str = ""
    """All that was said in its runs, and by a team's members."""
    members: dict[str, list[AgentExecution]] = field(default_factory=dict)
    """The runs of the team's members, by their ids."""
    ended: float | None = None
    is_skipped: bool = False
    """It failed, and that was skipped."""
    unsaid: dict[str, None] = field(default_factory=dict)
    """What no script can say of it."""

    @property
    def is_unseen(self) -> bool:
        """An agent or a team has carried it out, of whose run the stream has no event."""
        return self.facts.get("executor_type") in ("agent", "team") and not self.runs

    @property
    def has_failed(self) -> bool:
        return bool(self.facts.get("error")) and (self.ended is None or self.is_skipped)


class Observations:
    """Which events belong to which step of the description."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._description = description
        self.of: dict[NodePath, list[Execution]] = {}
        """By path, in the order in which they were recorded."""
        self.unknown: dict[str, None] = {}
        """The names of steps that events have and the description has not."""
        self.unsaid: dict[str, None] = {}
        """What no script can say, and no step stands for."""
        self.pauses: dict[NodePath, Json] = {}
        """The events that say that a run waits at a step, by path."""
        self.raised: dict[NodePath, str] = {}
        """What a Condition's or a Router's function raised, by path."""
        self.states: list[Json] = []
        """The session's state, as the ends of agents' runs show it."""
        self.count = 0
        """The streams that were read."""

    @property
    def hides_executors(self) -> bool:
        """No agent's or team's run has sent an event, though there was one."""
        all_ = [execution for executions in self.of.values() for execution in executions]
        return any(each.is_unseen for each in all_) and not any(each.runs for each in all_)

    def read(self, recording: Recording) -> None:
        """Read one stream."""
        _StreamReader(self, self._description, recording).read()
        self.count += 1


class _StreamReader:
    """The reading of one stream."""

    def __init__(
        self, observations: Observations, description: Mapping[str, Any], recording: Recording
    ) -> None:
        self._observations = observations
        self._description = description
        self._recording = recording
        self._by_id: dict[str, tuple[NodePath, Execution]] = {}
        self._latest: dict[str | None, Execution] = {}
        """By name; by None the latest of the workflow's own steps."""
        self._runs: dict[str, AgentExecution] = {}
        self._errors: dict[str, list[tuple[str, bool]]] = {}
        """What failed, by name: the error, and whether it was skipped."""
        self._fatal: str | None = None
        self._function: Execution | None = None
        """That of the function in the place of steps."""
        if not description.get("steps"):
            name = str(description.get("name") or description.get("id"))
            self._function = Execution(
                observations.count, recording.message, name, None, 0.0, is_function=True
            )
            self._by_id[""] = ((), self._function)
            self._latest[None] = self._function
            observations.of.setdefault((), []).append(self._function)

    def read(self) -> None:
        for frame in self._recording.frames:
            self._event(frame.event, frame.data, frame.at)
            for result in _results(frame.data):
                self._note_failure(result)
        for _, execution in self._by_id.values():
            if execution.ended is None and "error" not in execution.facts:
                self._find_error(execution)
        self._find_raised()

    def _find_raised(self) -> None:
        """Of a run that failed between two of its own steps: what the next one decides by raised,
        as a container tells nothing of itself before it has decided."""
        steps = self._description.get("steps") or []
        own = {path[1]: each for path, each in self._by_id.values() if len(path) == 2}
        last = max(own, default=-1)
        has_begun = any(frame.event == "WorkflowStarted" for frame in self._recording.frames)
        if self._fatal is None or not has_begun or last + 1 >= len(steps):
            return
        if own:
            before = own[last]
            is_open = steps[last].get("type") != "Step" and before.ended is None
            if is_open or before.facts.get("error") == self._fatal:
                return
        if steps[last + 1].get("type") in ("Condition", "Router"):
            self._observations.raised["steps", last + 1] = self._fatal

    def _event(self, name: str, data: Json, at: float) -> None:
        if _STARTS.fullmatch(name):
            self._start(data, at)
            return
        if name in ("StepPaused", "RouterPaused"):
            path = self._child((), str(data.get("step_name")), data.get("step_index"))
            if path is not None:
                self._observations.pauses.setdefault(path, data)
        found = self._by_id.get(str(data.get("step_id")))
        # A StepOutput has no step_id, and of a skipped failure no name either.
        step_name = data.get("step_name")
        execution = found[1] if found else self._latest.get(step_name and str(step_name))
        unsaid = self._observations.unsaid if execution is None else execution.unsaid
        if "run_id" in data and ("agent_id" in data or "team_id" in data) and execution:
            unsaid = self._note_run(execution, name.removeprefix("Team"), data, at)
        elif execution and name in ("StepOutput", "StepCompleted", "StepError"):
            self._note_end(execution, name, data, at)
        elif execution and name.endswith("ExecutionCompleted"):
            execution.ended = at
            execution.facts["total_iterations"] = data.get("total_iterations")
        elif name == "WorkflowError" and self._fatal is None:
            self._fatal = str(data.get("error"))
        elif name == "WorkflowCompleted" and self._function is not None:
            self._function.ended = at
            self._function.facts["content"] = data.get("content")
        if name == "CustomEvent" and execution is not None and execution.is_function:
            own = {key: data[key] for key in data if key not in _OF_EVENTS}
            execution.facts.setdefault("events", []).append({"data": own})
            return
        if not _SCRIPTED.fullmatch(name):
            unsaid[f"{short(name)} came, which no script sends"] = None
        is_runs = "agent_id" in data or "team_id" in data
        taken = _OF_AGENTS if is_runs else frozenset()
        if is_citation(data.get("citations")):
            taken |= {"citations"}
        rest = {key: value for key, value in data.items() if key not in taken}
        _note_unscripted(rest, unsaid)

    def _start(self, data: Json, at: float) -> None:
        parent = self._by_id.get(str(data.get("parent_step_id")))
        name = str(data.get("step_name"))
        path = self._child(parent[0] if parent else (), name, data.get("step_index"))
        if path is None:
            self._observations.unknown[name] = None
            return
        above = parent[1] if parent else None
        recording = self._recording
        execution = Execution(self._observations.count, recording.message, name, above, at)
        execution.is_function = not _has_executor(self._description, path)
        # A Step has one id in a run, however often it is carried out.
        known = self._by_id.get(str(data.get("step_id")))
        if known is not None:
            self._by_id[f"{data.get('step_id')} {len(self._by_id)}"] = known
        self._by_id[str(data.get("step_id"))] = (path, execution)
        self._latest[name] = execution
        if parent is None:
            self._latest[None] = execution
        self._observations.of.setdefault(path, []).append(execution)
        execution.facts.update({key: data[key] for key in _DECISIONS if key in data})

    def _child(self, parent: NodePath, name: str, index: Any) -> NodePath | None:
        node: Any = self._description
        for key in parent:
            node = node[key]
        position = index[-1] if isinstance(index, list) and index else index
        for key in ("steps", "choices", "else_steps"):
            items = node.get(key) or []
            names = [name_of(item, i) for i, item in enumerate(items)]
            fitting = [i for i, known in enumerate(names) if known == name]
            if fitting:
                # Steps of one name are told apart by their place, where the server says it.
                return (*parent, key, position if position in fitting else fitting[0])
        return None

    # -- a step's end

    def _note_end(self, execution: Execution, name: str, data: Json, at: float) -> None:
        if name == "StepError":
            execution.facts["error"] = data.get("error")
            return
        result = mapping(data.get("step_output" if name == "StepOutput" else "step_response"))
        execution.ended = at if execution.ended is None else execution.ended
        for key in _RESULT:
            if key in result:
                execution.facts.setdefault(key, result[key])
        if SKIPPED.fullmatch(str(result.get("content"))):
            execution.is_skipped = True
        elif result.get("success") is False and not execution.is_function:
            execution.unsaid["its result has success: false, which no agent's script gives"] = None
        given: Json = {} if execution.is_function else dict.fromkeys(_OF_AGENTS)
        if execution.is_function:
            given = {kind: result[kind] for kind in MEDIA_KINDS if is_media(kind, result.get(kind))}
            execution.facts.update(given)
        # A StepOutput of AgentOS 2.5.6 has them as texts; the StepCompleted after it says them.
        rest = result if name == "StepCompleted" else {}
        _note_unscripted({k: v for k, v in rest.items() if k not in given}, execution.unsaid)

    def _note_failure(self, result: Json) -> None:
        if result.get("success") is not False or not isinstance(result.get("error"), str):
            return
        skipped = SKIPPED.fullmatch(str(result.get("content")))
        name = skipped[1] if skipped else str(result.get("step_name"))
        self._errors.setdefault(name, []).append((result["error"], bool(skipped)))

    def _find_error(self, execution: Execution) -> None:
        """Of a step that never ended: its own result says why, or that of what it is in."""
        above: Execution | None = execution
        while above is not None:
            for error, is_skipped in self._errors.get(above.name, ()):
                execution.facts["error"] = error
                execution.is_skipped = is_skipped and above is execution
                return
            above = above.above
        if self._fatal is not None:
            execution.facts["error"] = self._fatal

    # -- an agent's or a team's run

    def _note_run(self, execution: Execution, name: str, data: Json, at: float) -> dict[str, None]:
        """Note an event of a run; returns where to note what no script can say of it."""
        run_id = str(data["run_id"])
        run = self._runs.get(run_id)
        if run is None:
            executor_id = str(data.get("agent_id") or data.get("team_id"))
            run = self._runs[run_id] = AgentExecution(executor_id, described_by(data))
            if str(data.get("parent_run_id")) in self._runs:
                execution.members.setdefault(run.executor_id, []).append(run)
            else:
                execution.runs.append(run)
        run.note(name, data, at)
        content = data.get("content")
        if name == "RunContent" and isinstance(content, str):
            execution.said += content
        state = data.get("session_state")
        is_own = "parent_run_id" not in data and not execution.is_function
        if name == "RunCompleted" and isinstance(state, dict) and is_own:
            kept = {key: state[key] for key in state if key not in OF_THE_RUN}
            self._observations.states.append(kept)
        return run.unsaid


def _has_executor(description: Mapping[str, Any], path: NodePath) -> bool:
    node: Any = description
    for key in path:
        node = node[key]
    return any(node.get(key) for key in ("agent", "team", "agent_id", "team_id"))


def _note_unscripted(value: Mapping[str, Any], unsaid: dict[str, None]) -> None:
    for key in _UNSCRIPTED:
        if value.get(key):
            unsaid[f"it gave {key}, which no script does"] = None


def _results(value: Any) -> Iterator[Json]:
    """The results of steps within an event, however deep."""
    if isinstance(value, dict):
        if "success" in value and "step_name" in value:
            yield value
        for item in value.values():
            yield from _results(item)
    elif isinstance(value, list):
        for item in value:
            yield from _results(item)
