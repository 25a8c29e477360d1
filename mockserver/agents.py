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
        self._messages: list[dict[str, Any]] = []
        self._tools: list[dict[str, Any]] = []

    def run(self) -> Actions:
        """The run's events and waits; returns the step's result.

        Raises StepFailed, after an event that says so.
        """
        yield self._event("RunStarted", **self._model)
        try:
            return (yield from self._answer())
        except StepFailed as error:
            yield self._event("RunError", content=str(error))
            raise

    def _answer(self) -> Actions:
        engine, mock, branch = self._engine, self._step.mock, self._call.branch
        started = branch.now
        self._message("user", content=self._told())
        yield self._event("ModelRequestStarted", **self._model)
        variables = yield from engine.answer(self._step, self._call)
        time_to_first_token = round(branch.now - started, 6)
        for number, tool in enumerate(mock.tools, 1):
            yield self._event("ModelRequestCompleted", **self._model, **_tokens())
            arguments = engine.render(tool.args, variables)
            answer = as_text(engine.render(tool.result, variables))
            call = _tool_execution(f"call_{number}", tool.name, arguments, engine.now())
            yield self._event("ToolCallStarted", tool=call)
            call = self._called(call, answer)
            listed = ", ".join(f"{key}={value}" for key, value in arguments.items())
            content = f"{tool.name}({listed}) completed in 0.0000s. "
            yield self._event("ToolCallCompleted", content=content, tool=call)
            yield self._event("ModelRequestStarted", **self._model)
        pieces: list[str] = []
        # An agent's events say whether it is the workflow's own agent; a team's don't.
        flag = {} if self._is_team else {"workflow_agent": False}
        for chunk in mock.chunks if mock.chunks is not None else (mock.content,):
            piece = as_text(engine.render(chunk, variables))
            pieces.append(piece)
            yield self._event(
                "RunContent", content=piece, **flag, content_type="str", reasoning_content=""
            )
        content = "".join(pieces)
        tokens = _tokens(time_to_first_token)
        yield self._event("ModelRequestCompleted", **self._model, **tokens)
        yield self._event("RunContentCompleted")
        metrics = {
            "time_to_first_token": time_to_first_token,
            "duration": round(branch.now - started, 6),
            "details": {
                "model": [{"id": self._model["model"], "provider": self._model["model_provider"]}]
            },
        }
        state = {
            **engine.record.session_state,
            "current_session_id": engine.record.session_id,
            "current_run_id": self.run_id if self._is_team else engine.record.run_id,
        }
        yield self._event(
            "RunCompleted",
            content=content,
            content_type="str",
            session_state=state,
            metrics=metrics,
        )
        self._message(
            "assistant", content=content, metrics={"time_to_first_token": time_to_first_token}
        )
        engine.record.step_executor_runs.append(self._record(content, state, metrics))
        return self._result(content, metrics)

    def _told(self) -> Any:
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
            tool_args=arguments,
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

    def _record(
        self, content: str, state: dict[str, Any], metrics: dict[str, Any]
    ) -> dict[str, Any]:
        """The run as the workflow run's `step_executor_runs` has it."""
        kind, executor = self._step.executor.type, self._step.executor
        return {
            "run_id": self.run_id,
            f"{kind}_id": executor.id,
            f"{kind}_name": executor.name,
            "session_id": self._engine.record.session_id,
            "parent_run_id": self._engine.record.run_id,
            "content": content,
            "content_type": "str",
            **self._model,
            **({"member_responses": []} if self._is_team else {}),
            "session_state": state,
            "created_at": self._created_at,
            "status": "COMPLETED",
            "workflow_step_id": self._step_id,
            "metrics": metrics,
            "messages": self._messages,
            "tools": self._tools,
            "input": {"input_content": self._messages[0].get("content")},
        }

    def _event(self, name: str, **more: Any) -> Event:
        created_at = self._engine.now()
        return {"created_at": created_at, "event": self._prefix + name, **self._head, **more}


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
