"""Pauses: what a run asks of its user, and says of it.

Keys, their order and the wordings are those of a real AgentOS 2.5.6 (`StepRequirement`,
`ErrorRequirement`). A step asks when its turn comes, before it starts.
"""

from __future__ import annotations

from typing import Any, NoReturn

from agentos_contract.events import MEDIA_KINDS
from mockserver.engine.actions import Call, RunPaused, StepFailed, StepInput
from mockserver.engine.context import RunContext
from mockserver.engine.media import FIELDS
from mockserver.script.model import Node, Pause, Router, Step

Json = dict[str, Any]


def ask(context: RunContext, node: Node, pause: Pause, call: Call) -> NoReturn:
    """Pause before a step or container. Raises RunPaused."""
    run, is_step = context.run, isinstance(node, Step)
    about: Json = {"step_name": node.name, "step_index": call.index}
    step_id = {"step_id": _id_of(context, node)} if isinstance(node, Step) else {}
    choices = None
    if isinstance(node, Router) and not pause.confirmation:
        choices = [choice.name for choice in node.children]
    is_route = choices is not None
    message = pause.user_input_message if is_step or is_route else None
    if choices is not None:
        message = message or f"Select a route from: {', '.join(choices)}"
        event = context.event(
            "RouterPaused",
            **about,
            available_choices=choices,
            user_input_message=message,
            allow_multiple_selections=pause.allow_multiple_selections,
        )
    else:
        asked = {
            "requires_confirmation": pause.confirmation,
            "confirmation_message": pause.confirmation_message,
            "requires_user_input": pause.user_input and is_step,
            "user_input_message": message,
        }
        shown = {key: value for key, value in asked.items() if value is not None}
        event = context.event("StepPaused", **step_id, **about, **shown)
    requirement: Json = {
        "step_id": step_id.get("step_id") or context.ids(),
        **about,
        "step_type": type(node).__name__,
        "requires_confirmation": pause.confirmation,
        "confirmation_message": None if is_route else pause.confirmation_message,
        "confirmed": None,
        "on_reject": "cancel" if is_route else pause.on_reject,
        "requires_user_input": pause.user_input and is_step,
        "user_input_message": message,
        "user_input": None,
        "requires_route_selection": is_route,
        "available_choices": choices,
        "allow_multiple_selections": pause.allow_multiple_selections and is_route,
        "selected_choices": None,
    }
    if pause.user_input_schema is not None and (is_route or (is_step and pause.user_input)):
        fields = pause.user_input_schema
        requirement["user_input_schema"] = [_field(one, has_value=is_route) for one in fields]
    requirement["step_input"] = _step_input(context, call.step_input)
    run.paused_at = (_own_index(call), node.name)
    run.requirements = {"step_requirements": [requirement]}
    raise RunPaused([event])


def ask_after_failure(context: RunContext, step: Step, failure: StepFailed, call: Call) -> NoReturn:
    """Pause because a step failed for good. Raises RunPaused."""
    step_id, run = _id_of(context, step), context.run
    about: Json = {"step_id": step_id, "step_name": step.name, "step_index": call.index}
    requirement = {
        **about,
        "error_message": str(failure),
        "error_type": failure.kind,
        "retry_count": 0,
        "decision": None,
    }
    run.paused_at = (_own_index(call), step.name)
    run.requirements = {"error_requirements": [requirement]}
    nothing = {"requires_confirmation": False, "requires_user_input": False}
    paused = context.event("StepPaused", **about, **nothing)
    error = context.event("StepError", **about, error=str(failure))
    is_said = context.hooks.has_end_event(step, "failed", is_top_level=True)
    events = context.hooks.pause_after_failure(paused, error, is_said=is_said)
    raise RunPaused(events) from failure


def _id_of(context: RunContext, step: Step) -> str:
    return context.step_ids.setdefault(step.path, context.ids())


def _own_index(call: Call) -> int:
    assert isinstance(call.index, int)  # only the workflow's own steps pause
    return call.index


def _field(given: Any, *, has_value: bool) -> Json:
    """A field as Agno has it: what it is filled with only where a Router asks."""
    field: Json = {
        "name": given["name"],
        "field_type": given.get("field_type", "str"),
        "description": given.get("description"),
        "value": given.get("value") if has_value else None,
        "required": given.get("required", True),
    }
    if given.get("allowed_values") is not None:
        field["allowed_values"] = given["allowed_values"]
    return field


def _step_input(context: RunContext, step_input: StepInput) -> Json:
    files = step_input.media.get("files", ())
    return {
        "input": context.run.input,
        "previous_step_outputs": dict(step_input.previous_step_outputs),
        "previous_step_content": step_input.previous_step_content,
        "additional_data": context.run.additional_data,
        **{kind: step_input.media.get(kind) for kind in MEDIA_KINDS},
        # Agno leaves nothing out of a file here.
        "files": [{name: file.get(name) for name in FIELDS["files"]} for file in files] or None,
    }
