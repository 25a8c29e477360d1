"""Step results in the form of Agno's `StepOutput.to_dict()`, and what is read off them.

Contents and keys, their order included, are those of a real AgentOS 2.5.6.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mockserver.engine.media import joined, media_of

Result = dict[str, Any]

TOKEN_COUNTS = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "audio_total_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
"""What metrics count, in Agno's order; a count of 0 is left out."""


def result(
    content: Any,
    step_name: str | None,
    step_id: str | None,
    step_type: str,
    executor_type: str | None = None,
    executor_name: str | None = None,
    *,
    success: bool = True,
    error: str | None = None,
    stop: bool = False,
) -> Result:
    """One step's or container's result, without nested ones."""
    return {
        "content": content,
        "step_name": step_name,
        "step_id": step_id,
        "step_type": step_type,
        "executor_type": executor_type,
        "executor_name": executor_name,
        "step_run_id": None,
        "images": None,
        "videos": None,
        "audio": None,
        "files": None,
        "metrics": None,
        "success": success,
        "error": error,
        "stop": stop,
    }


def container_result(
    content: str, name: str, step_id: str, step_type: str, results: Sequence[Result]
) -> Result:
    """A Condition's, Loop's, Router's or Steps' result: as good as what is in it."""
    outer = result(
        content,
        name,
        step_id,
        step_type,
        success=all(inner["success"] for inner in results),
        stop=any(inner["stop"] for inner in results),
    )
    if results:
        outer["steps"] = list(results)
    return outer


def parallel_result(name: str, step_id: str, results: Sequence[Result]) -> Result:
    """A Parallel's result: its content lists all branches'."""
    if not results:
        return result("No parallel steps executed", name, step_id, "Parallel")
    parts = []
    for number, inner in enumerate(results, 1):
        icon = "❌ FAILURE:" if inner["success"] is False else "✅ SUCCESS:"
        text = str(inner["content"] or "")
        step_name = inner["step_name"] or f"Step {number}"
        parts.append(f"### {icon} {step_name}\n{text if text.strip() else '*(No content)*'}\n\n")
    outer = container_result(
        ("## Parallel Execution Results\n\n" + "".join(parts)).strip(),
        name,
        step_id,
        "Parallel",
        results,
    )
    outer["executor_type"] = "parallel" if len(results) > 1 else None
    outer["executor_name"] = name
    if len(results) == 1:
        outer["error"] = results[0]["error"]
    for inner in results:
        # Files stay where they are, as in Agno.
        media = {kind: items for kind, items in media_of(inner).items() if kind != "files"}
        outer.update(joined(media_of(outer), media))
    outer["metrics"] = sum_metrics(results)
    return outer


def sum_metrics(results: Sequence[Result]) -> dict[str, Any] | None:
    """The metrics of several agents' runs together; None where none had any.

    Counts and durations are summed, the earliest first token counts (Agno's `RunMetrics`).
    """
    metrics = [inner["metrics"] for inner in results if inner["metrics"]]
    if not metrics:
        return None
    total: dict[str, Any] = {
        name: count for name in TOKEN_COUNTS if (count := sum(m.get(name, 0) for m in metrics))
    }
    first_tokens = [m["time_to_first_token"] for m in metrics if "time_to_first_token" in m]
    if first_tokens:
        total["time_to_first_token"] = min(first_tokens)
    total["duration"] = round(sum(m.get("duration", 0.0) for m in metrics), 6)
    details: dict[str, dict[tuple[Any, Any], dict[str, Any]]] = {}
    for kind, models in ((k, v) for m in metrics for k, v in m.get("details", {}).items()):
        for model in models:
            by_model = details.setdefault(kind, {})
            key = (model.get("provider"), model.get("id"))
            known = by_model.get(key, {})
            counts = {
                name: count
                for name in TOKEN_COUNTS
                if (count := known.get(name, 0) + model.get(name, 0))
            }
            about = {name: value for name, value in model.items() if name not in TOKEN_COUNTS}
            by_model[key] = {**counts, **about}
    if details:
        total["details"] = {kind: list(models.values()) for kind, models in details.items()}
    return total


def as_step_output(inner: Result) -> Result:
    """A result as a StepOutput event has it: the same members in the dataclass's order."""
    return {
        "step_name": inner["step_name"],
        "step_id": inner["step_id"],
        "step_type": inner["step_type"],
        "executor_type": inner["executor_type"],
        "executor_name": inner["executor_name"],
        **inner,
        "steps": None,
    }


def deepest(outer: Result) -> Result:
    """The last result, taken as deep as it goes (Agno's "deepest content")."""
    while outer.get("steps"):
        outer = outer["steps"][-1]
    return outer


def deepest_content(outer: Result) -> Any:
    """What an agent gets of the step before it: as `deepest`, but all of a Parallel."""
    if not outer.get("steps"):
        return outer["content"]
    if outer["step_type"] != "Parallel":
        return deepest_content(outer["steps"][-1])
    parts = []
    for number, inner in enumerate(outer["steps"], 1):
        content = deepest_content(inner)
        if content:
            parts.append(f"=== {inner['step_name'] or f'Step {number}'} ===\n{content}")
    return "\n\n".join(parts) if parts else outer["content"]


def iter_results(results: Sequence[Result]) -> Iterator[Result]:
    """All results, the nested ones before those that hold them."""
    for outer in results:
        yield from iter_results(outer.get("steps") or ())
        yield outer


def metrics_by_step(results: Sequence[Result]) -> dict[str, Any]:
    """The run's metrics: those of each agent's or team's step, by its name."""
    return {
        inner["step_name"]: {
            "step_name": inner["step_name"],
            "executor_type": inner["executor_type"],
            "executor_name": inner["executor_name"],
            "metrics": inner["metrics"],
        }
        for inner in iter_results(results)
        if inner["metrics"] and inner["executor_type"] in ("agent", "team")
    }


class Structured(dict[str, Any]):
    """An agent's answer that is a value of a class: what is shown of it, which is all but members
    that are null."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        super().__init__({key: value for key, value in members.items() if value is not None})
        self.members = dict(members)

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        """As Pydantic writes it."""
        return " ".join(f"{name}={value!r}" for name, value in self.members.items())

    def to_json(self, indent: int | None = None) -> str:
        """All its members, as Pydantic writes them."""
        separators = (",", ":") if indent is None else None
        return json.dumps(self.members, ensure_ascii=False, indent=indent, separators=separators)

    def to_message(self) -> str:
        """What an agent is told of it."""
        return json.dumps(dict(self), ensure_ascii=False, indent=2)


def members_of(content: Any) -> Any:
    """A content as a value of templates and CEL."""
    return content.members if isinstance(content, Structured) else content


def as_text(value: Any) -> str:
    """A value where only text will do: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
