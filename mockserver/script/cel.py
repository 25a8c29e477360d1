"""CEL expressions in scripts: compiled once, evaluated as Agno evaluates them.

The library is Agno's own choice, cel-python, so that a script decides as the real server would.
Conversions and fall-backs follow `agno/workflow/cel.py` of 2.5.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import celpy
import lark
from celpy import celtypes

STEP_INPUT_VARIABLES = (
    "input",
    "previous_step_content",
    "previous_step_outputs",
    "additional_data",
    "session_state",
)
SELECTOR_VARIABLES = (*STEP_INPUT_VARIABLES, "step_choices")
LOOP_VARIABLES = (
    "current_iteration",
    "max_iterations",
    "all_success",
    "last_step_content",
    "step_outputs",
)
SCENARIO_VARIABLES = ("input", "session_state", "session_id", "user_id")

_MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})
# Names that CEL itself gives a meaning.
_TYPES = frozenset(
    {"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"}
    | {"duration", "timestamp"}
)


class CelError(ValueError):
    """An expression that cannot be compiled, or that failed on the values it met."""


class Cel:
    """A compiled CEL expression."""

    def __init__(self, source: str, variables: Iterable[str]) -> None:
        """Compile. Raises CelError for a syntax error or an unknown variable."""
        self.source = source
        self.variables = tuple(variables)
        environment = celpy.Environment()
        try:
            tree = environment.compile(source)
            self._program = environment.program(tree)
        except (celpy.CELParseError, lark.exceptions.LarkError) as error:
            column = getattr(error, "column", None)
            where = f" (column {column})" if column else ""
            raise CelError(f"{source!r} is no CEL expression{where}") from error
        for name in sorted(_free_names(tree)):
            if name not in self.variables and name not in _TYPES:
                raise UnknownVariable(source, name, self.variables)

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """Evaluate. Raises CelError where the expression fails on these values."""
        try:
            result = self._program.evaluate({key: to_cel(value) for key, value in values.items()})
        except Exception as error:  # cel-python raises many types, also ones of its own values
            raise CelError(f"{self.source!r} failed: {_first_line(error)}") from error
        if isinstance(result, Exception):
            raise CelError(f"{self.source!r} failed: {_first_line(result)}")
        return result

    def __repr__(self) -> str:
        return f"Cel({self.source!r})"


class UnknownVariable(CelError):
    """An expression names a variable that there is not."""

    def __init__(self, source: str, name: str, variables: tuple[str, ...]) -> None:
        super().__init__(f"{source!r}: there is no variable {name!r}")
        self.name = name
        self.variables = variables


def to_cel(value: Any) -> Any:
    """A Python value as CEL's. What is no JSON becomes its text."""
    match value:
        case None:
            return None
        case bool():
            return celtypes.BoolType(value)
        case int():
            return celtypes.IntType(value)
        case float():
            return celtypes.DoubleType(value)
        case str():
            return celtypes.StringType(value)
        case list() | tuple():
            return celtypes.ListType([to_cel(item) for item in value])
        case dict():
            return celtypes.MapType(
                {celtypes.StringType(key): to_cel(item) for key, item in value.items()}
            )
    return celtypes.StringType(str(value))


def _free_names(tree: Any) -> set[str]:
    """The variables that an expression reads: its identifiers, less those that a macro binds."""
    names: set[str] = set()

    def visit(node: Any, bound: frozenset[str]) -> None:
        if not isinstance(node, lark.Tree):
            return
        if node.data == "ident":
            name = str(node.children[0])
            if name not in bound:
                names.add(name)
            return
        if node.data == "member_dot_arg" and str(node.children[1]) in _MACROS:
            receiver, _, arguments = node.children
            visit(receiver, bound)
            if isinstance(arguments, lark.Tree) and arguments.children:
                first = next(arguments.children[0].find_data("ident"), None)
                inner = bound | {str(first.children[0])} if first is not None else bound
                for argument in arguments.children:
                    visit(argument, inner)
            return
        for child in node.children:
            visit(child, bound)

    visit(tree, frozenset())
    return names


def _first_line(error: BaseException) -> str:
    text = str(error.args[0] if error.args else error) or type(error).__name__
    return text.strip().splitlines()[0] if text.strip() else type(error).__name__
