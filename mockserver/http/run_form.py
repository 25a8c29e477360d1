"""A run's form: what it asks the runner for.

A field that is added to the form is read here. Those that the document does not have are read as
Agno reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentos_contract.json_values import parse_object
from mockserver.http.request import Request
from mockserver.recordings.format import Recording
from mockserver.runner.hooks import RunRequest


def run_request(request: Request, recording: Recording | None) -> RunRequest:
    """What the runner is asked for; `recording` is what it shall replay."""
    form: Mapping[str, Any] = request.body
    stream = form.get("stream", True)
    return RunRequest(
        request.workflow,
        request.input.value,
        request.input.text,
        request.input.members,
        form.get("session_id") or None,
        form.get("user_id") or None,
        _object(form.get("session_state")),
        run_id=_undocumented(form, "run_id") or None,
        additional_data=named_value(form.get("additional_data")) or None,
        is_brief=not named_value(form.get("stream_events", "true")),
        # A stream has somebody who waits for it.
        is_background=not stream and request.hooks.is_background(form.get("background")),
        form=form,
        recording=recording,
        stream=stream,
        scope=request.mock_scope,
        steering=request.preferences.steering(),
        hooks=request.hooks.runner,
    )


def _undocumented(form: Mapping[str, Any], name: str) -> Any:
    """A field that the document does not have, as Agno reads those: null is none."""
    value = form.get(name)
    is_none = isinstance(value, str) and value.lower() in ("null", "none")
    return None if is_none else value


def _object(value: Any) -> dict[str, Any] | None:
    """The JSON object that a field's text is; None for any other."""
    return parse_object(value) if isinstance(value, str) else None


def named_value(text: Any) -> Any:
    """What an undocumented field stands for: true, false and null by their names."""
    return _NAMED.get(text.lower(), text) if isinstance(text, str) else text


_NAMED = {"true": True, "false": False, "null": None, "none": None}
