"""Where a run may part from the contract: each method's default is the contract.

The engine asks these methods and knows no departure by its name. A departure is a subclass that
overrides some of them (`mockserver/agno/`, `mockserver/faults/`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from mockserver.engine.actions import Event, RunCancelled, StepFailed, StepIndex
from mockserver.engine.reasoning import Reasoned
from mockserver.engine.results import Result, Structured
from mockserver.engine.run import Run
from mockserver.script.model import Condition, Container, Node, PassesOn, Router, Step, Tokens

Json = dict[str, Any]
Ending = Literal["completed", "failed", "skipped", "stopped"]
"""How a step or container ended. skipped: it failed, and that is passed over; stopped: it, or a
step in it, stops the run."""
Maker = Literal["run", "container", "step"]
"""Who makes a result of a failure: the run, which goes on; the container that it is in; the step
itself, which has `skip_on_failure`."""


_AROUND_CONTENTS = frozenset(
    {"RunStarted", "RunContent", "RunContentCompleted", "RunCompleted", "RunError", "RunPaused"}
)


class EngineHooks:
    """What one run asks of how it goes. One is made for each run, and may hold state of it."""

    run: Run
    new_id: Callable[[], str]
    step: Node | None = None
    """The one of the workflow's own steps that is being carried out."""

    def attach(self, run: Run, new_id: Callable[[], str]) -> None:
        """The run that this is about, and what gives it ids. Comes before anything else."""
        self.run = run
        self.new_id = new_id

    # -- the run

    def workflow_name(self) -> str | None:
        """The workflow's name in the run's events and body."""
        return self.run.workflow.name

    def before_run(self) -> None:
        """Raises StepFailed for a run that fails before its first step."""

    def before_event(self, event: Event) -> None:
        """An event of a stream is about to be sent. May raise RunCancelled, then it is not."""

    def before_step(self, node: Node) -> None:
        """One of the workflow's own steps comes next. May raise RunCancelled."""

    def after_step(self, node: Node) -> None:
        """One of the workflow's own steps has come to a result. May raise RunCancelled."""

    def goes_on(self, step: Step, error: StepFailed | RunCancelled) -> bool:
        """Whether the run goes on, with the failure as a result, after one of its own steps."""
        return step.skip_on_error and isinstance(error, StepFailed)

    def pauses(self, node: Node, *, has_failed: bool = False) -> bool:
        """Whether the run pauses at one of its own steps that asks for it, or asks for it where it
        `has_failed`."""
        return True

    def pause_after_failure(self, paused: Event, error: Event, *, is_said: bool) -> list[Event]:
        """The last events of a run that pauses as a step failed. `error` is that step's StepError,
        `is_said`: it has been sent."""
        return [paused]

    def is_cancelled_at_once(self) -> bool:
        """Whether a cancellation that has just come ends the run where it is."""
        return True

    def on_end(self) -> None:
        """The run is over; `run.status` says how. Only its last event is still to come."""

    def last_events(self, event: Event) -> Iterable[Event]:
        """What is sent at the run's end instead of its one terminal event."""
        return (event,)

    # -- steps and containers

    def has_end_event(self, node: Node, ending: Ending, *, is_top_level: bool) -> bool:
        """Whether a step or container gets the event that says it ended."""
        return True

    def on_failed_result(self, outcome: Result, maker: Maker) -> None:
        """A step or container that failed has this result, which may be changed."""

    def function_content(self, content: Any) -> Any:
        """What a function answers whose script says this."""
        return content

    def step_output(self, output: Result) -> Result:
        """A function's result as its StepOutput has it."""
        return output

    def result_id(self, node: Node, node_id: str) -> str:
        """A container's id in its result; `node_id` is that in its events."""
        return node_id

    def child_index(
        self, node: Container, index: StepIndex, position: int, *, is_alone: bool
    ) -> StepIndex:
        """The step_index of a container's child; `index` is the container's own. `is_alone`: no
        other child is carried out."""
        if isinstance(node, Router) and is_alone:
            return index  # the one step that runs has the Router's own, as in Agno
        return (index, position) if isinstance(index, int) else (*index, position)

    def has_new_id(self, node: Router) -> bool:
        """Whether a step that a Router carries out once more has another step_id then."""
        return True

    def parallel_order(self, ended: Iterable[int]) -> Iterable[int]:
        """In which order a Parallel's results stand; `ended` has the children's positions in the
        order in which they ended."""
        return sorted(ended)

    def else_steps(self, node: Condition) -> Sequence[Node]:
        """What a Condition that is not met carries out."""
        return node.else_steps

    def executed_steps(self, steps: Sequence[Node], results: Sequence[Result]) -> int:
        """How many of its steps a Condition or Router says that it has carried out."""
        return len(results)

    def has_empty_result(self, node: Condition | Router) -> bool:
        """Whether a container that carried nothing out has a result."""
        return True

    def should_continue(self, is_wanted: bool, *, is_last: bool) -> bool:
        """What a Loop's iteration says of a next one. `is_wanted`: nothing but the maximum of
        iterations is against it; `is_last`: that has been reached."""
        return is_wanted and not is_last

    # -- agents and teams

    def before_agent(self) -> None:
        """The step of an agent or a team is to be tried. May raise StepFailed."""

    def passes_on(self, event: Event, how: PassesOn, *, is_own: bool) -> bool:
        """Whether a function passes on an event of an agent that it runs. `is_own`: it is not
        that of a team's member."""
        if how != "content" or not is_own:
            return how != "nothing"
        # What was said, and between which events.
        return str(event["event"]).removeprefix("Team") in _AROUND_CONTENTS

    def agent_failure(self, failure: StepFailed) -> StepFailed | None:
        """What a step makes of its agent's failure; None: the error counts as an answer."""
        return failure

    def keeps_answer(self, *, is_streamed: bool) -> bool:
        """Whether an agent that failed once it had said all keeps that as its answer.
        `is_streamed`: its own run is, not that of its workflow."""
        return False

    def read_value(self, said: str, value: Structured) -> Structured | None:
        """The value of a class that an agent's model has `said`, as JSON and perhaps with words
        before it; None where it cannot be read, and stays a text."""
        return value

    def prepare_state(self, state: Json, run_ids: Mapping[str, str]) -> None:
        """An agent's or team's run starts, or an agent's tries again, with this session state."""

    def shown_state(
        self, state: Json, run_ids: Mapping[str, str], *, is_beside_others: bool
    ) -> Json:
        """The session's state in an agent's RunCompleted."""
        return {**state, **run_ids}

    def starts_again(self) -> bool:
        """Whether an agent that tries again starts its run again, rather than end the request that
        failed."""
        return False

    def reasoning(self, parts: Sequence[Reasoned], *, is_teams_end: bool) -> str | None:
        """An agent's reasoning so far: that of its model, request by request, and of its tools.
        `is_teams_end`: it is a team's, at its run's end."""
        return "".join(part.text for part in parts) if parts else None

    def kept_images(
        self,
        before: Sequence[Json],
        given: Sequence[Json],
        by_members: Sequence[Json],
        *,
        is_structured: bool,
    ) -> list[Json]:
        """What an agent keeps of the images that it had `before`, those `by_members` among them,
        and of those that its model has `given`, one at least; `is_structured`: it answers with a
        value of a class."""
        return [*before, *given]

    def is_members_media_first(self) -> bool:
        """Whether what a team's members have made stands before what its own tools have."""
        return False

    def keeps_media_in_pause(self) -> bool:
        """Whether an agent that pauses keeps what its tools have made."""
        return True

    def shown_list(self, items: list[Json], *, is_beside_others: bool) -> list[Json]:
        """What an agent has made or thought, as an event has it; a list that is not copied shows
        what comes to it."""
        return list(items)

    def counted_tokens(self, tokens: Tokens | None, before: Tokens | None) -> Tokens | None:
        """What a request counts as; `before` is what the one before it did."""
        return tokens

    def names_model(self, *, is_usage_known: bool, is_streamed: bool) -> bool:
        """Whether an agent's metrics name its model."""
        return True

    def shown_tool(self, execution: Json, *, is_beside_others: bool) -> Json:
        """A tool call as its events have it; a dict that is not copied shows what comes of it."""
        return dict(execution)

    def tool_end_events(self, *, is_error: bool) -> Sequence[str]:
        """The events that end a tool call."""
        return ("ToolCallError",) if is_error else ("ToolCallCompleted",)

    def member_reply(self, reply: str, transcript: str, failure: StepFailed | None) -> str:
        """What a team's member answers its team. `transcript`: all contents of its run,
        its own members' too."""
        return reply

    def is_member_recorded(self, failure: StepFailed | None) -> bool:
        """Whether the run of a team's member leaves a record, and its id with the delegation."""
        return True

    def named_delegations(
        self, own: Json, calls: Sequence[Json], earlier: Sequence[Json]
    ) -> Sequence[Json]:
        """Of a team's tool calls so far, those that name a member's run as theirs; `own` is the
        one that it was delegated by, `earlier` are those of earlier tries of the team's run."""
        return (own,)

    def member_changes(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> Json:
        """What the run of a team's member, from `before` to `after`, changes in the session's
        state."""
        return {
            key: value for key, value in after.items() if key not in before or before[key] != value
        }
