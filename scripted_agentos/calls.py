"""What a step got and what one try of it came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agno.media import Image
from agno.models.message import Citations
from agno.run import RunContext
from agno.workflow.cel import _build_step_input_context
from agno.workflow.types import StepInput
from pydantic import BaseModel

from scripted_agentos.templates import Json


class MockedFailure(RuntimeError):
    """What a step raises because its script says so."""


MockedFailure.__name__ = "RuntimeError"  # what the mock calls it, where a run says its kind


def values_of(step_input: StepInput) -> dict[str, Any]:
    """What a step sees as values: the message, JSON where the workflow has an input_schema, and
    what the steps before it answered."""
    given = step_input.input
    outputs = step_input.previous_step_outputs or {}
    return {
        "input_value": plain(given),
        "previous_step_value": plain(step_input.previous_step_content),
        "previous_step_values": {name: plain(output.content) for name, output in outputs.items()},
    }


def plain(value: Any) -> Any:
    """A value of a class as the JSON that it was read from."""
    return (
        value.model_dump(mode="json", exclude_unset=True) if isinstance(value, BaseModel) else value
    )


@dataclass
class Call:
    """One carrying out of a step: where it stands in its run and what it got."""

    step_input: StepInput
    run_context: RunContext
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The session's state as the agents' runs within it have it, by their run_id: a team's member
    has a copy."""
    answers: dict[str, Answer] = field(default_factory=dict)
    """What the agents' runs within it answer, by their run_id."""
    tool_calls: dict[tuple[str, str], list[ToolCall]] = field(default_factory=dict)
    """What was asked of each tool and not yet done, by its agent's key and its name."""

    def variables(self, attempt: int, state: dict[str, Any]) -> dict[str, Any]:
        """The templates' variables: those of Agno's CEL (the same function makes them) and ours."""
        return {
            **_build_step_input_context(self.step_input, state),
            **values_of(self.step_input),
            "session_state": state,
            "run_id": self.run_context.run_id,
            "session_id": self.run_context.session_id,
            "user_id": self.run_context.user_id,
            "attempt": attempt,
            "answers": [],
        }


@dataclass(frozen=True)
class ToolCall:
    """One call that a model asks for, and what comes of it."""

    name: str
    args: dict[str, Any]
    result: str
    error: str | None
    """What the tool raises instead of giving `result`."""
    delay: float
    """Seconds."""
    media: dict[str, list[Any]]
    """What it gives beside its result, by kind (MEDIA)."""


@dataclass(frozen=True)
class Request:
    """One request to the model: what it says, and what it asks for."""

    reasoning: list[str]
    chunks: list[str]
    tools: list[ToolCall]
    """Asked for at once; none ends the run."""
    tokens: dict[str, int]
    """What it used, by the names that scripts have: input, output, ..."""


@dataclass
class Answer:
    """What one try of a step came to."""

    content: Json
    requests: list[Request]
    asked: list[ToolCall] = field(default_factory=list)
    """The tools called so far."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """What it was rendered with."""
    failure: MockedFailure | None = None
    """What its model raises once it has said `pieces_left` more."""
    pieces_left: int = 0
    images: list[Image] = field(default_factory=list)
    """An agent's, as its citations are."""
    citations: Citations | None = None

    def says_a_piece(self) -> None:
        """Counts what the model is about to say. Raises `failure` when it is time."""
        if self.failure is not None:
            if not self.pieces_left:
                raise self.failure
            self.pieces_left -= 1

    def ends(self) -> None:
        """Raises `failure` where there is nothing more to say."""
        if self.failure is not None:
            raise self.failure
