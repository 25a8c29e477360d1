"""What a sequence is made of: steps that name runs and sessions by their place in it, never by an
id of the server's. So one sequence can be carried out again, and kept as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

MARK = "contract-tests-fuzz-000000000000-"
"""How the names of a sequence's own sessions begin. Each time that the sequence is carried out the
zeros are others, so that no two times have a session in common."""

_NUMBER = re.compile(r"run:(\d+)")


class _Step(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64"
    )


class Run(_Step):
    """Starts a run with a form that every server must take, and reads the whole answer."""

    kind: Literal["run"] = "run"
    workflow: str
    stream: Literal["true", "false"] | None = "true"
    """None leaves the field out."""
    message: str | None = None
    """None is the workflow's own."""
    session: str | None = None
    """One of the sequence's own (`MARK…`); `run:N`, the one that the run of step N had; or none."""
    user: str | None = None
    extra: tuple[tuple[str, str], ...] = ()
    """Fields that the form does not have, and `version=null`."""
    headers: tuple[tuple[str, str], ...] = ()
    beside: bool = False
    """Whether the next step comes while the answer is still being read."""


class Form(_Step):
    """Sends any body where a form is expected."""

    kind: Literal["form"] = "form"
    workflow: str
    content: bytes
    content_type: str | None


class Odd(_Step):
    """Sends what is no run: another method, another path, strange headers."""

    kind: Literal["odd"] = "odd"
    method: str
    path: Annotated[str, Field(pattern="^/")]
    """Percent-encoded, below the target's URL."""
    headers: tuple[tuple[str, str], ...] = ()
    expects: Literal["refusal", "404", "405"] = "refusal"


class Cancel(_Step):
    """Cancels a run, when so many of its events have come or it is over."""

    kind: Literal["cancel"] = "cancel"
    run: int
    """A step's position, from 0; so in the steps below."""
    after: int = 1


class Disconnect(_Step):
    """Hangs up, when so many events have come or the run is over."""

    kind: Literal["disconnect"] = "disconnect"
    run: int
    after: int = 1


class Await(_Step):
    """Reads a run that was started beside others to its end."""

    kind: Literal["await"] = "await"
    run: int


class ReadRun(_Step):
    """Reads a run back."""

    kind: Literal["read-run"] = "read-run"
    run: int


class ReadSession(_Step):
    """Lists the runs of a run's session."""

    kind: Literal["read-session"] = "read-session"
    run: int


Step = Run | Form | Odd | Cancel | Disconnect | Await | ReadRun | ReadSession
Steps = tuple[Step, ...]

_ADAPTER: TypeAdapter[Steps] = TypeAdapter(
    tuple[Annotated[Step, Field(discriminator="kind")], ...],
)


def steps_to_json(steps: Sequence[Step]) -> list[dict[str, object]]:
    """As JSON has them; bytes are base64."""
    found: list[dict[str, object]] = [
        step.model_dump(mode="json", exclude_defaults=True) | {"kind": step.kind} for step in steps
    ]
    return found


def steps_from_json(data: object) -> Steps:
    """Raises pydantic.ValidationError, and ValueError where a step names none before it."""
    steps = _ADAPTER.validate_json(json.dumps(data))
    for position, step in enumerate(steps):
        for target in runs_named(step):
            if target >= position or not isinstance(steps[target], Run):
                raise ValueError(f"step {position} names step {target}, which is no run before it")
    return steps


def runs_named(step: Step) -> tuple[int, ...]:
    """The positions of the runs that a step names."""
    if isinstance(step, Run):
        found = _NUMBER.fullmatch(step.session or "")
        return (int(found[1]),) if found else ()
    if isinstance(step, Form | Odd):
        return ()
    return (step.run,)


def size(steps: Sequence[Step]) -> tuple[int, int]:
    """By which the smaller of two sequences is told: the number of steps, then what they say."""
    return len(steps), sum(len(step.model_dump_json(exclude_defaults=True)) for step in steps)


def without(steps: Steps, position: int) -> Steps | None:
    """A sequence without one of its steps; None where another step needs it."""
    if any(position in runs_named(step) for step in steps):
        return None
    later = tuple(_moved(step, position) for step in steps[position + 1 :])
    return (*steps[:position], *later)


def _moved(step: Step, position: int) -> Step:
    """A step, when the one at that position is gone, which comes before it."""
    named = runs_named(step)
    if not named or named[0] < position:
        return step
    name = {"session": f"run:{named[0] - 1}"} if isinstance(step, Run) else {"run": named[0] - 1}
    return step.model_copy(update=name)
