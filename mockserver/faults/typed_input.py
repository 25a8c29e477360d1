"""Site engine: a message is held against a part of the input_schema only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jsonschema_rs import ValidationError

from agentos_contract.json_values import parse_json
from mockserver.faults.registry import departure
from mockserver.http.errors import ApiError
from mockserver.http.hooks import HttpHooks, RunInput
from mockserver.script.model import Workflow

_OVERLOOKED: dict[str, Callable[[ValidationError], bool]] = {
    "input-schema.pattern-unchecked": lambda error: _keyword(error) == "pattern",
    "input-schema.more-taken": lambda error: _keyword(error) == "additionalProperties",
    "input-schema.choices-unchecked": lambda error: _keyword(error) == "enum",
    "input-schema.formats-unchecked": lambda error: _keyword(error) == "format",
    "input-schema.shallow": lambda error: len(error.instance_path) > 1,
    "input-schema.first-item-only": lambda error: any(
        isinstance(part, int) and part > 0 for part in error.instance_path
    ),
    "input-schema.fractions-taken": lambda error: (
        _keyword(error) == "type" and isinstance(error.instance, float)
    ),
}
"""By name: which faults of a message it does not see."""


def _keyword(error: ValidationError) -> str:
    return str(error.schema_path[-1])


def _reading(is_overlooked: Callable[[ValidationError], bool]) -> type[HttpHooks]:
    class OverlooksSome(HttpHooks):
        def read_input(self, workflow: Workflow, message: str) -> RunInput:
            try:
                return super().read_input(workflow, message)
            except ApiError:
                value: Any = parse_json(message)
                validator = workflow.input_validator
                if validator is None or not all(map(is_overlooked, validator.iter_errors(value))):
                    raise
                return RunInput(value)

    return OverlooksSome


for _name, _is_overlooked in _OVERLOOKED.items():
    departure(_name)(_reading(_is_overlooked))
