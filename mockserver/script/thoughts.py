"""Reasoning steps: what an agent's calls of the tools `think` and `analyze` say of its thoughts.

Agno takes a tool of that name for one of its ReasoningTools (`agno/agent/_response.py`,
`update_reasoning_content_from_tool_call`), whoever made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, FiniteFloat, ValidationError

Json = dict[str, Any]

_FINAL = ("final", "final_answer", "finalize")


class ReasoningStep(BaseModel):
    """Agno's class of that name, with its members in its order."""

    title: str | None = None
    action: str | None = None
    result: str | None = None
    reasoning: str | None = None
    next_action: Literal["continue", "validate", "final_answer"] | None = None
    confidence: FiniteFloat | None = None


class NotAThought(ValueError):
    """A call's arguments have types that Agno's classes do not take; str() is what Agno says."""


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
    """What a tool's call says of the agent's thoughts; None where it says nothing of that.

    Raises NotAThought, and Agno's run fails.
    """
    name = tool.lower()
    confidence = args.get("confidence")
    if name == "think" and "thought" in args:
        thought = args["thought"]
        if "title" not in args:
            step = _step(title="Thinking", reasoning=thought)
            return Thought(step, f"## Thinking\n{thought}\n\n")
        title, action = args["title"], args.get("action", "")
        step = _step(
            title=title,
            reasoning=thought,
            action=action,
            next_action="continue",
            confidence=confidence,
        )
        text = f"## {title}\n{thought}\n"
        text += f"Action: {action}\n" if action else ""
        return Thought(step, text + _sureness(confidence))
    if name == "analyze" and "title" in args:
        title, wanted = args["title"], args.get("next_action", "")
        result, analysis = args.get("result", ""), args.get("analysis", "")
        if not isinstance(wanted, str):
            raise NotAThought(f"'{type(wanted).__name__}' object has no attribute 'lower'")
        known = {"validate": "validate", **dict.fromkeys(_FINAL, "final_answer")}
        step = _step(
            title=title,
            result=result,
            reasoning=analysis,
            next_action=known.get(wanted.lower(), "continue"),
            confidence=confidence,
        )
        text = f"## {title}\n"
        text += f"Result: {result}\n" if result else ""
        text += f"{analysis}\n" if analysis else ""
        text += f"Next Action: {wanted}\n" if wanted and wanted.lower() != "continue" else ""
        return Thought(step, text + _sureness(confidence))
    return None


def cleaned(arguments: Json) -> Json:
    """A model's arguments as Agno hands them to a tool: words that mean a value become it."""
    words = {"none": None, "null": None, "true": True, "false": False}
    handed: Json = {}
    for key, value in arguments.items():
        if isinstance(value, str):
            value = value.strip()
            value = words.get(value.lower(), value)
        handed[key] = value
    return handed


def _step(**members: Any) -> Json:
    try:
        return ReasoningStep(**members).model_dump()
    except ValidationError as error:
        raise NotAThought(str(error)) from error


def _sureness(confidence: Any) -> str:
    return "\n" if confidence is None else f"Confidence: {confidence}\n\n"
