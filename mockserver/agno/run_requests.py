"""How Agno takes a request for a run: what its message means, and what cannot be run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, time, timedelta
from functools import lru_cache
from typing import Any

from mockserver.engine.actions import StepFailed
from mockserver.engine.hooks import EngineHooks
from mockserver.faults.registry import departure
from mockserver.http.errors import ApiError
from mockserver.http.hooks import HttpHooks, RunInput
from mockserver.http.run_form import named_value
from mockserver.runner.hooks import RunnerHooks, RunRequest
from mockserver.script.model import Workflow
from scripted_agentos.schema import input_types


@departure("input-schema.lax")
class LaxInput(HttpHooks):
    def read_input(self, workflow: Workflow, message: str) -> RunInput:
        if workflow.input_schema is None:
            return RunInput(message)
        return input_model(workflow.input_schema).read(message)


@departure("input-schema.in-run")
class InputFailsRun(HttpHooks):
    wrong_input_fails_run = True


@departure("run.background-any-text")
class BackgroundAnyText(HttpHooks):
    def is_background(self, text: Any) -> bool:
        return text is not None and str(text).lower() not in ("", "false", "null", "none")


@departure("run.background-stream-fails")
class BackgroundStreamFails(HttpHooks):
    def run_failure(
        self, form: Mapping[str, Any], failure: str | None, *, stream: bool
    ) -> str | None:
        failure = super().run_failure(form, failure, stream=stream)
        if failure is None and stream and self.is_background(form.get("background")):
            return "Background streaming execution requires a WebSocket for real-time events"
        return failure


@departure("run.background-fresh-id")
class BackgroundFreshId(RunnerHooks):
    def on_start(self, request: RunRequest) -> RunRequest:
        request = super().on_start(request)
        is_asked = request.is_background and not request.is_over_websocket
        return replace(request, run_id=None) if is_asked else request


# -- fields that are named like Agno's own parameters: all are handed to its functions by name

_STREAMER = "agno.os.routers.workflows.router.workflow_response_streamer()"
_RUN = "agno.workflow.workflow.Workflow"
_TWICE = "got multiple values for"


@departure("run.own-parameters-fail")
class OwnParametersFail(HttpHooks):
    def run_failure(
        self, form: Mapping[str, Any], failure: str | None, *, stream: bool
    ) -> str | None:
        for name in form if stream else ():
            if name in ("input", "auth_token"):
                raise _no_stream(f"{_STREAMER} {_TWICE} keyword argument '{name}'")
        if stream and "workflow" in form:
            raise _no_stream(f"workflow_response_streamer() {_TWICE} argument 'workflow'")
        if "input" in form:
            return f"{_RUN}.arun() {_TWICE} keyword argument 'input'"
        if "self" in form:
            return f"Workflow.arun() {_TWICE} argument 'self'"
        failure = super().run_failure(form, failure, stream=stream)
        if failure is not None or self.is_background(form.get("background")):
            return failure
        for name in form:
            if name in ("execution_input", "workflow_run_response", "run_context"):
                how = "_aexecute_stream" if stream else "_aexecute"
                return f"{_RUN}.{how}() {_TWICE} keyword argument '{name}'"
        state = _json(form.get("session_state"))
        if state and not isinstance(state, dict):
            return f"'{type(state).__name__}' object has no attribute 'keys'"
        handler = named_value(form.get("websocket_handler"))
        if handler and stream:
            return f"'{type(handler).__name__}' object has no attribute 'handle_event'"
        return None


@departure("run.own-parameters-fail")
class MediaFail(EngineHooks):
    def before_run(self) -> None:
        super().before_run()
        for name in ("images", "videos", "audio", "files"):
            value = named_value(self.run.form.get(name))
            if value:
                raise StepFailed(f"'{type(value).__name__}' object has no attribute 'copy'")


def _no_stream(reason: str) -> ApiError:
    return ApiError(500, f"Error running workflow: {reason}")


def _json(text: Any) -> Any:
    """The value of a field that Agno reads as JSON; None for what is none."""
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


class InputModel:
    """A workflow's input_schema as the Pydantic model that Agno reads messages with.

    Pydantic is laxer than JSON Schema ("7" is an integer, unknown keys are dropped) and has its
    own words for what is wrong.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._model = input_types(schema).model(schema, "Input")

    def read(self, message: str) -> RunInput:
        """What a message says (`agno.utils.agent.validate_input`). Raises ApiError(400)."""
        name = self._model.__name__
        try:
            value = json.loads(message)
        except Exception as error:
            why = f"Failed to parse input. Is it a valid JSON string?: {error}"
            raise ApiError(400, why) from error
        if not isinstance(value, dict):
            raise ApiError(
                400,
                f"Cannot validate {type(value)} against input_schema. "
                f"Expected dict or {name} instance.",
            )
        try:
            read = self._model(**value)
        except Exception as error:
            raise ApiError(400, f"Failed to parse dict into {name}: {error}") from error
        # What answers say of it is FastAPI's JSON, what steps are told Pydantic's own.
        shown = json.dumps(read.model_dump(exclude_none=True), default=_shown)
        text = read.model_dump_json(indent=2, exclude_none=True)
        return RunInput(json.loads(shown), text, read.model_dump(mode="json", exclude_unset=True))


def _shown(value: Any) -> Any:
    """A value that JSON has not, as FastAPI's jsonable_encoder shows it."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def input_model(schema: Mapping[str, Any]) -> InputModel:
    """The model of an input_schema, made once."""
    return _input_model(json.dumps(schema))


@lru_cache(maxsize=64)
def _input_model(schema: str) -> InputModel:
    return InputModel(json.loads(schema))
