"""What is to be asked before a step is carried out: a confirmation, input, a choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockserver.script.model import Pause
from mockserver.script.problems import KeyPath, Problems

# Agno's own words and defaults, by kind.
_CONFIRMATIONS = {
    "Condition": "Execute condition '{name}'? (yes=if branch, no=else branch)",
    "Loop": "Execute loop '{name}'?",
    "Router": "Execute router '{name}' with selected steps?",
    "Steps": "Execute steps pipeline '{name}'?",
}
_NEVER = "as in Agno only a {what} of the workflow itself pauses: this one runs"


def pause_of(item: dict[str, Any], path: KeyPath, name: str, problems: Problems) -> Pause | None:
    """What a step's keys say of it; None where it asks for nothing. Notes what no run heeds."""
    kind = item["type"]
    asked = [key for key in ("requires_confirmation", "requires_user_input") if item.get(key)]
    if item.get("on_error") == "pause":
        asked.append("on_error")
    is_own = len(path) == 2
    for key in asked:
        if not is_own:
            message = _NEVER.format(what="step")
            problems.add((*path, key), message, warning=True)
        elif kind == "Parallel":
            problems.add((*path, key), "Agno's Parallel never pauses: it runs", warning=True)
        elif key == "requires_user_input" and kind not in ("Step", "Router"):
            message = f"Agno's {kind} takes no input: expected it on a Step or a Router"
            problems.add((*path, key), message, warning=True)
    is_of_function = bool((item.get("mock") or {}).get("pauses"))
    if is_of_function and not (is_function(item) and is_own and set(asked) - {"on_error"}):
        message = (
            "only a function of the workflow itself asks so; expected a step without agent, team, "
            "with requires_confirmation or requires_user_input"
        )
        problems.add((*path, "mock", "pauses"), message)
    has_input = bool(item.get("requires_user_input")) and kind in ("Step", "Router")
    if kind == "Parallel" or not (item.get("requires_confirmation") or has_input):
        return None
    default = _CONFIRMATIONS.get(kind)
    confirmation = item.get("confirmation_message") or (default and default.format(name=name))
    fields = item.get("user_input_schema")
    return Pause(
        bool(item.get("requires_confirmation")),
        has_input,
        # A function's own has none.
        (not is_of_function and item.get("on_reject"))
        or ("else" if kind == "Condition" else "skip"),
        confirmation,
        item.get("user_input_message"),
        tuple(fields) if fields else None,
        bool(item.get("allow_multiple_selections")),
        is_of_function,
    )


def is_function(item: Mapping[str, Any]) -> bool:
    """Whether an item of a script is a step that a function carries out."""
    executors = ("agent", "team", "agent_id", "team_id")
    return item.get("type") == "Step" and not any(item.get(key) for key in executors)
