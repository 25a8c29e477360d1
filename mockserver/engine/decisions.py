"""What Conditions, Loops and Routers decide, by CEL with Agno's variables."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from mockserver.engine.actions import StepInput
from mockserver.engine.context import RunContext, Variables
from mockserver.engine.results import Result, members_of
from mockserver.script.cel import Cel, CelError, names_in
from mockserver.script.model import Condition, Loop, Node, Router

logger = logging.getLogger(__name__)


def is_met(context: RunContext, node: Condition, step_input: StepInput) -> bool:
    """A Condition's decision."""
    if isinstance(node.evaluator, bool):
        return node.evaluator
    return _decide(context, node.evaluator, Variables(context.run, step_input))


def is_at_end(context: RunContext, node: Loop, results: Sequence[Result], iteration: int) -> bool:
    """Whether a Loop's end condition holds after an iteration with these results."""
    if node.end_condition is None:
        return False
    outputs: dict[str, str] = {}
    values: dict[str, Any] = {}
    for inner in results:
        # Numbered from 0, where there is no name, as Agno does it.
        name = inner["step_name"] or f"step_{len(outputs)}"
        outputs[name] = str(inner["content"] or "")
        values[name] = members_of(inner["content"])
    return _decide(
        context,
        node.end_condition,
        {
            "current_iteration": iteration,
            "max_iterations": node.max_iterations,
            "all_success": all(inner["success"] for inner in results),
            "last_step_content": str(results[-1]["content"] or "") if results else "",
            "step_outputs": outputs,
            "last_step_value": members_of(results[-1]["content"]) if results else None,
            "step_values": values,
        },
    )


def selected(context: RunContext, node: Router, step_input: StepInput) -> Sequence[Node]:
    """The choices that a Router's selector names, in its order: none where it fails."""
    by_name = {choice.name: choice for choice in node.children}
    choices = [choice.name for choice in node.children]
    names: Iterable[str]
    match node.selects, node.selector:
        case Cel() as selects, _:
            names = _named(context, node, selects, step_input, choices, may_be_list=True)
        case None, Cel() as selector:
            names = _named(context, node, selector, step_input, choices, may_be_list=False)
        case None, _:
            is_users = node.pause is not None and node.pause.user_input
            return () if is_users else node.children[:1]
        case constant, _:
            names = constant
    found = []
    for name in names:
        if name in by_name:
            found.append(by_name[name])
        else:
            workflow, known = context.run.workflow.id, ", ".join(by_name)
            logger.warning("%s: %s: no choice %r (%s)", workflow, node.path, name, known)
    return found


def _named(
    context: RunContext,
    node: Router,
    expression: Cel,
    step_input: StepInput,
    choices: list[str],
    *,
    may_be_list: bool,
) -> Sequence[str]:
    try:
        variables = Variables(context.run, step_input, step_choices=choices)
        value = expression(variables)
    except CelError as error:
        logger.warning("%s: %s; nothing selected", context.run.workflow.id, error)
        return ()
    return list(names_in(value)) if may_be_list else [str(value)]


def _decide(context: RunContext, condition: Cel | bool, variables: dict[str, Any]) -> bool:
    """A condition's value; false where it fails, as in Agno."""
    if isinstance(condition, bool):
        return condition
    try:
        return bool(condition(variables))
    except CelError as error:
        logger.warning("%s: %s; taken as false", context.run.workflow.id, error)
        return False
