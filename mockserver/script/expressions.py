"""Compiles the CEL expressions and templates of one script, and notes what is wrong in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mockserver.script.cel import Cel, CelError
from mockserver.script.problems import Path, Problems
from mockserver.script.templates import Renderer, TemplateProblem, compile_value


class Expressions:
    """Compiled once each; one that is wrong is a problem, and gives false or the text itself."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def cel(self, source: str, variables: Sequence[str], path: Path) -> Cel | bool:
        try:
            return Cel(source, variables)
        except CelError as error:
            self._problems.add(path, str(error))
        return False

    def template(self, value: Any, path: Path) -> Renderer:
        try:
            return compile_value(value)
        except TemplateProblem as error:
            self._problems.add(path, str(error))
        return lambda variables: value
