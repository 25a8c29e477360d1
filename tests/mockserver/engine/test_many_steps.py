"""What a step costs does not grow with the steps before it, where it reads nothing of them."""

from __future__ import annotations

from collections.abc import ItemsView
from typing import Any

from mockserver.engine.actions import StepInput
from mockserver.engine.context import Variables
from mockserver.engine.results import Result, result
from mockserver.engine.run import Run
from mockserver.script.cel import STEP_INPUT_VARIABLES, Cel
from mockserver.script.loader import load_text
from mockserver.script.templates import compile_value

WORKFLOW = "id: w\nname: W\nsteps: [{type: Step, name: a, executor_ref: f}]"


class Outputs(dict[str, Result]):
    """What steps before have come to; counts how often it is gone through."""

    read = 0

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        self.read += 1
        return super().items()


def test_what_grows_is_made_where_it_is_read_and_once() -> None:
    outputs = Outputs(first=result("a", "first", "1", "Step"))
    seen = Variables(
        Run(load_text(WORKFLOW, "w.yaml"), "r", "s", None, "x", {}, 0), StepInput(outputs)
    )
    assert compile_value("{{ input }}!{% if 1 %}{% endif %}")(seen) == "x!"
    assert compile_value("{{ [input] }}")(seen) == ["x"]
    assert Cel("input == 'x'", STEP_INPUT_VARIABLES)(seen)
    assert outputs.read == 0
    assert compile_value("{{ previous_step_outputs.first }}")(seen) == "a"
    assert compile_value("{{ previous_step_outputs.first }}!")(seen) == "a!"
    assert compile_value("so {{ previous_step_outputs }}")(seen) == "so {'first': 'a'}"
    assert Cel("previous_step_outputs.first == 'a'", STEP_INPUT_VARIABLES)(seen)
    assert outputs.read == 1
