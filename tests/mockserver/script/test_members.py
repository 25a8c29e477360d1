"""Members of values that expressions read are compared with what is known of the values."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mockserver.script.loader import load_scripts

SCHEMA = {
    "type": "object",
    "properties": {"priority": {"type": "string"}, "customer": {"$ref": "#/$defs/customer"}},
    "$defs": {"customer": {"type": "object", "properties": {"name": {"type": "string"}}}},
}


def warnings(tmp_path: Path, mock: object, *, schema: object = SCHEMA) -> list[str]:
    """What is said of a script whose second step has this mock, without its place."""
    steps = [
        {"type": "Step", "name": "classify", "mock": {"content": {"score": 0.9}}},
        {"type": "Step", "name": "says", "mock": {"content": "plain"}},
        {"type": "Step", "name": "last", "mock": mock},
    ]
    script = {"id": "desk", "steps": steps} | ({"input_schema": schema} if schema else {})
    (tmp_path / "desk.yaml").write_text(yaml.safe_dump(script))
    return [problem.message for problem in load_scripts(tmp_path).warnings]


@pytest.mark.parametrize(
    ("mock", "said"),
    [
        ({"content": "{{ input_value.prority }}"}, "did you mean 'priority'?"),
        ({"content": "{{ input_value['prority'] }}"}, "did you mean 'priority'?"),
        ({"content": {"a": ["{{ input_value.customer.nam }}"]}}, "`input_value.customer` has no"),
        ({"fails": "input_value.customer.nam == 'x'"}, "did you mean 'name'?"),
        ({"delay": "{% if input_value.urgent %}1{% endif %}"}, "no member 'urgent'"),
        ({"content": "{{ previous_step_values.clasify.score }}"}, "there is no step 'clasify'"),
        ({"stop": "previous_step_values.classify.scor > 0.5"}, "without a member 'scor'"),
        ({"content": "{{ previous_step_values.says.x }}"}, "answers a text"),
    ],
)
def test_a_member_that_there_is_not_is_a_warning(tmp_path: Path, mock: object, said: str) -> None:
    (message,) = warnings(tmp_path, mock)
    assert said in message


def test_of_a_text_there_are_no_members(tmp_path: Path) -> None:
    (message,) = warnings(tmp_path, {"content": "{{ input_value.x }}"}, schema=None)
    assert "there is no input_schema" in message


@pytest.mark.parametrize(
    "mock",
    [
        {"content": "{{ input_value.customer.name }} {{ input_value.items() }}"},
        {"content": "{{ input_value.x if input_value.x is defined else 1 }}"},
        {"content": "{{ input_value.x | default(1) }}"},
        {"content": "{{ input_value.x if 'x' in input_value else 1 }}"},
        {"fails": "has(input_value.x) && input_value.x == 1"},
        {"stop": "'x' in input_value && input_value.x == 1"},
        {"content": "{{ previous_step_values.classify.score }} {{ input.upper() }}"},
        {"content": "{{ previous_step_values.says }} {{ input_value[input] }}"},
        {"fails": "[1, 2].exists(x, x == 1) && previous_step_values.classify.score > 0.5"},
    ],
)
def test_what_may_be_there_is_none(tmp_path: Path, mock: object) -> None:
    assert warnings(tmp_path, mock) == []


@pytest.mark.parametrize(
    "schema",
    [
        {**SCHEMA, "additionalProperties": True},
        {**SCHEMA, "anyOf": [{"required": ["x"]}]},
        {"type": "object"},
        {"type": "array"},
    ],
)
def test_a_schema_that_lets_other_members_be_says_nothing(tmp_path: Path, schema: object) -> None:
    assert warnings(tmp_path, {"content": "{{ input_value.x }}"}, schema=schema) == []
