"""What a workflow script says, compiled: steps, what they answer, scenarios.

`mockserver.script.loader` makes it of a file. All of it is immutable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mockserver.script.cel import Cel
from mockserver.script.templates import Renderer

DELEGATION = "delegate_task_to_member"
"""A team's own tool: a call of it is a run of the member."""

# Agno's defaults, for what a description leaves out.
DEFAULT_MAX_ITERATIONS = 3
DEFAULT_MAX_RETRIES = 3


# -- what a script says, compiled


@dataclass(frozen=True)
class Prompt:
    """What an agent's or a team's model is told of itself, as its description has it."""

    whole: str | None = None
    """The whole system message, in place of one made of the others."""
    description: str | None = None
    role: str | None = None
    instructions: tuple[str, ...] = ()
    markdown: bool = False
    expected_output: str | None = None
    additional_context: str | None = None


@dataclass(frozen=True)
class Executor:
    """What carries a step out: a function, an agent or a team."""

    type: Literal["function", "agent", "team"]
    id: str
    name: str
    model: str = "scripted"
    """The model's id, as `model` has it in events."""
    model_provider: str = "Scripted"
    model_name: str = "Scripted"
    retries: int = 0
    """How often a run of it tries its model again (Agno's Agent.retries)."""
    delay_between_retries: float = 1.0
    """Seconds."""
    exponential_backoff: bool = False
    """Each retry's delay is twice the one before."""
    members: tuple[Step, ...] = ()
    """A team's: each has its own executor and mock."""
    prompt: Prompt = Prompt()


WaitsFor = Literal["requires_confirmation", "requires_user_input", "external_execution_required"]
"""What has an agent's run pause instead of calling a tool, as Agno's ToolExecution has it."""


@dataclass(frozen=True)
class Tool:
    """One tool call of an agent or a team."""

    name: str
    args: Renderer
    result: Renderer
    error: Renderer | None = None
    """What it raises instead of giving `result`."""
    delay: float = 0.0
    """Seconds."""
    waits_for: WaitsFor | None = None
    media: Mapping[str, Renderer] = field(default_factory=dict)
    """What it gives beside its result: as a mock's."""


@dataclass(frozen=True)
class Tokens:
    """What one model request used."""

    input: int = 0
    output: int = 0
    total: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Timing:
    """How fast a model speaks."""

    time_to_first_token: float = 0.0
    """Seconds."""
    tokens_per_second: float = 0.0
    """0: all at once."""
    jitter: float = 0.0
    """By which part of itself each of its times may be longer or shorter, at most 1."""


@dataclass(frozen=True)
class Texts:
    """What a model says, in pieces."""

    pieces: tuple[Renderer, ...] = ()
    is_whole: bool = False
    """The one piece may be streamed token by token."""


@dataclass(frozen=True)
class ScriptedRequest:
    """One request to an agent's or a team's model."""

    content: Texts
    reasoning: Texts = Texts()
    tools: tuple[Tool, ...] = ()
    """What it asks for, at once; the last request of a run asks for nothing."""
    tokens: Tokens | None = None


PassesOn = Literal["events", "content", "nothing"]
"""What a function passes on of the stream of an agent's run within it."""


@dataclass(frozen=True)
class InnerRun:
    """An agent or a team that a function runs within itself."""

    step: Step
    """Its executor and mock."""
    passes_on: PassesOn = "events"


@dataclass(frozen=True)
class OwnEvent:
    """An event that a function tells before it answers (Agno's CustomEvent)."""

    data: Renderer
    """Its own members."""
    delay: float = 0.0
    """Seconds before it."""


@dataclass(frozen=True)
class Mock:
    """What a step answers instead of calling its function or model."""

    content: Renderer
    chunks: tuple[Renderer, ...] | None = None
    requests: tuple[ScriptedRequest, ...] = ()
    """An agent's or a team's; the last gives `content` or `chunks`."""
    timing: Timing = Timing()
    delay: float | Renderer = 0.0
    """Seconds."""
    fails: int | Renderer = 0
    """How many tries fail; a template may also give whether this one does."""
    error: str | Renderer = ""
    """Why a try fails, or, with `has_error`, a function whose `success` is false."""
    content_type: str | None = None
    """The class of an agent's or a team's answer, which is a mapping; None: it is a text."""
    fails_after: int | None = None
    """A model says so many pieces of a try that fails first."""
    stop: bool | Renderer = False
    """Whether the workflow ends after the step (Agno's StepOutput.stop). A function's may be a
    template."""
    success: bool | Renderer = True
    """A function's: false says that it failed without raising (Agno's StepOutput.success)."""
    media: Mapping[str, Renderer] = field(default_factory=dict)
    """A function's images, videos, audio and files, by that name: lists of objects. A model gives
    images alone."""
    citations: Renderer | None = None
    """What a model's answer refers to (Agno's Citations)."""
    events: tuple[OwnEvent, ...] = ()
    """What a function sends before it answers."""
    has_error: bool = False
    """Whether the script has an `error` beside a function's `success`."""
    session_state: Renderer | None = None
    """Members to put into the session's state, by a try that does not fail."""
    gate: str | None = None
    """Where each try waits first, until that gate is released."""
    runs: tuple[InnerRun, ...] = ()
    """The agents and teams that a function runs, in their order."""
    answers_by_runs: bool = False
    """Whether a function's content is all that was said in its `runs`."""


@dataclass(frozen=True)
class Pause:
    """What is to be asked before a step or container is carried out."""

    confirmation: bool
    user_input: bool
    """A Router's: which choice."""
    on_reject: str
    confirmation_message: str | None = None
    user_input_message: str | None = None
    user_input_schema: tuple[Mapping[str, Any], ...] | None = None
    """Fields: `name`, `field_type`, `description`, `required`, `allowed_values`."""
    allow_multiple_selections: bool = False
    is_of_function: bool = False
    """It is the function that asks, by Agno's `@pause`."""


@dataclass(frozen=True)
class Step:
    """A step: carried out by a function, an agent or a team, which `mock` answers for."""

    path: str
    """Where it stands in the script, such as `steps[1].steps[0]`: its identity there."""
    name: str
    description: str | None
    executor: Executor
    mock: Mock
    max_retries: int = DEFAULT_MAX_RETRIES
    skip_on_failure: bool = False
    skip_on_error: bool = False
    """`on_error: skip`: at the top level, a failure for good is a result and the run goes on."""
    pauses_on_error: bool = False
    """`on_error: pause`: at the top level, the run pauses there."""
    pause: Pause | None = None


@dataclass(frozen=True)
class Failure:
    """What the function that decides raises."""

    fails: bool | Renderer
    """Whether it does."""
    error: str | Renderer


@dataclass(frozen=True)
class Container:
    """What has steps within it; which of them are carried out, and in which order, its type says
    (`mockserver/engine/containers.py`)."""

    path: str
    """As a Step's."""
    name: str
    description: str | None
    children: tuple[Node, ...]
    """Its steps; a Router's choices."""
    pause: Pause | None = field(default=None, kw_only=True)
    failure: Failure | None = field(default=None, kw_only=True)
    """Of a Condition or a Router."""


@dataclass(frozen=True)
class Parallel(Container):
    """All of its children, side by side."""


@dataclass(frozen=True)
class Steps(Container):
    """All of its children, one after the other."""


@dataclass(frozen=True)
class Condition(Container):
    """Its children where the evaluator is true, else `else_steps`."""

    evaluator: Cel | bool
    """CEL of Agno's, or what its function answers."""
    else_steps: tuple[Node, ...]


@dataclass(frozen=True)
class Loop(Container):
    """All of its children, again and again, until `end_condition` is true; None: never before
    `max_iterations`."""

    max_iterations: int
    end_condition: Cel | bool | None


@dataclass(frozen=True)
class Router(Container):
    """Those of its children that are selected, by name and in that order."""

    selector: Cel | None
    """None: the first choice, or none where the user is to choose."""
    selects: Cel | tuple[str, ...] | None = None
    """What its selector function answers instead: names, or what gives a name or some."""


Node = Step | Parallel | Steps | Condition | Loop | Router


def nodes_of(nodes: Iterable[Node]) -> Iterator[Node]:
    """These and what is in them, in their order: not the members and runs within a step."""
    for node in nodes:
        yield node
        if isinstance(node, Container):
            yield from nodes_of(node.children)
        if isinstance(node, Condition):
            yield from nodes_of(node.else_steps)


@dataclass(frozen=True)
class Scenario:
    """An answer for the whole run, instead of carrying out the steps."""

    name: str
    status: int
    detail: str
    error_code: str | None
    when: Cel | bool
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """In place of one with `detail` and `error_code`; None: that one."""
    delay: float = 0.0
    """Seconds before the answer."""


@dataclass(frozen=True, eq=False)
class Workflow:
    """A script: a workflow as `GET /workflows/{id}` describes it, with what its steps answer."""

    id: str
    name: str
    description: str | None
    steps: tuple[Node, ...]
    session_state: Mapping[str, Any]
    input_schema: Mapping[str, Any] | None
    input_validator: Any | None
    """A compiled jsonschema-rs validator of `input_schema`."""
    scenarios: tuple[Scenario, ...]
    may_take_long: bool
    """An expression of it goes through a list: its runs are carried out in a thread."""
    source: Mapping[str, Any]
    """The script as written."""
    streams_executors: bool = True
    """Its streams have the events of the agents, teams and functions within its steps."""
    stores_executors: bool = True
    """Its runs have those of its agents and teams."""
    function: Step | None = None
    """The function that stands in the place of `steps`."""
    file: str = ""

    @property
    def parts(self) -> tuple[Node, ...]:
        """What it carries out: its steps, or its function."""
        return self.steps if self.function is None else (self.function,)
