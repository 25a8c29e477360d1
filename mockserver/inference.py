"""A script from recordings: what each step answered, as far as its server's streams show it.

The tree is the description's. A step's content, chunks, tool calls, failure, stop and delay come
from its events; a Condition's, Loop's or Router's decision from theirs, as a constant. Where the
recorded message stands in an answer, the script has `{{ input }}`. What differs between sights of
one step, and what no recording shows, is said in a comment at its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from mockserver.recording import Recording
from mockserver.replay import MIN_ECHO

SKIPPED = "failed but skipped"
"""How the content of a failure that was skipped ends (Agno 2.5.6)."""

MIN_DELAY = 0.05
"""Seconds; what is shorter is the server's own time."""

_RESULT = ("stop", "error", "executor_type", "executor_name")

_MARKS = re.compile(r"\{[{%#]")
_STARTS = re.compile(
    r"(Step|ParallelExecution|ConditionExecution|LoopExecution|RouterExecution|StepsExecution)Started"
)


@dataclass
class Sight:
    """One carrying out of a step or container."""

    started: float
    message: str
    facts: dict[str, Any] = field(default_factory=dict)
    chunks: list[str] = field(default_factory=list)
    tools: list[dict[str, Any]] = field(default_factory=list)
    spoke: float | None = None
    ended: float | None = None


def infer_script(description: Mapping[str, Any], recordings: Sequence[Recording]) -> str:
    """The script, as YAML with comments."""
    streams = [recording for recording in recordings if recording.frames]
    sights = _Sights(description)
    for recording in streams:
        sights.watch(recording)
    script = _node(description)
    heading = f"Inferred from {len(streams)} recorded streams."
    if not streams:
        heading += " Nothing shows what its steps answer: they say their names and their input."
    script.yaml_set_start_comment(heading)
    steps = script.get("steps")
    if isinstance(steps, list):
        for index, item in enumerate(steps):
            _fill(item, ("steps", index), sights)
    out = StringIO()
    yaml = YAML()
    yaml.allow_unicode = True
    yaml.width = 100
    yaml.dump(script, out)
    return out.getvalue()


class _Sights:
    """Which events belong to which step of the description."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._description = description
        self.of: dict[tuple[Any, ...], list[Sight]] = {}
        self.unknown: list[str] = []

    def watch(self, recording: Recording) -> None:
        """Read one stream."""
        by_id: dict[str, tuple[tuple[Any, ...], Sight]] = {}
        latest: dict[str | None, Sight] = {}
        for frame in recording.frames:
            data, name = frame.data, frame.event
            step_id = str(data.get("step_id"))
            if _STARTS.fullmatch(name):
                parent = by_id.get(str(data.get("parent_step_id")))
                path = self._child(parent[0] if parent else (), data.get("step_name"), data)
                if path is None:
                    self.unknown.append(str(data.get("step_name")))
                    continue
                sight = Sight(frame.at, recording.message)
                by_id[step_id] = (path, sight)
                latest[str(data.get("step_name"))] = sight
                if parent is None:
                    # A StepOutput has no step_id, and of a skipped failure no name either.
                    latest[None] = sight
                self.of.setdefault(path, []).append(sight)
                for key in ("condition_result", "selected_steps", "max_iterations"):
                    if key in data:
                        sight.facts[key] = data[key]
                continue
            found = by_id.get(step_id)
            step_name = data.get("step_name")
            known = found[1] if found else latest.get(step_name and str(step_name))
            if known is None:
                continue
            self._note(known, name, data, frame.at)

    def _note(self, sight: Sight, name: str, data: Mapping[str, Any], at: float) -> None:
        match name.removeprefix("Team"):
            case "RunContent":
                sight.spoke = at if sight.spoke is None else sight.spoke
                if isinstance(data.get("content"), str):
                    sight.chunks.append(data["content"])
            case "ToolCallCompleted":
                tool = data.get("tool") or {}
                call = {"name": tool.get("tool_name"), "args": tool.get("tool_args") or {}}
                key = "error" if tool.get("tool_call_error") else "result"
                sight.tools.append({**call, key: tool.get("result")})
            case "StepOutput":
                output = data.get("step_output") or {}
                sight.ended = at
                sight.facts.update({k: output.get(k) for k in (*_RESULT, "content")})
            case "StepCompleted":
                sight.ended = at if sight.ended is None else sight.ended
                response = data.get("step_response") or {}
                sight.facts.setdefault("content", data.get("content"))
                sight.facts.update({k: response.get(k) for k in _RESULT})
            case "StepError" | "RunError":
                sight.facts["error"] = data.get("error") or data.get("content")
            case "LoopExecutionCompleted":
                sight.facts["total_iterations"] = data.get("total_iterations")
            case _:
                pass

    def _child(
        self, parent: tuple[Any, ...], name: Any, data: Mapping[str, Any]
    ) -> tuple[Any, ...] | None:
        node: Any = self._description
        for key in parent:
            node = node[key]
        index = data.get("step_index")
        position = index[-1] if isinstance(index, list) and index else index
        for key in ("steps", "choices", "else_steps"):
            items = node.get(key) or []
            fitting = [i for i, item in enumerate(items) if item.get("name") == name]
            if fitting:
                # Steps of one name are told apart by their place, where the server says it.
                return (*parent, key, position if position in fitting else fitting[0])
        return None


def _node(value: Any) -> Any:
    if isinstance(value, Mapping):
        return CommentedMap((key, _node(item)) for key, item in value.items())
    if isinstance(value, list):
        return [_node(item) for item in value]
    return value


def _fill(node: CommentedMap, path: tuple[Any, ...], sights: _Sights) -> None:
    seen = sights.of.get(path, [])
    notes: list[str] = []
    if not seen:
        notes.append("no recording shows it carried out")
    elif node.get("type") == "Step":
        mock = _mock(seen, notes)
        if mock:
            node["mock"] = mock
        _settings(node, seen)
    else:
        _decide(node, seen, notes)
    if notes:
        first = next(iter(node))
        node.yaml_set_comment_before_after_key(first, before="; ".join(notes))
    for key in ("steps", "choices", "else_steps"):
        for index, item in enumerate(node.get(key) or []):
            _fill(item, (*path, key, index), sights)


def _settings(node: CommentedMap, seen: Sequence[Sight]) -> None:
    if any(sight.facts.get("error") for sight in seen):
        node["max_retries"] = 0
    for sight in seen:
        if str(sight.facts.get("content", "")).endswith(SKIPPED):
            node["skip_on_failure"] = True
        function = sight.facts.get("executor_name")
        is_function = sight.facts.get("executor_type") == "function"
        if is_function and function and function != node.get("name"):
            node["executor_ref"] = function


def _decide(node: CommentedMap, seen: Sequence[Sight], notes: list[str]) -> None:
    match node.get("type"):
        case "Condition":
            results = [bool(sight.facts.get("condition_result")) for sight in seen]
            node["evaluator"] = results[0]
            node.pop("evaluator_type", None)
            if len(set(results)) > 1:
                notes.append("its evaluator came to both; what it looks at no stream shows")
        case "Router":
            chosen = [list(sight.facts.get("selected_steps") or []) for sight in seen]
            node["selector"] = f'"{chosen[0][0]}"' if chosen[0] else '""'
            node.pop("selector_type", None)
            if any(choice != chosen[0] for choice in chosen):
                notes.append("its selector chose otherwise too; what it looks at no stream shows")
        case "Loop":
            counts = [sight.facts.get("total_iterations") for sight in seen]
            known = [count for count in counts if isinstance(count, int)]
            if known:
                node["max_iterations"] = known[0]
                node.pop("end_condition", None)
                node.pop("end_condition_type", None)
            if len(set(known)) > 1:
                notes.append(f"it took {', '.join(map(str, sorted(set(known))))} iterations")


def _mock(seen: Sequence[Sight], notes: list[str]) -> dict[str, Any]:
    mocks = [_one(sight) for sight in seen]
    mock = next((mock for mock in mocks if "error" not in mock), mocks[0])
    answers = [{key: m[key] for key in m if key != "delay"} for m in mocks if "error" not in m]
    if any(answer != answers[0] for answer in answers[1:]):
        notes.append(f"it answered in {len(answers)} ways; this is the first")
    if not answers:
        mock["fails"] = 1000
    return mock


def _one(sight: Sight) -> dict[str, Any]:
    facts = sight.facts
    mock: dict[str, Any] = {}
    if facts.get("error") and (sight.ended is None or facts.get("content") is None):
        return {"error": _templated(str(facts["error"]), sight.message, template=False)}
    if facts.get("error") and str(facts.get("content", "")).endswith(SKIPPED):
        return {"error": str(facts["error"])}
    if len(sight.chunks) > 1:
        mock["chunks"] = [_templated(chunk, sight.message) for chunk in sight.chunks]
    elif facts.get("content") is not None:
        mock["content"] = _templated(facts["content"], sight.message)
    if sight.tools:
        mock["tools"] = [_templated(tool, sight.message) for tool in sight.tools]
    if facts.get("stop"):
        mock["stop"] = True
    until = sight.spoke if sight.spoke is not None else sight.ended
    if until is not None and until - sight.started >= MIN_DELAY:
        mock["delay"] = round(until - sight.started, 2)
    return mock


def _templated(value: Any, message: str, *, template: bool = True) -> Any:
    """A recorded value as a template that gives it again."""
    if isinstance(value, Mapping):
        return {key: _templated(item, message) for key, item in value.items()}
    if isinstance(value, list):
        return [_templated(item, message) for item in value]
    if not isinstance(value, str) or not template:
        return value
    if value == message:
        return "{{ input }}"
    pieces = (
        re.split(rf"(?<!\w){re.escape(message)}(?!\w)", value)
        if len(message) >= MIN_ECHO
        else [value]
    )
    return "{{ input }}".join(
        f"{{% raw %}}{piece}{{% endraw %}}" if _MARKS.search(piece) else piece for piece in pieces
    )
