"""Jinja2 templates in scripts: sandboxed, compiled once, rendered once.

A text that is one whole `{{ expression }}` gives the expression's value with its type; any other
gives a text. Mappings and lists are rendered member by member. What comes out of a template is
data: it is never rendered again, it is a JSON value, and it has at most MAX_LENGTH characters.
"""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from agentos_contract.json_values import MAX_DIGITS, check_json_value
from mockserver.script.bounds import (
    bounded_filters,
    check_binop,
    check_call,
    check_length,
)
from mockserver.script.cel import STEP_INPUT_VARIABLES, VALUES
from mockserver.script.problems import elided, instead_of

VARIABLES = (
    *STEP_INPUT_VARIABLES,
    *VALUES,
    "run_id",
    "session_id",
    "user_id",
    "attempt",
    "answers",
)
FUNCTION_VARIABLES = ("input", "input_value", "additional_data")
"""Those of a function in the place of steps: AgentOS hands it the request alone."""
MAX_STEPS = 1_000_000
"""Turns of loops in one rendering; a call, which takes as long as ten, counts as so many."""

Renderer = Callable[[Mapping[str, Any]], Any]


# What a template would take for its own; a brace at the end joins with those that come after it.
_MARKS = re.compile(r"\{[{%#]|\{$")
# What a template changes even where it is raw: its own end, and line ends other than \n.
_NOT_RAW = re.compile(r"endraw|\r")


def is_template(text: str) -> bool:
    """Whether a text has what a template takes for its own."""
    return _MARKS.search(text) is not None


def literal(text: str) -> str:
    """The text as it stands in a template that has more, so that it comes out as it is."""
    if _NOT_RAW.search(text):
        return f"{{{{ {json.dumps(text, ensure_ascii=False)} }}}}"
    return f"{{% raw %}}{text}{{% endraw %}}" if is_template(text) else text


_LOOPS = re.compile(
    r"\{%[-+]?\s*(for|macro|call)\b|\|\s*(map|select|reject|selectattr|rejectattr|sort|groupby|sum"
    r"|unique|slice|batch|list|wordwrap|urlize|striptags|min|max|join|title|pprint|indent|wordcount"
    r"|urlencode)\b"
)


def may_take_long(value: Any) -> bool:
    """Whether a template in the value goes through a list, or through a text letter by letter."""
    match value:
        case str():
            return "{" in value and _LOOPS.search(value) is not None
        case dict():
            return any(map(may_take_long, value.values()))
        case list():
            return any(map(may_take_long, value))
    return False


class TemplateProblem(ValueError):
    """A template that cannot be compiled, or that failed on the values it met."""


def _bounded(pieces: Iterable[str]) -> str:
    """The pieces as one text. Raises OverflowError where it is too long."""
    kept: list[str] = []
    length = 0
    for piece in pieces:
        length += len(piece)
        check_length(length)
        kept.append(piece)
    return "".join(kept)


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, in which a short template cannot fill the memory.

    Its own bounds are those of `range`; here what operators, filters and methods give is measured
    before it is made (bounds), and each block's text while it is.
    """

    intercepted_binops = frozenset({"*", "**", "%"})
    concat = staticmethod(_bounded)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.filters.update(bounded_filters(self.filters))
        self.filters[_COUNTED] = self._counted
        self._left = threading.local()

    def begin(self) -> None:
        """A rendering begins, in this thread."""
        self._left.steps = MAX_STEPS

    def from_string(self, source: Any, *arguments: Any, **more: Any) -> jinja2.Template:
        """A template whose loops count their turns."""
        tree = source if isinstance(source, nodes.Template) else self.parse(source)
        for loop in tree.find_all(nodes.For):
            line = loop.iter.lineno
            loop.iter = nodes.Filter(loop.iter, _COUNTED, [], [], None, None, lineno=line)
            loop.iter.environment = self
        return super().from_string(tree, *arguments, **more)

    def call(self, context: Any, called: Any, *arguments: Any, **more: Any) -> Any:
        """Call what a template calls. Raises OverflowError beyond MAX_STEPS, and for too much."""
        self._step(10)
        check_call(called, arguments, more)
        return super().call(context, called, *arguments, **more)

    def _step(self, count: int = 1) -> None:
        self._left.steps -= count
        if self._left.steps < 0:
            raise OverflowError(
                f"it takes more than {MAX_STEPS:,} turns of loops, a call counting as ten"
            )

    def _counted(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._step()
            yield item

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """`*`, `**` or `%`. Raises OverflowError where it would be too long."""
        check_binop(operator, left, right)
        match operator, left, right:
            case "**", int(), int() if left.bit_length() * right > 4 * MAX_DIGITS:
                raise OverflowError(f"it has an integer of more than {MAX_DIGITS} digits")
        return super().call_binop(context, operator, left, right)


_COUNTED = "(counted)"
"""A filter's name that no template can say."""

_environment = _Environment(
    undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
)


def compile_value(value: Any, known: tuple[str, ...] = VARIABLES) -> Renderer:
    """A function from the `known` variables to `value` with its templates rendered.

    Raises TemplateProblem for a syntax error or an unknown variable; the function raises it
    where rendering fails.
    """
    match value:
        case str():
            return _compile_text(value, known)
        case dict():
            members = [(key, compile_value(item, known)) for key, item in value.items()]
            return lambda variables: {key: render(variables) for key, render in members}
        case list():
            items = [compile_value(item, known) for item in value]
            return lambda variables: [render(variables) for render in items]
    return lambda variables: value


def _compile_text(text: str, known: tuple[str, ...]) -> Renderer:
    return _compile_template(text, known) if "{" in text else lambda variables: text


@lru_cache(maxsize=1000)
def _compile_template(text: str, known: tuple[str, ...]) -> Renderer:
    """What is the same in several scripts is compiled once."""
    try:
        tree = _environment.parse(text)
        names = _free_names(tree)
        for name in sorted(names):
            if name not in known and name not in _environment.globals:
                instead = instead_of(name, known)
                raise TemplateProblem(f"there is no variable {name!r}; {instead}")
        expression = _whole_expression(tree, text)
        if expression is not None:
            compiled = _environment.compile_expression(expression, undefined_to_none=False)
            return lambda variables: _evaluate(compiled, _read(names, variables))
        pieces = _plain_pieces(tree)
        if pieces is not None:
            return lambda variables: _joined(pieces, variables)
        template = _environment.from_string(text)
    except jinja2.TemplateError as error:
        raise TemplateProblem(f"no Jinja2 template: {elided(str(error))}") from error
    except (RecursionError, SyntaxError) as error:  # by Jinja's compiler, or by Python's
        raise TemplateProblem("no Jinja2 template: it is nested too deep") from error
    return lambda variables: _render(template, _read(names, variables))


def _free_names(tree: nodes.Template) -> set[str]:
    """The names that a template does not bind itself."""
    if all(isinstance(node, nodes.Output) for node in tree.body):
        return {name.name for name in tree.find_all(nodes.Name)}  # no expression binds any
    return meta.find_undeclared_variables(tree)  # writes all of the template's code to find them


def _read(names: Iterable[str], variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that a template reads: others need not be made for it."""
    return {name: variables[name] for name in names if name in variables}


def _whole_expression(tree: nodes.Template, text: str) -> str | None:
    """The expression's source where the text is one `{{ }}` and nothing else."""
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return None
    parts = tree.body[0].nodes
    if len(parts) != 1 or isinstance(parts[0], nodes.TemplateData):
        return None
    return text[2:-2].removeprefix("-").removeprefix("+").removesuffix("-").removesuffix("+")


def _plain_pieces(tree: nodes.Template) -> list[tuple[str, bool]] | None:
    """Where a template is texts and names of variables alone, as most are: its pieces, and whether
    each is a name.

    To join them is what Jinja would do, without a context for each rendering.
    """
    pieces: list[tuple[str, bool]] = []
    for output in tree.body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                pieces.append((node.data, False))
            elif isinstance(node, nodes.Name) and node.name in VARIABLES:
                pieces.append((node.name, True))
            else:
                return None
    return pieces


def _joined(pieces: list[tuple[str, bool]], variables: Mapping[str, Any]) -> str:
    texts = []
    length = 0
    try:
        for piece, is_name in pieces:
            text = str(variables[piece]) if is_name else piece
            texts.append(text)
            length += len(text)
            check_length(length)
    except OverflowError as error:
        raise TemplateProblem(_describe(error)) from error
    return "".join(texts)


def _render(template: jinja2.Template, variables: Mapping[str, Any]) -> str:
    _environment.begin()
    try:
        return template.render(variables)
    except Exception as error:  # a template may raise whatever its values' methods raise
        raise TemplateProblem(_describe(error)) from error


def _evaluate(compiled: Callable[..., Any], variables: Mapping[str, Any]) -> Any:
    _environment.begin()
    try:
        value = compiled(**variables)
        if isinstance(value, jinja2.Undefined):
            str(value)  # raises UndefinedError, which says what is missing
        check_json_value(value)
        # What a step answered must not change with the session's state.
        return copy.deepcopy(value) if isinstance(value, dict | list) else value
    except Exception as error:
        raise TemplateProblem(_describe(error)) from error


def _describe(error: Exception) -> str:
    return f"the template failed: {elided(str(error) or repr(error))}"
