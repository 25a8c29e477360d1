"""An agent's or a team's own run within a step: its events, its record.

The events and their order are those that a real AgentOS 2.5.6 streams for an agent whose model
says and asks for what the script has: one model request after another, each with the tools that
it asks for, the last with the answer. A team's member that it delegates to has a run of its own
within the team's.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mockserver.engine.actions import Action, Actions, Branch, Call, Event, StepFailed, Wait
from mockserver.engine.agent_records import ToolCall, Usage, known_counts, message, request_counts
from mockserver.engine.pacing import Pace, tokens_of
from mockserver.engine.results import Result, as_text, deepest_content, result
from mockserver.engine.team_prompt import describe_members, find_member, system_message
from mockserver.engine.turns import turns
from mockserver.script.model import DELEGATION, Request, Step, Texts, Tokens, Tool

if TYPE_CHECKING:
    from mockserver.engine.engine import Engine

Json = dict[str, Any]
Happening = Generator[Action, float, None]


@dataclass
class _Spoken:
    """A request, rendered."""

    reasoning: list[str]
    content: list[str]
    tools: list[ToolCall]
    tokens: Tokens | None


class AgentRun:
    """One try of an agent's or team's step, or what a team's member does of it."""

    def __init__(
        self,
        engine: Engine,
        step: Step,
        step_id: str,
        call: Call,
        *,
        parent: AgentRun | None = None,
        task: Any = None,
    ) -> None:
        """`step` is the team's member where there is a `parent`, and `task` what it is told."""
        self._engine = engine
        self._step = step
        self._step_id = step_id
        self._call = call
        self._parent = parent
        self._executor = executor = step.executor
        self._is_team = executor.type == "team"
        self._prefix = "Team" if self._is_team else ""
        self.run_id = engine.ids()
        record, kind = engine.record, executor.type
        self._site: Json = parent._site if parent else _site(engine, step, step_id, call)
        self._about = {f"{kind}_id": executor.id, f"{kind}_name": executor.name}
        within = {"parent_run_id": parent.run_id} if parent else {}
        self._head = {**self._about, "run_id": self.run_id, **within, **self._site}
        self._model = {"model": executor.model, "model_provider": executor.model_provider}
        self._state: Json = dict(parent._state) if parent else record.session_state
        self._first_state = dict(self._state)
        self._created_at = engine.now()
        self._started = call.branch.now
        self._told = task if parent else self._find_told()
        self._pace = Pace(step.mock.timing, call.branch, engine.ids.draw)
        self._usage = Usage()
        self._last_tokens: Tokens | None = None
        self._messages: list[Json] = []
        self._tools: list[Json] = []
        self._member_records: list[Json] = []
        self._content: str | None = None
        self._reasoning: str | None = None
        self._overheard = ""
        """What has been said in it, by whoever."""

    def run(self) -> Actions:
        """The run's events and waits; returns the step's result.

        Raises StepFailed, after an event that says so.
        """
        engine = self._engine
        failure = yield from self._carry_out()
        if failure is not None:
            if engine.is_streamed and "agent.failure-reworded" in engine.deviations:
                raise StepFailed("'NoneType' object has no attribute 'parent_run_id'")
            if engine.is_streamed or "agent.failure-answered" not in engine.deviations:
                raise failure
        engine.record.step_executor_runs.append(self._record(failure))
        return self._result(failure)

    def _carry_out(self) -> Generator[Action, float, StepFailed | None]:
        """The run, tried as often as the agent says; its failure where it failed for good."""
        deviations, executor = self._engine.deviations, self._executor
        leaks = "state.run-ids-leak" in deviations
        if leaks:
            self._state.update(self._run_ids())
        starts_again = "agent.retry-starts-again" in deviations
        yield self._event("RunStarted", **self._model)
        pause = executor.delay_between_retries
        for retries_left in reversed(range(executor.retries + 1)):
            try:
                yield from self._answer()
                return None
            except StepFailed as error:
                failure = error
            if retries_left:
                if not starts_again:
                    yield self._event(
                        "ModelRequestCompleted", **self._model, **request_counts(None, None)
                    )
                branch = self._call.branch
                if pause:
                    branch.now = yield Wait(branch.now + pause)
                else:
                    yield turns(1)
                if executor.exponential_backoff:
                    pause *= 2
                if starts_again:
                    if leaks and not self._is_team:
                        # An agent prepares the state at each try, a team once.
                        self._state.update(self._run_ids())
                    yield self._event("RunStarted", **self._model)
        yield self._event("RunError", content=str(failure))
        return failure

    def _answer(self) -> Happening:
        engine, mock, branch = self._engine, self._step.mock, self._call.branch
        self._messages = []
        if self._is_team:
            self._message("system", content=system_message(self._executor.members))
        is_run_input = self._told is engine.record.input
        told = engine.input_text if is_run_input else _as_message(self._told)
        if told is not None:
            self._message("user", content=told)
        requested = branch.now
        yield self._event("ModelRequestStarted", **self._model)
        variables = yield from engine.answer(self._step, self._call, self._state)
        requests = [self._render(request, variables) for request in mock.requests]
        for number, tool in enumerate((t for r in requests for t in r.tools), 1):
            tool.call_id = f"call_{number}"
        for position, request in enumerate(requests):
            if position:
                requested = branch.now
                yield self._event("ModelRequestStarted", **self._model)
            yield from self._speak(request, requested)
            if request.tools:
                yield from self._call_tools(request.tools)
        yield self._event("RunContentCompleted")
        members = {"member_responses": self._member_records} if self._member_records else {}
        yield self._event(
            "RunCompleted",
            **self._said(),
            **self._thought(),
            session_state=self._shown_state(),
            **members,
            metrics=self._metrics(),
        )

    def _render(self, request: Request, variables: Json) -> _Spoken:
        return _Spoken(
            self._pieces(request.reasoning, variables),
            self._pieces(request.content, variables),
            [self._asked(tool, variables) for tool in request.tools],
            request.tokens,
        )

    def _pieces(self, texts: Texts, variables: Json) -> list[str]:
        values = [self._engine.render(piece, variables) for piece in texts.pieces]
        if not texts.is_whole:
            return [as_text(value) for value in values]
        # As a function's: what is not JSON's is a text.
        text = as_text(values[0]) if isinstance(values[0], dict | list) else str(values[0])
        return tokens_of(text) if self._pace.is_by_token else [text]

    def _asked(self, tool: Tool, variables: Json) -> ToolCall:
        render = self._engine.render
        asked = ToolCall("", tool.name, render(tool.args, variables), tool.delay)
        asked.is_error = tool.error is not None
        asked.result = as_text(render(tool.error or tool.result, variables))
        return asked

    # -- what its model says

    def _speak(self, request: _Spoken, requested: float) -> Happening:
        """One request's answer, from the first token to the last."""
        branch = self._call.branch
        # An agent's events say whether it is the workflow's own agent; a team's don't.
        flag = {} if self._is_team else {"workflow_agent": False}
        first_content: float | None = None
        is_first = True
        yield from self._pace.before_first()
        for text in request.reasoning:
            if not is_first:
                yield from self._pace.before_next(text)
            is_first = False
            self._hear_first()
            yield self._event("RunContent", **flag, content_type="str", reasoning_content=text)
        for text in request.content:
            if not is_first:
                yield from self._pace.before_next(text)
            is_first = False
            self._hear_first()
            if first_content is None:
                first_content = round(branch.now - requested, 6)
            self._overhear(text)
            yield self._event(
                "RunContent", content=text, **flag, content_type="str", reasoning_content=""
            )
        if request.tools or request.tokens or not self._engine.is_streamed:
            self._hear_first()
        content = "".join(request.content) if request.content else None
        reasoning = "".join(request.reasoning) if request.reasoning else None
        if content is not None:
            self._content = (self._content or "") + content
        elif request.tools and not self._engine.is_streamed:
            # In batch a tool call counts as having said something.
            self._content = self._content or ""
        self._think(reasoning)
        self._count(request.tokens)
        if self._engine.is_streamed:
            # The real server's collected stream has no empty texts.
            content, reasoning = content or None, reasoning or None
        metrics: Json = known_counts(request.tokens or Tokens())
        if first_content is not None:
            metrics["time_to_first_token"] = first_content
        calls = {"tool_calls": [tool.request for tool in request.tools]} if request.tools else {}
        measured = {"metrics": metrics} if metrics else {}
        self._message("assistant", content=content, reasoning=reasoning, **calls, **measured)
        counts = request_counts(request.tokens, first_content)
        yield self._event("ModelRequestCompleted", **self._model, **counts)

    def _hear_first(self) -> None:
        if self._usage.time_to_first_token is None:
            moment = self._call.branch.now
            self._usage.time_to_first_token = round(moment - self._started, 6)

    def _overhear(self, text: str) -> None:
        """Note what is said, for those above who take it for their member's answer."""
        self._overheard += text
        if self._parent is not None:
            self._parent._overhear(text)

    def _think(self, reasoning: str | None) -> None:
        if reasoning is None:
            return
        is_last_only = "agent.reasoning-last" in self._engine.deviations
        before = "" if is_last_only and not self._engine.is_streamed else self._reasoning or ""
        self._reasoning = before + reasoning

    def _count(self, tokens: Tokens | None) -> None:
        deviates = "agent.usage-recounted" in self._engine.deviations
        if deviates and not self._engine.is_streamed:
            tokens = tokens or self._last_tokens
        self._last_tokens = tokens
        self._usage.add(tokens)

    # -- the tools that it asks for

    def _call_tools(self, calls: list[ToolCall]) -> Happening:
        """What was asked for at once: all begin, then all are answered."""
        engine, branch = self._engine, self._call.branch
        first = len(self._tools)
        self._tools += [call.execution(engine.now()) for call in calls]
        delegated = [
            (call, execution)
            for call, execution in zip(calls, self._tools[first:], strict=True)
            if self._is_team and call.name == DELEGATION
        ]
        # What is said beside others waits in a queue, and shows what has come of it by then.
        is_shown_late = "team.child-run-foretold" in engine.deviations and branch.is_beside_others
        for execution in self._tools[first:]:
            yield self._event("ToolCallStarted", tool=execution if is_shown_late else {**execution})
        longest = max(call.delay for call in calls)
        if longest:
            yield turns(1)
            branch.now = yield Wait(branch.now + longest)
        yield turns(2 if longest else 3)
        if delegated:
            branches = [Branch(branch.now, is_beside_others=True) for _ in delegated]
            members = [
                self._delegate(call, execution, own)
                for (call, execution), own in zip(delegated, branches, strict=True)
            ]
            yield from engine.side_by_side(members, branches, branch)
        for position, call in enumerate(calls, first):
            execution = {**self._tools[position], **call.answered(engine.clock())}
            self._tools[position] = execution
            content = f"{call.text} completed in {call.delay:.4f}s. "
            shown = execution if is_shown_late else dict(execution)
            if not call.is_error or "agent.tool-error-after-end" in engine.deviations:
                yield self._event("ToolCallCompleted", content=content, tool=shown)
            if call.is_error:
                yield self._event("ToolCallError", error=call.result, tool=shown)
        for call in calls:
            self._messages.append(call.answer(engine.ids(), engine.now()))

    def _delegate(self, call: ToolCall, execution: Json, branch: Branch) -> Actions:
        """A member's run, whose answer is the call's result."""
        engine = self._engine
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
        run = AgentRun(engine, member, self._step_id, inner, parent=self, task=task)
        failure = yield from run._carry_out()
        is_silent = (
            failure is not None
            and engine.is_streamed
            and "team.member-failure-silent" in engine.deviations
        )
        call.result = run._overheard if is_silent else run._reply(failure)
        if not is_silent:
            self._member_records.append(run._record(failure))
            self._note_child(execution, run.run_id)
        self._take_state(run)
        return None

    def _reply(self, failure: StepFailed | None) -> str:
        """What a member's run tells its team."""
        if failure is not None:
            return str(failure)
        if self._engine.is_streamed:
            if "team.inner-answers-included" in self._engine.deviations:
                return self._overheard
            return self._content or ""
        if self._content is None:
            return "No response from the member agent."
        if self._content.strip():
            return self._content
        return ",".join(tool["result"] for tool in self._tools if tool["result"])

    def _note_child(self, execution: Json, run_id: str) -> None:
        deviations = self._engine.deviations
        if not self._engine.is_streamed and "team.child-run-missing" in deviations:
            return
        shared = "team.child-run-shared" in deviations
        for tool in self._tools if shared else [execution]:
            if tool["tool_name"] == DELEGATION:
                tool["child_run_id"] = run_id

    def _take_state(self, run: AgentRun) -> None:
        """A member that ended brings its changes of the session's state."""
        overwrites = "team.state-overwritten" in self._engine.deviations
        before = {} if overwrites else run._first_state
        for key, value in run._state.items():
            if key not in before or before[key] != value:
                self._state[key] = value

    # -- what is kept of it

    def _run_ids(self) -> dict[str, str]:
        """What Agno adds to the session's state for the length of an agent's run."""
        record = self._engine.record
        is_own = self._is_team or self._parent is not None
        return {
            "current_session_id": record.session_id,
            "current_run_id": self.run_id if is_own else record.run_id,
        }

    def _shown_state(self) -> Json:
        deviations, state = self._engine.deviations, self._state
        is_late = self._call.branch.is_beside_others and "state.shown-late" in deviations
        if is_late or self._engine.is_sent_late:
            return state
        if "state.run-ids-leak" in deviations:
            return dict(state)
        return {**state, **self._run_ids()}

    def _find_told(self) -> Any:
        """The agent's input: what the step before it came to, or the run's input."""
        outputs = self._call.step_input.previous_step_outputs
        if outputs:
            content = deepest_content(next(reversed(outputs.values())))
            if content:
                return content
        return self._engine.record.input

    def _said(self) -> Json:
        content = {} if self._content is None else {"content": self._content}
        return {**content, "content_type": "str"}

    def _thought(self) -> Json:
        return {} if self._reasoning is None else {"reasoning_content": self._reasoning}

    def _metrics(self) -> Json:
        engine = self._engine
        hides = "agent.models-in-stream-only" in engine.deviations
        model = None
        if engine.is_streamed or self._usage.is_known or not hides:
            model = {"id": self._model["model"], "provider": self._model["model_provider"]}
        return self._usage.metrics(self._duration(), model)

    def _duration(self) -> float:
        return round(self._call.branch.now - self._started, 6)

    def _message(self, role: str, **more: Any) -> None:
        ids, now = self._engine.ids, self._engine.now
        self._messages.append(message(ids(), role, now(), **more))

    def _result(self, failure: StepFailed | None) -> Result:
        step, executor = self._step, self._executor
        outcome = result(
            self._content if failure is None else str(failure),
            step.name,
            self._step_id,
            "Step",
            executor.type,
            executor.name,
            stop=step.mock.stop,
        )
        outcome["step_run_id"] = self.run_id
        outcome["metrics"] = self._final_metrics(failure)
        return outcome

    def _final_metrics(self, failure: StepFailed | None) -> Json:
        return self._metrics() if failure is None else {"duration": self._duration()}

    def _record(self, failure: StepFailed | None) -> Json:
        """The run as `step_executor_runs` and `member_responses` have it, its keys in Agno's
        order."""
        engine, parent = self._engine, self._parent
        about = {
            "run_id": self.run_id,
            **self._about,
            "session_id": engine.record.session_id,
            "parent_run_id": parent.run_id if parent else engine.record.run_id,
        }
        said = self._said() if failure is None else {"content": str(failure), "content_type": "str"}
        # Not a copy: the run's record shows the state as it is in the end.
        state = {"session_state": self._state}
        created = {"created_at": self._created_at}
        of_step = {} if parent else {"workflow_step_id": self._step_id}
        told = {"input": {"input_content": self._told}}
        events: Json = {}
        made: Json = {}
        if failure is None:
            made["messages"] = self._messages
            if self._tools or not engine.is_streamed:
                made["tools"] = self._tools
        elif self._is_team:
            shown = ("created_at", "event", "team_id", "team_name", "run_id", "session_id")
            error = self._event("RunError", content=str(failure))
            events = {"events": [{key: error[key] for key in (*shown, "content")}]}
        metrics = {"metrics": self._final_metrics(failure)}
        status = {"status": "COMPLETED" if failure is None else "ERROR"}
        if self._is_team:
            members: Json = {"member_responses": self._member_records}
            entry = {**about, **told, **said, **self._model, **members, **self._thought()}
            return {**entry, **state, **created, **of_step, **events, **metrics, **status, **made}
        entry = {**about, **said, **self._thought(), **self._model, **state, **created}
        return {**entry, **status, **of_step, **metrics, **events, **made, **told}

    def _event(self, name: str, **more: Any) -> Event:
        created_at = self._engine.now()
        return {"created_at": created_at, "event": self._prefix + name, **self._head, **more}


def _site(engine: Engine, step: Step, step_id: str, call: Call) -> Json:
    """Where in the workflow's run a step's agent is, as its events say, and its members'."""
    record = engine.record
    return {
        "session_id": record.session_id,
        "workflow_id": record.workflow.id,
        "workflow_run_id": record.run_id,
        "step_id": step_id,
        "step_name": step.name,
        "step_index": call.index,
    }


def _as_message(told: Any) -> str | None:
    """The user message that Agno makes of what an agent is told; None where it makes none."""
    if isinstance(told, str):
        return told
    if isinstance(told, list):
        texts = all(isinstance(part, str) for part in told)
        return "\n".join(told) if texts else str(told)
    return None
