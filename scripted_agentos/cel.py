"""CEL of a script, by Agno's own evaluation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agno.workflow.cel import _evaluate_cel_raw

_OWN = (
    "input_value",
    "previous_step_value",
    "previous_step_values",
    "last_step_value",
    "step_values",
)
"""Variables that Agno's CEL does not have."""


def evaluate_cel(source: str, variables: Mapping[str, Any]) -> Any:
    """CEL over Agno's variables, and those of our own that it reads: one that it does not read
    cannot fail it. Raises ValueError."""
    read = {
        name: value
        for name, value in variables.items()
        if name not in _OWN or re.search(rf"\b{name}\b", source)
    }
    return _evaluate_cel_raw(source, read)


def setting_by_cel(source: str, variables: Mapping[str, Any]) -> Any:
    """A setting of a `mock`, which is none of Agno's own: its failure is told as the mock does."""
    try:
        return _from_cel(evaluate_cel(source, variables))
    except ValueError as error:
        cause = error.__cause__ or error
        reason = str(cause.args[0] if cause.args else type(cause).__name__)
        raise ValueError(f"{source!r} failed: {reason.partition(' (in activation ')[0]}") from error


def _from_cel(value: Any) -> Any:
    """A CEL value as Python's."""
    if type(value).__name__ == "StringType":
        return str(value)
    kinds = {"BoolType": bool, "IntType": int, "UintType": int, "DoubleType": float}
    return kinds.get(type(value).__name__, lambda value: value)(value)
