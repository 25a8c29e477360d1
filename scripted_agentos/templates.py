"""Jinja2 templates in scripts, with the meaning that the mock gives them."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import SandboxedEnvironment

from scripted_agentos.errors import ScriptError

Json = Any

_environment = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)


def literal(text: str) -> str:
    """The text as it stands in a template, so that it comes out as it is."""
    is_plain = "{" not in text and "\r" not in text
    return text if is_plain else f"{{{{ {json.dumps(text, ensure_ascii=False)} }}}}"


def compile_value(value: Json, place: str) -> Callable[[Mapping[str, Any]], Json]:
    """A function from variables to `value` with its templates rendered, mappings and lists deep.

    A text that is one whole `{{ expression }}` gives the expression's value with its type, any
    other text a text. What is rendered is never rendered again.
    """
    if isinstance(value, str):
        if "{" not in value:
            return lambda variables: value  # Jinja2 would write its line ends anew
        try:
            body = _environment.parse(value).body
            if len(body) == 1 and isinstance(body[0], nodes.Output):
                output = body[0].nodes
                if len(output) == 1 and not isinstance(output[0], nodes.TemplateData):
                    expression = re.sub(r"^\{\{[-+]?|[-+]?\}\}$", "", value)
                    evaluate = _environment.compile_expression(expression, undefined_to_none=False)
                    return lambda variables: _rendered(lambda: _defined(evaluate(**variables)))
            template = _environment.from_string(value)
        except TemplateError as error:
            raise ScriptError(f"{place}: not a Jinja2 template: {error}") from error
        return lambda variables: _rendered(lambda: template.render(**variables))
    if isinstance(value, Mapping):
        members = {key: compile_value(item, f"{place}.{key}") for key, item in value.items()}
        return lambda variables: {key: item(variables) for key, item in members.items()}
    if isinstance(value, list):
        items = [compile_value(item, f"{place}[{i}]") for i, item in enumerate(value)]
        return lambda variables: [item(variables) for item in items]
    return lambda variables: value


def _rendered(render: Callable[[], Json]) -> Json:
    """What rendering gives. Raises RuntimeError, in the mock's words, where it fails."""
    try:
        return render()
    except Exception as error:  # a template may raise whatever its values' methods raise
        raise RuntimeError(
            f"the template failed: {error if str(error) else repr(error)}"
        ) from error


def _defined(value: Json) -> Json:
    if isinstance(value, StrictUndefined):
        str(value)  # raises UndefinedError, which names it
    return copy.deepcopy(value)  # what a step answered must not change with the session's state


def as_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
