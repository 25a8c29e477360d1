"""What Conditions, Loops and Routers decide, by CEL with Agno's variables."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from mockserver.engine.actions import StepInput
from mockserver.engine.context import RunContext
from mockserver.engine.results import Result
from mockserver.script.cel import Cel, CelError
from mockserver.script.model import Condition, Loop, Node, Router

logger = logging.getLogger(__name__)


def is_met(context: RunContext, node: Condition, step_input: StepInput) -> bool:
    """A Condition's decision."""
    return _decide(context, node.evaluator, context.variables(step_input))


def is_at_end(context: RunContext, node: Loop, results: Sequence[Result], iteration: int) -> bool:
    """Whether a Loop's end condition holds after an iteration with these results."""
    if node.end_condition is None:
        return False
    outputs: dict[str, str] = {}
    for inner in results:
        # Numbered from 0, where there is no name, as Agno does it.
        outputs[inner["step_name"] or f"step_{len(outputs)}"] = str(inner["content"] or "")
    return _decide(
        context,
        node.end_condition,
        {
            "current_iteration": iteration,
            "max_iterations": node.max_iterations,
            "all_success": all(inner["success"] for inner in results),
            "last_step_content": str(results[-1]["content"] or "") if results else "",
            "step_outputs": outputs,
        },
    )


def selected(context: RunContext, node: Router, step_input: StepInput) -> Sequence[Node]:
    """The choice that a Router's selector names: none where it names no choice, or fails."""
    if node.selector is None:
        return node.children[:1]
    by_name = {choice.name: choice for choice in node.children}
    variables = {**context.variables(step_input), "step_choices": list(by_name)}
    workflow = context.record.workflow.id
    try:
        name = str(node.selector(variables))
    except CelError as error:
        logger.warning("%s: %s; nothing selected", workflow, error)
        return ()
    if name not in by_name:
        names = ", ".join(by_name)
        logger.warning("%s: %s: no choice %r (%s)", workflow, node.path, name, names)
        return ()
    return (by_name[name],)


def _decide(context: RunContext, condition: Cel | bool, variables: dict[str, Any]) -> bool:
    """A condition's value; false where it fails, as in Agno."""
    if isinstance(condition, bool):
        return condition
    try:
        return bool(condition(variables))
    except CelError as error:
        logger.warning("%s: %s; taken as false", context.record.workflow.id, error)
        return False
