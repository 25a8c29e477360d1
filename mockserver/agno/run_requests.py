"""How Agno takes a request for a run: what its message means, and what cannot be run."""

from __future__ import annotations

from typing import Any

from mockserver.agno.pydantic_types import InputRefused, input_model
from mockserver.faults.registry import departure
from mockserver.http.errors import ApiError
from mockserver.http.hooks import HttpHooks
from mockserver.script.model import Workflow


@departure("input-schema.lax")
class LaxInput(HttpHooks):
    def read_input(self, workflow: Workflow, message: str) -> Any:
        if workflow.input_schema is None:
            return message
        try:
            return input_model(workflow.input_schema).read(message)
        except InputRefused as error:
            raise ApiError(400, str(error)) from error


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
