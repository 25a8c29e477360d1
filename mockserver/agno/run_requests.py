"""How Agno takes a request for a run: what its message means, and what cannot be run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, time, timedelta
from functools import lru_cache
from typing import Any

from mockserver.faults.registry import departure
from mockserver.http.errors import ApiError
from mockserver.http.hooks import HttpHooks, RunInput
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
    background_stream_error = (
        "Background streaming execution requires a WebSocket for real-time events"
    )


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
        return RunInput(json.loads(shown), read.model_dump_json(indent=2, exclude_none=True))


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
