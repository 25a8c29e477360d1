"""An agent's or a team's own run within a step: its events, its record.

The events and their order are those that a real AgentOS 2.5.6 streams for an agent whose model
answers what the script says: one model request for each tool call, then one for the text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mockserver.results import Result, as_text, deepest_content, result
from mockserver.run_actions import Actions, Call, Event, StepFailed
from mockserver.script import Step

if TYPE_CHECKING:
    from mockserver.engine import Engine


class AgentRun:
    """One try of an agent's or team's step."""

    def __init__(
        self,
        engine: Engine,
        step: Step,
        step_id: str,
        call: Call,
    ) -> None:
        self._engine = engine
        self._step = step
        self._step_id = step_id
        self._call = call
        self._is_team = step.executor.type == "team"
        self._prefix = "Team" if self._is_team else ""
        self.run_id = engine.ids()
        record, executor = engine.record, step.executor
        kind = executor.type
        self._head = {
            f"{kind}_id": executor.id,
            f"{kind}_name": executor.name,
            "run_id": self.run_id,
            "session_id": record.session_id,
            "workflow_id": record.workflow.id,
            "workflow_run_id": record.run_id,
            "step_id": step_id,
            "step_name": step.name,
            "step_index": call.index,
        }
        self._model = {"model": executor.model, "model_provider": executor.model_provider}
        self._created_at = engine.now()
        self._started = call.branch.now
        self._told = self._find_told()
        self._messages: list[dict[str, Any]] = []
        self._tools: list[dict[str, Any]] = []

    def run(self) -> Actions:
        """The run's events and waits; returns the step's result.

        Raises StepFailed, after an event that says so.
        """
        engine = self._engine
        if "state.run-ids-leak" in engine.deviations:
            engine.record.session_state.update(self._run_ids())
        yield self._event("RunStarted", **self._model)
        try:
            return (yield from self._answer())
        except StepFailed as error:
            failure = error
        yield self._event("RunError", content=str(failure))
        if engine.is_streamed and "agent.failure-reworded" in engine.deviations:
            raise StepFailed("'NoneType' object has no attribute 'parent_run_id'")
        if not engine.is_streamed and "agent.failure-answered" in engine.deviations:
            return self._failed_answer(str(failure))
        raise failure

    def _run_ids(self) -> dict[str, str]:
        """What Agno adds to the session's state for the length of an agent's run."""
        record = self._engine.record
        return {
            "current_session_id": record.session_id,
            "current_run_id": self.run_id if self._is_team else record.run_id,
        }

    def _failed_answer(self, error: str) -> Result:
        """The error in place of an answer."""
        metrics = {"duration": round(self._call.branch.now - self._started, 6)}
        self._keep_record(error, metrics, "ERROR")
        return self._result(error, metrics)

    def _answer(self) -> Actions:
        engine, mock, branch = self._engine, self._step.mock, self._call.branch
        started = branch.now
        if self._is_team:
            self._message("system", content="")
        told = _as_message(self._told)
        if told is not None:
            self._message("user", content=told)
        yield self._event("ModelRequestStarted", **self._model)
        variables = yield from engine.answer(self._step, self._call)
        time_to_first_token = round(branch.now - started, 6)
        chunks = mock.chunks if mock.chunks is not None else (mock.content,)
        pieces = [as_text(engine.render(chunk, variables)) for chunk in chunks]
        tools = [
            (
                tool.name,
                engine.render(tool.args, variables),
                as_text(engine.render(tool.result, variables)),
            )
            for tool in mock.tools
        ]
        for number, (name, arguments, answer) in enumerate(tools, 1):
            yield self._event("ModelRequestCompleted", **self._model, **_tokens())
            call = _tool_execution(f"call_{number}", name, arguments, engine.now())
            yield self._event("ToolCallStarted", tool=call)
            yield from engine.let_others_go_first(branch)
            call = self._called(call, answer)
            listed = ", ".join(f"{key}={value}" for key, value in arguments.items())
            content = f"{name}({listed}) completed in 0.0000s. "
            yield self._event("ToolCallCompleted", content=content, tool=call)
            yield self._event("ModelRequestStarted", **self._model)
        # An agent's events say whether it is the workflow's own agent; a team's don't.
        flag = {} if self._is_team else {"workflow_agent": False}
        for piece in pieces:
            yield self._event(
                "RunContent", content=piece, **flag, content_type="str", reasoning_content=""
            )
        content = "".join(pieces)
        tokens = _tokens(time_to_first_token)
        yield self._event("ModelRequestCompleted", **self._model, **tokens)
        yield self._event("RunContentCompleted")
        metrics: dict[str, Any] = {
            "time_to_first_token": time_to_first_token,
            "duration": round(branch.now - started, 6),
        }
        if engine.is_streamed or "agent.models-in-stream-only" not in engine.deviations:
            model = {"id": self._model["model"], "provider": self._model["model_provider"]}
            metrics["details"] = {"model": [model]}
        yield self._event(
            "RunCompleted",
            content=content,
            content_type="str",
            session_state={**engine.record.session_state, **self._run_ids()},
            metrics=metrics,
        )
        self._message(
            "assistant", content=content, metrics={"time_to_first_token": time_to_first_token}
        )
        self._keep_record(content, metrics, "COMPLETED")
        return self._result(content, metrics)

    def _find_told(self) -> Any:
        """The agent's input: what the step before it came to, or the run's input."""
        outputs = self._call.step_input.previous_step_outputs
        if outputs:
            content = deepest_content(next(reversed(outputs.values())))
            if content:
                return content
        return self._engine.record.input

    def _called(self, call: dict[str, Any], answer: str) -> dict[str, Any]:
        """The tool call, answered; noted in the run's record."""
        moment = self._engine.clock()
        metrics = {"start_time": moment, "end_time": moment, "duration": 0.0}
        call = {**call, "tool_call_error": False, "result": answer, "metrics": metrics}
        self._tools.append(call)
        name, arguments = call["tool_name"], call["tool_args"]
        function = {"name": name, "arguments": json.dumps(arguments)}
        request = {"id": call["tool_call_id"], "type": "function", "function": function}
        self._message("assistant", tool_calls=[request])
        self._message(
            "tool",
            content=answer,
            tool_call_id=call["tool_call_id"],
            tool_name=name,
            **({"tool_args": arguments} if arguments else {}),
            tool_call_error=False,
        )
        return call

    def _message(self, role: str, *, content: Any = None, **more: Any) -> None:
        message: dict[str, Any] = {"id": self._engine.ids()}
        if content is not None:
            message["content"] = content
        message |= {"from_history": False, "stop_after_tool_call": False, "role": role, **more}
        message["created_at"] = self._engine.now()
        self._messages.append(message)

    def _result(self, content: str, metrics: dict[str, Any]) -> Result:
        step, executor = self._step, self._step.executor
        outcome = result(
            content,
            step.name,
            self._step_id,
            "Step",
            executor.type,
            executor.name,
            stop=step.mock.stop,
        )
        outcome["step_run_id"] = self.run_id
        outcome["metrics"] = metrics
        return outcome

    def _keep_record(self, content: str, metrics: dict[str, Any], status: str) -> None:
        """Note the run in the workflow run's `step_executor_runs`, its keys in Agno's order."""
        kind, executor, engine = self._step.executor.type, self._step.executor, self._engine
        about = {
            "run_id": self.run_id,
            f"{kind}_id": executor.id,
            f"{kind}_name": executor.name,
            "session_id": engine.record.session_id,
            "parent_run_id": engine.record.run_id,
        }
        said = {"content": content, "content_type": "str", **self._model}
        # Not a copy: the run's record shows the state as it is in the end.
        state = {"session_state": engine.record.session_state}
        of_step = {"workflow_step_id": self._step_id}
        told = {"input": {"input_content": self._told}}
        events: dict[str, Any] = {"events": []} if engine.is_streamed else {}
        made: dict[str, Any] = {}
        if status == "COMPLETED":
            made["messages"] = self._messages
            if self._tools or not engine.is_streamed:
                made["tools"] = self._tools
        elif self._is_team:
            shown = ("created_at", "event", "team_id", "team_name", "run_id", "session_id")
            error = self._event("RunError", content=content)
            events = {"events": [{key: error[key] for key in (*shown, "content")}]}
        created = {"created_at": self._created_at}
        if self._is_team:
            members: dict[str, Any] = {"member_responses": []}
            outcome = {"metrics": metrics, "status": status}
            entry = {**about, **told, **said, **members, **state, **created, **of_step}
            entry |= {**events, **outcome, **made}
        else:
            ended = {"status": status, **of_step, "metrics": metrics}
            entry = {**about, **said, **state, **created, **ended, **events, **made, **told}
        engine.record.step_executor_runs.append(entry)

    def _event(self, name: str, **more: Any) -> Event:
        created_at = self._engine.now()
        return {"created_at": created_at, "event": self._prefix + name, **self._head, **more}


def _as_message(told: Any) -> str | None:
    """The user message that Agno makes of what an agent is told; None where it makes none."""
    if isinstance(told, str):
        return told
    if isinstance(told, list):
        texts = all(isinstance(part, str) for part in told)
        return "\n".join(told) if texts else str(told)
    return None


def _tokens(time_to_first_token: float | None = None) -> dict[str, Any]:
    """A model request's token counts: none, as a scripted model has no tokenizer."""
    first = {} if time_to_first_token is None else {"time_to_first_token": time_to_first_token}
    return {
        "input_tokens": 0,
        "output_tokens": 0,
        "total_tokens": 0,
        **first,
        "reasoning_tokens": 0,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
    }


def _tool_execution(
    call_id: str, name: str, arguments: dict[str, Any], created_at: int
) -> dict[str, Any]:
    """Agno's ToolExecution, before it has been answered."""
    return {
        "tool_call_id": call_id,
        "tool_name": name,
        "tool_args": arguments,
        "tool_call_error": None,
        "result": None,
        "metrics": None,
        "child_run_id": None,
        "stop_after_tool_call": False,
        "created_at": created_at,
        "requires_confirmation": None,
        "confirmed": None,
        "confirmation_note": None,
        "requires_user_input": None,
        "user_input_schema": None,
        "user_feedback_schema": None,
        "answered": None,
        "external_execution_required": None,
        "external_execution_silent": None,
        "approval_type": None,
        "approval_id": None,
    }
