"""What a step costs does not grow with the steps before it, where it reads nothing of them."""

from __future__ import annotations

from mockserver.engine.context import Variables
from mockserver.script.cel import STEP_INPUT_VARIABLES, Cel
from mockserver.script.templates import compile_value


def variables(made: list[str]) -> Variables:
    def outputs() -> dict[str, str]:
        made.append("outputs")
        return {"first": "a"}

    return Variables({"input": "x"}, {"previous_step_outputs": outputs})


def test_what_grows_is_made_where_it_is_read_and_once() -> None:
    made: list[str] = []
    seen = variables(made)
    assert compile_value("{{ input }}!{% if 1 %}{% endif %}")(seen) == "x!"
    assert compile_value("{{ [input] }}")(seen) == ["x"]
    assert Cel("input == 'x'", STEP_INPUT_VARIABLES)(seen)
    assert made == []
    assert compile_value("{{ previous_step_outputs.first }}")(seen) == "a"
    assert compile_value("{{ previous_step_outputs.first }}!")(seen) == "a!"
    assert compile_value("so {{ previous_step_outputs }}")(seen) == "so {'first': 'a'}"
    assert Cel("previous_step_outputs.first == 'a'", STEP_INPUT_VARIABLES)(seen)
    assert made == ["outputs"]
