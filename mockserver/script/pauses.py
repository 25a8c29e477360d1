"""What is to be asked before a step is carried out: a confirmation, input, a choice."""

from __future__ import annotations

from typing import Any

from mockserver.script.model import Pause
from mockserver.script.problems import Path, Problems

# Agno's own words and defaults, by kind.
_CONFIRMATIONS = {
    "Condition": "Execute condition '{name}'? (yes=if branch, no=else branch)",
    "Loop": "Execute loop '{name}'?",
    "Router": "Execute router '{name}' with selected steps?",
    "Steps": "Execute steps pipeline '{name}'?",
}
_NEVER = "as in Agno only a {what} of the workflow itself pauses: this one runs"


def pause_of(item: dict[str, Any], path: Path, name: str, problems: Problems) -> Pause | None:
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
    has_input = bool(item.get("requires_user_input")) and kind in ("Step", "Router")
    if kind == "Parallel" or not (item.get("requires_confirmation") or has_input):
        return None
    default = _CONFIRMATIONS.get(kind)
    confirmation = item.get("confirmation_message") or (default and default.format(name=name))
    fields = item.get("user_input_schema")
    return Pause(
        bool(item.get("requires_confirmation")),
        has_input,
        item.get("on_reject") or ("else" if kind == "Condition" else "skip"),
        confirmation,
        item.get("user_input_message"),
        tuple(fields) if fields else None,
        bool(item.get("allow_multiple_selections")),
    )
