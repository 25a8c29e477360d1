"""Compiles the CEL expressions and templates of one script, and notes what is wrong in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mockserver.script.cel import Cel, CelError, compiled, from_cel
from mockserver.script.members import Read, read_by_cel, read_by_template
from mockserver.script.problems import KeyPath, Problems
from mockserver.script.templates import (
    VARIABLES,
    Renderer,
    TemplateProblem,
    compile_value,
    may_take_long,
)


class Expressions:
    """Compiled once each; one that is wrong is a problem, and gives false or the text itself."""

    def __init__(self, problems: Problems, known: tuple[str, ...] = VARIABLES) -> None:
        """`known`: the variables of templates."""
        self._problems = problems
        self._known = known
        self.reads: list[Read] = []
        """Members of values that they read."""
        self.may_take_long = False
        """Any of them."""

    def cel(self, source: str, variables: Sequence[str], path: KeyPath) -> Cel | bool:
        try:
            cel = compiled(source, tuple(variables))
        except CelError as error:
            self._problems.add(path, str(error))
            return False
        self.reads += read_by_cel(cel.tree, path)
        self.may_take_long |= cel.may_take_long
        return cel

    def setting(self, source: str, expected: str, path: KeyPath) -> Renderer | int:
        """CEL in a template's place: over the same variables, it gives a value of its type."""
        try:
            cel = compiled(source, self._known)
        except CelError as error:
            self._problems.add(path, f"{error}; expected {expected}")
            return 0
        self.reads += read_by_cel(cel.tree, path)
        self.may_take_long |= cel.may_take_long

        def render(variables: Mapping[str, Any]) -> Any:
            try:
                return from_cel(cel(variables))
            except CelError as error:
                raise TemplateProblem(str(error)) from error

        return render

    def template(self, value: Any, path: KeyPath) -> Renderer:
        try:
            renderer = compile_value(value, self._known)
        except TemplateProblem as error:
            self._problems.add(path, str(error))
            return lambda variables: value
        self.reads += read_by_template(value, path)
        self.may_take_long |= may_take_long(value)
        return renderer
