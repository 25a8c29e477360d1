"""Jinja2 templates in scripts: sandboxed, compiled once, rendered once.

A text that is one whole `{{ expression }}` gives the expression's value with its type; any other
gives a text. Mappings and lists are rendered member by member. What comes out of a template is
data: it is never rendered again.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mockserver.script.cel import STEP_INPUT_VARIABLES

VARIABLES = (*STEP_INPUT_VARIABLES, "run_id", "session_id", "user_id", "attempt")

Renderer = Callable[[Mapping[str, Any]], Any]

_environment = ImmutableSandboxedEnvironment(
    undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
)


class TemplateProblem(ValueError):
    """A template that cannot be compiled, or that failed on the values it met."""


class UnknownTemplateVariable(TemplateProblem):
    """A template names a variable that there is not."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no variable {name!r}")
        self.name = name
        self.variables = VARIABLES


def compile_value(value: Any) -> Renderer:
    """A function from variables to `value` with its templates rendered.

    Raises TemplateProblem for a syntax error or an unknown variable; the function raises it
    where rendering fails.
    """
    match value:
        case str():
            return _compile_text(value)
        case dict():
            members = [(key, compile_value(item)) for key, item in value.items()]
            return lambda variables: {key: render(variables) for key, render in members}
        case list():
            items = [compile_value(item) for item in value]
            return lambda variables: [render(variables) for render in items]
    return lambda variables: value


def _compile_text(text: str) -> Renderer:
    if "{" not in text:
        return lambda variables: text
    try:
        tree = _environment.parse(text)
        for name in sorted(meta.find_undeclared_variables(tree)):
            if name not in VARIABLES and name not in _environment.globals:
                raise UnknownTemplateVariable(name)
        expression = _whole_expression(tree, text)
        if expression is not None:
            compiled = _environment.compile_expression(expression, undefined_to_none=False)
            return lambda variables: _evaluate(compiled, variables)
        pieces = _plain_pieces(tree)
        if pieces is not None:
            return lambda variables: "".join([piece(variables) for piece in pieces])
        template = _environment.from_string(text)
    except jinja2.TemplateError as error:
        raise TemplateProblem(f"no Jinja2 template: {error}") from error
    return lambda variables: _render(template, variables)


def _whole_expression(tree: nodes.Template, text: str) -> str | None:
    """The expression's source where the text is one `{{ }}` and nothing else."""
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return None
    parts = tree.body[0].nodes
    if len(parts) != 1 or isinstance(parts[0], nodes.TemplateData):
        return None
    return text[2:-2].removeprefix("-").removeprefix("+").removesuffix("-").removesuffix("+")


def _plain_pieces(tree: nodes.Template) -> list[Callable[[Mapping[str, Any]], str]] | None:
    """Where a template is texts and names of variables alone, as most are: its pieces.

    To join them is what Jinja would do, without a context for each rendering.
    """
    pieces: list[Callable[[Mapping[str, Any]], str]] = []
    for output in tree.body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                pieces.append(lambda variables, text=node.data: text)  # type: ignore[misc]
            elif isinstance(node, nodes.Name) and node.name in VARIABLES:
                pieces.append(lambda variables, name=node.name: str(variables[name]))  # type: ignore[misc]
            else:
                return None
    return pieces


def _render(template: jinja2.Template, variables: Mapping[str, Any]) -> str:
    try:
        return template.render(variables)
    except Exception as error:  # a template may raise whatever its values' methods raise
        raise TemplateProblem(_describe(error)) from error


def _evaluate(compiled: Callable[..., Any], variables: Mapping[str, Any]) -> Any:
    try:
        value = compiled(**variables)
        if isinstance(value, jinja2.Undefined):
            str(value)  # raises UndefinedError, which says what is missing
        # What a step answered must not change with the session's state.
        return copy.deepcopy(value) if isinstance(value, dict | list) else value
    except Exception as error:
        raise TemplateProblem(_describe(error)) from error


def _describe(error: Exception) -> str:
    return f"the template failed: {error}" if str(error) else f"the template failed: {error!r}"
