"""Reasoning steps: what an agent's calls of the tools `think` and `analyze` say of its thoughts.

Agno takes a tool of that name for one of its ReasoningTools (`agno/agent/_response.py`,
`update_reasoning_content_from_tool_call`), whoever made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pydantic import FiniteFloat, TypeAdapter, ValidationError

Json = dict[str, Any]

_MEMBERS = ("title", "action", "result", "reasoning", "next_action", "confidence")
"""Agno's ReasoningStep, in its order."""
_CONFIDENCE: TypeAdapter[float | None] = TypeAdapter(FiniteFloat | None)
"""As Agno reads it: `0.5` in quotes is a number too, and what is said is the text."""
_FINAL = ("final", "final_answer", "finalize")


class Reasoned(NamedTuple):
    """A part of an agent's reasoning."""

    by: Literal["model", "tool", "earlier try"]
    text: str


@dataclass(frozen=True)
class Thought:
    """A reasoning step."""

    step: Json
    """All its members; the events of reasoning leave out what is null."""
    text: str
    """What it adds to the run's reasoning_content."""


def is_thought(tool: str) -> bool:
    """Whether a call of that tool may be a reasoning step."""
    return tool.lower() in ("think", "analyze")


def thought_of(tool: str, args: Json) -> Thought | None:
    """What a tool's call says of the agent's thoughts; None where it says nothing of that, or its
    arguments are not those of ReasoningTools."""
    name = tool.lower()
    texts = ("title", "thought", "action", "result", "analysis")
    if not all(isinstance(args.get(key), str | None) for key in texts):
        return None
    if not isinstance(args.get("next_action", ""), str):
        return None
    confidence = args.get("confidence")
    try:
        _CONFIDENCE.validate_python(confidence)
    except ValidationError:
        return None
    if name == "think" and "thought" in args:
        if "title" not in args:
            step = _step(title="Thinking", reasoning=args["thought"])
            return Thought(step, f"## Thinking\n{args['thought']}\n\n")
        action = args.get("action", "")
        step = _step(
            title=args["title"],
            reasoning=args["thought"],
            action=action,
            next_action="continue",
            confidence=confidence,
        )
        text = f"## {args['title']}\n{args['thought']}\n"
        text += f"Action: {action}\n" if action else ""
        return Thought(step, text + _sureness(confidence))
    if name == "analyze" and "title" in args:
        result, analysis = args.get("result", ""), args.get("analysis", "")
        wanted = args.get("next_action", "")
        known = {"validate": "validate", **dict.fromkeys(_FINAL, "final_answer")}
        step = _step(
            title=args["title"],
            result=result,
            reasoning=analysis,
            next_action=known.get(wanted.lower(), "continue"),
            confidence=confidence,
        )
        text = f"## {args['title']}\n"
        text += f"Result: {result}\n" if result else ""
        text += f"{analysis}\n" if analysis else ""
        text += f"Next Action: {wanted}\n" if wanted and wanted.lower() != "continue" else ""
        return Thought(step, text + _sureness(confidence))
    return None


def without_nulls(value: Mapping[str, Any]) -> Json:
    """Those of the members that are not null."""
    return {name: each for name, each in value.items() if each is not None}


def _step(**members: Any) -> Json:
    number = _CONFIDENCE.validate_python(members.get("confidence"))
    return {**dict.fromkeys(_MEMBERS), **members, "confidence": number}


def _sureness(confidence: Any) -> str:
    return "\n" if confidence is None else f"Confidence: {confidence}\n\n"
