"""An agent's or a team's own run within a step: its events, its record.

The events and their order are those that a real AgentOS 2.5.6 streams for an agent whose model
says and asks for what the script has: one model request after another, each with the tools that
it asks for, the last with the answer. A team's member that it delegates to has a run of its own
within the team's.
"""

from __future__ import annotations

from typing import Any

from mockserver.engine.actions import (
    Actions,
    Branch,
    Call,
    Event,
    NodeActions,
    StepFailed,
    filtered,
    sleep,
)
from mockserver.engine.agent_events import AgentEvents
from mockserver.engine.agent_records import AgentRecord, request_counts
from mockserver.engine.context import RunContext
from mockserver.engine.media import Media, joined, told_media
from mockserver.engine.merging import merge
from mockserver.engine.model_answers import ModelAnswers
from mockserver.engine.model_requests import model_requests
from mockserver.engine.prompts import system_message
from mockserver.engine.reasoning import Reasoned
from mockserver.engine.results import Result, Structured, as_text, deepest_content
from mockserver.engine.team_prompt import describe_members, find_member
from mockserver.engine.thinking import Thinking
from mockserver.engine.tool_calls import ToolCall
from mockserver.engine.turns import turns
from mockserver.script.model import DELEGATION, PassesOn, Step

Json = dict[str, Any]


_IN_MESSAGES = ("images", "audio", "videos", "files")
"""In which order a message has them."""
_NOTE = "Take note of the following content"
"""What a model is told of the media that its tools gave."""


class AgentRun:
    """The run of an agent or a team in one try of its step, with the retries that the agent itself
    has; or that of a team's member within its team's."""

    def __init__(
        self,
        context: RunContext,
        step: Step,
        step_id: str,
        call: Call,
        *,
        parent: AgentRun | None = None,
        task: Any = None,
        function: Step | None = None,
        how: PassesOn = "events",
    ) -> None:
        """`step` is the team's member where there is a `parent`, and `task` its input. `function`:
        the step whose function runs it, in a session of its own, and what that passes on."""
        self._context = context
        self._hooks = context.hooks
        self._step = step
        self._step_id = step_id
        self._call = call
        self._parent = parent
        self._executor = step.executor
        self._is_team = step.executor.type == "team"
        self.run_id = context.ids()
        state = dict(parent._state) if parent else context.run.session_state
        self._session_id: str = parent._session_id if parent else context.run.session_id
        self._is_streamed: bool = parent._is_streamed if parent else context.is_streamed
        self._is_apart: bool = parent._is_apart if parent else False
        """It is in another session than the workflow."""
        if function is not None:
            state, self._session_id = {}, context.ids()
            self._is_streamed, self._is_apart = how != "nothing", True
        self._state: Json = state
        self._first_state = dict(state)
        self._record = AgentRecord(
            context,
            step,
            step_id,
            self.run_id,
            parent_id=parent.run_id if parent else None,
            input=task if parent else self._find_input(),
            told_media=self._told_media(is_within_function=function is not None),
            state=state,
            branch=call.branch,
            session_id=self._session_id,
            is_streamed=self._is_streamed,
        )
        at = function or step
        self._site: Json = parent._site if parent else _site(context, at, step_id, call)
        self._event = AgentEvents(context, self._record, self._site)
        self._model = ModelAnswers(context, self._record, self._event, step.mock, self._note)
        self._thinking: Thinking
        """Of the try that is under way."""
        self._tools_before = 0
        """How many earlier tries have called."""
        self._open_tools: list[Json] = []
        """Those that are called, and have not been said to be answered."""
        self._transcript = ""
        """All contents of the run, its members' too."""

    def run(self) -> Actions[Result]:
        """The run's events and waits; returns the step's result.

        Raises StepFailed, after an event that says so.
        """
        failure = yield from self._carry_out()
        if failure is not None:
            error = self._hooks.agent_failure(failure)
            if error is not None:
                raise error
        run = self._context.run
        if run.workflow.stores_executors:
            run.step_executor_runs.append(self._record.to_dict(failure))
        return self._record.result(failure)

    def run_within(self, how: PassesOn) -> Actions[tuple[Any, str]]:
        """The same of a run that a function passes on: what it answered itself (a text, or a value
        of a class), and all texts that it passed on.

        The function goes on where the run fails.
        """
        said: list[str] = []
        passed_on: list[str] = []

        def is_passed_on(event: Event) -> bool:
            is_own = event["run_id"] == self.run_id
            content = event.get("content")
            if str(event["event"]).endswith("RunContent") and isinstance(content, str):
                passed_on.append(content)
                if is_own:
                    said.append(content)
            return self._hooks.passes_on(event, how, is_own=is_own)

        failure = yield from filtered(self._carry_out(), self._call.branch, is_passed_on)
        content = self._record.content
        if failure is None and isinstance(content, Structured):
            return content.members, ""
        if how == "nothing":
            answer = content if failure is None else self._record.failed_content(failure)
            text = str(answer or "")
            return text, text
        return "".join(said), "".join(passed_on)

    def _carry_out(self) -> Actions[StepFailed | None]:
        """The run, tried as often as the agent says; its failure where it failed for good."""
        executor, branch, record = self._executor, self._call.branch, self._record
        starts_again = self._hooks.starts_again()
        seconds = executor.delay_between_retries
        self._hooks.prepare_state(self._state, self._run_ids())
        yield self._event("RunStarted", **self._record.model)
        for retries_left in reversed(range(executor.retries + 1)):
            content, tools = record.content, list(record.tools)
            self._tools_before = len(tools)
            reasoned, steps = list(record.reasoned), list(record.reasoning_steps)
            if not self._is_streamed and not self._is_team:
                record.content = None  # a team's tries say it one after the other
            try:
                yield from self._answer()
                return None
            except StepFailed as error:
                failure = error
            # What it has said counts no more. In batch nothing is known of a try that failed, but
            # of one that came to its end.
            has_answered = failure is self._thinking.unread and not self._is_streamed
            record.has_answered = has_answered
            if not has_answered:
                record.content = content
            if self._is_streamed or has_answered:
                said = record.reasoning if self._is_streamed else record.final_reasoning
                if said is not None:
                    record.reasoned = [Reasoned("earlier try", said)]
            else:
                record.reasoned, record.reasoning_steps = reasoned, steps
                record.tools = tools
            if not self._is_streamed:
                record.made_media = dict(joined(record.media_by_members, {}))
            if not retries_left:
                break
            if not starts_again:
                yield from self._end_try(failure)
            if seconds:
                branch.now = yield sleep(branch.now, seconds)
            else:
                yield turns(1)
            if executor.exponential_backoff:
                seconds *= 2
            if not self._is_team:  # a team prepares it once
                self._hooks.prepare_state(self._state, self._run_ids())
            if starts_again:
                yield self._event("RunStarted", **self._record.model)
        yield self._event("RunError", content=str(failure))
        return failure

    def _end_try(self, failure: StepFailed) -> Actions[None]:
        """End what a try that failed has left open."""
        if failure is not self._thinking.unread:
            counts = request_counts(None, None)
            yield self._event("ModelRequestCompleted", **self._record.model, **counts)
        for execution in self._open_tools:
            tool = self._event.shown_tool(execution)
            yield self._event("ToolCallError", tool=tool, error=str(failure))
        yield from self._thinking.end()

    def _answer(self) -> Actions[None]:
        """One try, from its first request to the model to the event that ends the run. Raises
        StepFailed."""
        context, record, branch = self._context, self._record, self._call.branch
        self._thinking = Thinking(context, record, self._event)
        self._open_tools = []
        self._begin_messages()
        requested = branch.now
        yield self._event("ModelRequestStarted", **self._record.model)
        variables, failure = yield from context.answer(self._step, self._call, self._state)
        self._model.begin_try(failure, self._step.mock.fails_after or 0)
        requests = model_requests(context, self._step.mock, variables)
        for position, request in enumerate(requests):
            if position:
                requested = branch.now
                yield self._event("ModelRequestStarted", **self._record.model)
            is_last = request is requests[-1]
            yield from self._model.answer(request, requested, is_last=is_last)
            if request.tools:
                yield from self._call_tools(request.tools)
            if record.requirements:
                self._thinking.check()
                if not self._hooks.keeps_media_in_pause():
                    record.made_media.clear()
                yield from self._thinking.end()
                yield self._event("RunContentCompleted")
                yield self._event("RunPaused", **record.pause_members())
                return
        self._thinking.check()
        yield from self._thinking.end()
        yield self._event("RunContentCompleted")
        yield self._completed()

    def _begin_messages(self) -> None:
        """What the model is told first: of itself, and what it is asked."""
        context, record = self._context, self._record
        record.messages = []
        media = _in_message(record.told_media)
        about = {"user_id": context.run.user_id} if context.run.user_id is not None else {}
        told = system_message(
            self._executor,
            {**about, **self._state},
            is_typed=self._step.mock.content_type is not None,
            media=media,
        )
        if told is not None:
            record.add_message("system", content=told)
        is_run_input = record.input is context.run.input
        text = context.run.input_text if is_run_input else _as_message(record.input)
        if text is not None:
            # As Agno: who is told a value of a class is not told of media.
            shown = media if isinstance(record.input, str | list) else {}
            record.add_message("user", content=text, **shown)

    def _completed(self) -> Event:
        record = self._record
        is_beside_others = self._call.branch.is_beside_others
        state = self._hooks.shown_state(
            self._state, self._run_ids(), is_beside_others=is_beside_others
        )
        # A team in a session of its own doesn't say its state.
        is_said = not (self._is_apart and self._is_team and self._parent is None)
        members = {"member_responses": record.member_responses} if record.member_responses else {}
        return self._event(
            "RunCompleted",
            **record.content_members(),
            **record.reasoning_members(),
            **({"session_state": state} if is_said else {}),
            **record.reasoning_message_members(),
            **self._event.reasoning_step_members(),
            **members,
            **self._event.media_members(),
            **record.citation_members(),
            metrics=record.metrics(),
        )

    def _note(self, text: str) -> None:
        """Note a content, for those above who take it for their member's answer."""
        self._transcript += text
        if self._parent is not None:
            self._parent._note(text)

    # -- the tools that it asks for

    def _call_tools(self, calls: list[ToolCall]) -> Actions[None]:
        """What was asked for at once: all begin, then all are answered."""
        context, branch, tools = self._context, self._call.branch, self._record.tools
        first = len(tools)
        if not self._is_streamed:  # what is waited for comes first there
            calls = sorted(calls, key=lambda call: call.waits_for is None)
        tools += [call.execution(context.now()) for call in calls]
        self._record.wait_for(tools[first:])
        positions = [first + number for number, call in enumerate(calls) if call.waits_for is None]
        calls = [call for call in calls if call.waits_for is None]
        if not calls:
            return
        delegated = [
            (call, tools[position])
            for call, position in zip(calls, positions, strict=True)
            if self._is_team and call.name == DELEGATION
        ]
        self._open_tools = [tools[position] for position in positions]
        for execution in list(self._open_tools):
            yield self._event("ToolCallStarted", tool=self._event.shown_tool(execution))
        longest = max(call.delay for call in calls)
        if longest:
            yield turns(1)
            branch.now = yield sleep(branch.now, longest)
        yield turns(2 if longest else 3)
        if delegated:
            branches = [Branch(branch.now, is_beside_others=True) for _ in delegated]
            members = [
                self._delegate(call, execution, own)
                for (call, execution), own in zip(delegated, branches, strict=True)
            ]
            yield from context.side_by_side(
                members, branches, branch, is_parallel=False, is_seen=self._is_apart
            )
        for position, call in zip(positions, calls, strict=True):
            execution = {**tools[position], **call.answered(context.clock())}
            tools[position] = execution
            completed = f"{call.text} completed in {call.delay:.4f}s. "
            shown = self._event.shown_tool(execution)
            self._record.add_media(call.media)
            thought = self._thinking.read(call)
            self._open_tools.pop(0)
            for name in self._hooks.tool_end_events(is_error=call.is_error):
                if name == "ToolCallError":
                    how: Json = {"error": call.result}
                else:
                    how = {"content": completed, **self._event.media_members()}
                yield self._event(name, **how, tool=shown)
            if thought is not None:
                yield from self._thinking.tell(thought, call.delay)
        media: Media = {}
        for call in calls:
            self._record.messages.append(call.answer(context.ids(), context.now()))
            media = joined(media, call.media)
        if media:
            self._record.add_message("user", content=_NOTE, **_in_message(media))

    def _delegate(self, call: ToolCall, execution: Json, branch: Branch) -> NodeActions:
        """A member's run, whose answer is the call's result."""
        record, hooks = self._record, self._hooks
        member = find_member(self._executor.members, as_text(call.args.get("member_id")))
        if member is None:
            call.result = (
                f"Member with ID {call.args.get('member_id')} not found in the team or any "
                "subteams. Please choose the correct member from the list of members:\n\n"
                + describe_members(self._executor.members)
            )
            return None
        mine = self._call
        inner = Call(mine.step_input, mine.index, mine.parent_id, branch)
        task = call.args.get("task")
        run = AgentRun(self._context, member, self._step_id, inner, parent=self, task=task)
        failure = yield from run._carry_out()
        call.result = hooks.member_reply(run._reply(failure), run._transcript, failure)
        if hooks.is_member_recorded(failure):
            record.member_responses.append(run._record.to_dict(failure))
            record.add_media_of_member(run._record.made_media)
            earlier = _delegations(record.tools[: self._tools_before])
            for tool in hooks.named_delegations(execution, _delegations(record.tools), earlier):
                tool["child_run_id"] = run.run_id
        merge(self._state, hooks.member_changes(run._first_state, run._state))
        return None

    def _reply(self, failure: StepFailed | None) -> str:
        """What a member's run answers its team."""
        if failure is not None and not self._record.keeps_answer:
            return str(failure)
        if isinstance(self._record.content, Structured):
            return self._record.content.to_json(None if self._is_streamed else 2)
        content: str | None = self._record.content
        if self._is_streamed:
            return content or ""
        if content is None:
            return "No response from the member agent."
        if content.strip():
            return content
        return ",".join(tool["result"] for tool in self._record.tools if tool["result"])

    # -- what it knows

    def _told_media(self, *, is_within_function: bool) -> Media:
        """A member is told of what its team is; nothing passes into a function's own run."""
        if self._parent is not None:
            return self._parent._record.told_media
        if is_within_function:
            return {}
        return told_media(self._call.step_input.media, self._context.ids)

    def _find_input(self) -> Any:
        """The agent's input: what the step before it came to, or the run's input."""
        outputs = self._call.step_input.previous_step_outputs
        if outputs:
            content = deepest_content(next(reversed(outputs.values())))
            if content:
                return content
        return self._context.run.input

    def _run_ids(self) -> dict[str, str]:
        """What Agno adds to the session's state for the length of an agent's run."""
        run = self._context.run
        is_own = self._is_team or self._parent is not None or self._is_apart
        return {
            "current_session_id": self._session_id,
            "current_run_id": self.run_id if is_own else run.run_id,
        }


def _site(context: RunContext, step: Step, step_id: str, call: Call) -> Json:
    """Where in the workflow's run a step's agent is, as its events say, and its members'."""
    record = context.run
    return {
        "session_id": record.session_id,
        "workflow_id": record.workflow.id,
        "workflow_run_id": record.run_id,
        "step_id": step_id,
        "step_name": step.name,
        "step_index": call.index,
    }


def _delegations(tools: list[Json]) -> list[Json]:
    return [tool for tool in tools if tool["tool_name"] == DELEGATION]


def _in_message(media: Media) -> Media:
    return {kind: media[kind] for kind in _IN_MESSAGES if kind in media}


def _as_message(given: Any) -> str | None:
    """The user message that Agno makes of an agent's input; None where it makes none."""
    if isinstance(given, str):
        return given
    if isinstance(given, Structured):
        return given.to_message()
    if isinstance(given, list):
        texts = all(isinstance(part, str) for part in given)
        return "\n".join(given) if texts else str(given)
    return None
