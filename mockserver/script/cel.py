"""CEL expressions in scripts: compiled once, evaluated as Agno evaluates them.

The library is Agno's own choice, cel-python, so that a script decides as the real server would.
Conversions and fall-backs follow `agno/workflow/cel.py` of 2.5.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import celpy
import lark
from celpy import celtypes

from mockserver.script.bounds import MAX_LENGTH, TOO_LONG
from mockserver.script.problems import elided, first_line, instead_of

STEP_INPUT_VARIABLES = (
    "input",
    "previous_step_content",
    "previous_step_outputs",
    "additional_data",
    "session_state",
)
SELECTOR_VARIABLES = (*STEP_INPUT_VARIABLES, "step_choices")
VALUES = ("input_value", "previous_step_value", "previous_step_values")
"""What Agno's own CEL sees as texts, as values: of templates, and of CEL in a `mock`."""
LOOP_VARIABLES = (
    "current_iteration",
    "max_iterations",
    "all_success",
    "last_step_content",
    "step_outputs",
)
LOOP_FUNCTION_VARIABLES = (
    *("all_success", "last_step_content", "step_outputs", "last_step_value", "step_values"),
)
"""What the function of an end condition sees: an iteration's results, as texts and as values."""
SCENARIO_VARIABLES = ("input", "session_state", "session_id", "user_id")

# Names that CEL itself gives a meaning.
_TYPES = frozenset(
    {"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"}
    | {"duration", "timestamp"}
)
# How many arguments each takes, at least and at most; a method's receiver is one of them.
_FUNCTIONS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(_TYPES | {"size"}, (1, 1)),
    **dict.fromkeys(("contains", "startsWith", "endsWith", "matches"), (2, 2)),
    **dict.fromkeys(("getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"), (1, 2)),
    **dict.fromkeys(("getFullYear", "getMonth", "getHours", "getMinutes"), (1, 2)),
    **dict.fromkeys(("getSeconds", "getMilliseconds"), (1, 2)),
}
_FUNCTIONS_ONLY = {"has": (1, 1), "dyn": (1, 1)}
_MACROS = frozenset({"all", "exists", "exists_one", "filter", "map", "reduce"})
_METHODS_ONLY = {**dict.fromkeys(_MACROS, (3, 3)), "reduce": (5, 5), "min": (1, 1)}


_WITH_NUMBERS = frozenset({"additional_data", "session_state"})
"""Agno's variables in which numbers may stand. It makes CEL's values of all that it has, also of
those that an expression does not read."""

MAX_STEPS = 100_000
"""Parts of an expression that one evaluation looks at, each as often as it is reached."""


class CelError(ValueError):
    """An expression that cannot be compiled, or that failed on the values it met."""


class _TooMuch(Exception):
    """An evaluation has gone beyond a limit. No error of CEL's own, which `||` would pass over."""


class _Evaluator(celpy.Evaluator):  # type: ignore[misc]
    """cel-python's evaluator, with limits: what it does takes the event loop's time, and how much
    that is can be a caller's choice, who sends the list that nested macros go through."""

    def __init__(self, ast: Any, activation: Any, steps: Iterator[int] | None = None) -> None:
        super().__init__(ast, activation)
        self._steps = iter(range(MAX_STEPS)) if steps is None else steps

    def sub_evaluator(self, ast: Any) -> _Evaluator:
        return _Evaluator(ast, self.activation, self._steps)

    def _visit_tree(self, tree: Any) -> Any:
        if next(self._steps, None) is None:
            raise _TooMuch(f"it takes more than {MAX_STEPS:,} steps")
        value = super()._visit_tree(tree)
        if isinstance(value, str | bytes | list) and len(value) > MAX_LENGTH:
            raise _TooMuch(TOO_LONG)
        return value


class _Runner(celpy.InterpretedRunner):  # type: ignore[misc]
    def evaluate(self, context: Any) -> Any:
        return _Evaluator(self.ast, self.new_activation()).evaluate(context)


class Cel:
    """A compiled CEL expression."""

    def __init__(self, source: str, variables: Iterable[str]) -> None:
        """Compile. Raises CelError for a syntax error, and for an unknown variable or function."""
        self.source = source
        said = elided(repr(source), 200)
        self.variables = tuple(variables)
        self._environment = celpy.Environment(runner_class=_Runner)
        try:
            self.tree = self._environment.compile(source)
            self._program = self._environment.program(self.tree)
            names = _free_names(self.tree)
            wrong = next(_wrong_calls(self.tree), None)
        except (celpy.CELParseError, lark.exceptions.LarkError) as error:
            column = getattr(error, "column", None)
            where = f" (column {column})" if column else ""
            expected = f"expected CEL over {', '.join(self.variables)}"
            raise CelError(f"{said} is no CEL expression{where}; {expected}") from error
        except RecursionError as error:
            raise CelError(f"{said} is nested too deep") from error
        self._names = names & set(self.variables)
        self.may_take_long = any(
            str(node.children[1]) in _MACROS for node in self.tree.find_data("member_dot_arg")
        )
        """It has a macro, which goes through a list; others take as long as they are."""
        for name in sorted(names - _TYPES - set(self.variables)):
            instead = instead_of(name, self.variables)
            raise CelError(f"{said}: there is no variable {name!r}; {instead}")
        if wrong is not None:
            raise CelError(f"{said}: {wrong}")

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """Evaluate. Raises CelError where the expression fails on these values."""
        read = {name: values[name] for name in self._names if name in values}
        for name in _WITH_NUMBERS - self._names:
            if name in values and _has_long_number(values[name]):
                raise CelError(f"{elided(repr(self.source), 200)} failed: overflow")
        return self._evaluate(self._program, read)

    def foreseen(self, values: Mapping[str, Any]) -> Iterator[Any]:
        """What it can come to, as far as these values decide it: of `a ? b : c` b and c.

        Raises CelError where it is sure to fail there.
        """
        for branch in _branches(self.tree):
            if _free_names(branch) <= values.keys():
                yield self._evaluate(self._environment.program(branch), values)

    def _evaluate(self, program: Any, values: Mapping[str, Any]) -> Any:
        try:
            result = program.evaluate({key: to_cel(value) for key, value in values.items()})
        except Exception as error:  # cel-python raises many types, also ones of its own values
            raise CelError(f"{elided(repr(self.source), 200)} failed: {_reason(error)}") from error
        if isinstance(result, Exception):
            raise CelError(f"{elided(repr(self.source), 200)} failed: {_reason(result)}")
        return result

    def __repr__(self) -> str:
        return f"Cel({self.source!r})"


@lru_cache(maxsize=1000)
def compiled(source: str, variables: tuple[str, ...]) -> Cel:
    """As Cel(source, variables); what several scripts have is compiled once."""
    return Cel(source, variables)


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


def _has_long_number(value: Any) -> bool:
    """Whether an integer stands in it that has more than CEL's 64 bits."""
    match value:
        case int():
            return not -(2**63) <= value < 2**63
        case list() | tuple():
            return any(map(_has_long_number, value))
        case dict():
            return any(map(_has_long_number, value.values()))
    return False


def from_cel(value: Any) -> Any:
    """A CEL value as Python's: a truth value, a number, a text; another as it is."""
    for kind, plain in (
        (celtypes.BoolType, bool),
        (celtypes.IntType, int),
        (celtypes.UintType, int),
        (celtypes.DoubleType, float),
        (celtypes.StringType, str),
    ):
        if isinstance(value, kind):
            return plain(value)
    return value


def names_in(value: Any) -> Iterator[str]:
    """The names that a selector's value gives: its own, or those in a list, however deep."""
    if isinstance(value, list):
        for item in value:
            yield from names_in(item)
    else:
        yield str(value)


# -- what an expression says, before it is evaluated


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
            visit(node.children[0], bound)
            arguments = _arguments(node)
            # reduce(r, i, start, r + i) binds two names, the others one.
            inner = bound
            for argument in arguments[: 2 if str(node.children[1]) == "reduce" else 1]:
                inner |= {str(found.children[0]) for found in argument.find_data("ident")}
            for argument in arguments:
                visit(argument, inner)
            return
        for child in node.children:
            visit(child, bound)

    visit(tree, frozenset())
    return names


def _wrong_calls(tree: lark.Tree[Any]) -> Iterator[str]:
    """What is wrong with the functions and methods that an expression calls."""
    for node in tree.find_pred(lambda found: str(found.data).endswith("_arg")):
        is_method = node.data == "member_dot_arg"
        name = str(node.children[1 if is_method else 0])
        known = _FUNCTIONS | (_METHODS_ONLY if is_method else _FUNCTIONS_ONLY)
        what = "method" if is_method else "function"
        if name not in known:
            yield f"there is no {what} {name!r}; {instead_of(name, known)}"
            continue
        least, most = (count - is_method for count in known[name])
        given = len(_arguments(node))
        if not least <= given <= most:
            takes = str(least) if least == most else f"{least} or {most}"
            yield f"the {what} {name!r} takes {takes} argument{'s' * (takes != '1')}, not {given}"


def _arguments(call: lark.Tree[Any]) -> list[Any]:
    last = call.children[-1]
    return list(last.children) if isinstance(last, lark.Tree) and last.data == "exprlist" else []


def _branches(tree: lark.Tree[Any]) -> Iterator[lark.Tree[Any]]:
    """The expressions one of which gives an expression's value."""
    inner = [child for child in tree.children if isinstance(child, lark.Tree)]
    if tree.data == "expr" and len(inner) == 3:
        yield from _branches(inner[1])
        yield from _branches(inner[2])
    elif tree.data in _WRAPPERS and len(inner) == 1:
        found = list(_branches(inner[0]))
        yield from found if len(found) > 1 else (tree,)  # cel-python takes a bare name for a text
    else:
        yield tree


# The grammar's levels, each of which may only hand on what is below it.
_WRAPPERS = frozenset(
    {"expr", "conditionalor", "conditionaland", "relation", "addition", "multiplication"}
    | {"unary", "member", "primary", "paren_expr"}
)


def _reason(error: BaseException) -> str:
    """An error of cel-python in a line, without its dump of all variables and functions."""
    text = first_line(Exception(error.args[0])) if error.args else type(error).__name__
    return text.partition(" (in activation ")[0]
