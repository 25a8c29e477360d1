"""CEL and templates that can only fail are told before a run; what they give is bounded."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from mockserver.script.bounds import MAX_LENGTH
from mockserver.script.cel import Cel, CelError
from mockserver.script.loader import load_scripts
from mockserver.script.templates import TemplateProblem, compile_value
from tests.scripts import problems_of


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ('input.contans("x")', "there is no method 'contans'; expected one of all, bool, bytes, c"),
        ("input.has(1)", "there is no method 'has'"),
        ("contans(input, 'x')", "there is no function 'contans'"),
        ("input.contains()", "the method 'contains' takes 1 argument, not 0"),
        ("contains(input)", "the function 'contains' takes 2 arguments, not 1"),
        ("size(input, input) > 1", "the function 'size' takes 1 argument, not 2"),
        ("[1].all(x)", "the method 'all' takes 2 arguments, not 1"),
        ("[1, 2].exists(x, x.foo())", "there is no method 'foo'"),
        ("(" * 500 + "true" + ")" * 500, "is nested too deep"),
    ],
)
def test_cel_that_can_only_fail_is_refused(tmp_path: Path, expression: str, problem: str) -> None:
    text = json.dumps({"id": "a", "steps": [{"type": "Condition", "evaluator": expression}]})
    (said,) = problems_of(tmp_path, a=text)
    assert problem in said
    assert len(said) < 700


@pytest.mark.parametrize(
    "expression",
    [
        'input.contains("x")',
        "input.size() > size(previous_step_outputs)",
        'has(session_state.x) && session_state.x.exists(k, k == "v")',
        'input.matches("^a") || input.startsWith(string(1))',
        "[1, 2].map(x, x * 2).filter(x, x > 2).all(x, x == 4)",
        "[1, 2].reduce(sum, each, 0, sum + each) == 3 && [3, 1].min() == 1",
        'timestamp("2024-01-01T00:00:00Z").getHours("UTC") == 0 && dyn(1) == int("1")',
    ],
)
def test_what_cel_has_is_known(expression: str) -> None:
    variables = ("input", "previous_step_outputs", "session_state")
    values = {"input": "abcx", "previous_step_outputs": {}, "session_state": {"x": ["v"]}}
    assert Cel(expression, variables)(values) == True  # noqa: E712 - CEL's own bool


def test_a_run_time_failure_of_cel_is_a_line(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(CelError) as failed:
        Cel("session_state.missing == 1", ["session_state"])({"session_state": {}})
    assert str(failed.value) == (
        "'session_state.missing == 1' failed: no such member in mapping: 'missing'"
    )
    with pytest.raises(CelError) as failed:
        Cel("input + 1 == 2", ["input"])({"input": "a" * 9999})
    assert len(str(failed.value)) < 400
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        ('"nowhere"', "there is no choice 'nowhere', it selects nothing; expected one of one, two"),
        ('input == "x" ? "one" : ("tw" + "oo")', "there is no choice 'twoo'"),
        ("step_choices[2]", "it selects nothing: 'step_choices[2]' failed"),
        ('input == "x" ? "one" : "two"', ""),
        ("step_choices[1]", ""),
        ("input", ""),
        ("step_choices", "it gives a list, and Agno takes one name from CEL: it selects nothing"),
    ],
)
def test_a_selector_that_names_no_choice_is_warned_of(
    tmp_path: Path, selector: str, said: str
) -> None:
    choices = [{"type": "Step", "name": name} for name in ("one", "two")]
    step = {"type": "Router", "selector": selector, "choices": choices}
    (tmp_path / "a.json").write_text(json.dumps({"id": "a", "steps": [step]}))
    warnings = [str(warning) for warning in load_scripts(tmp_path).warnings]
    assert len(warnings) == bool(said)
    assert all(f"steps[0].selector: {said}" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("selects", "said"),
    [
        ('["one", "nowhere"]', "mock.selects: there is no choice 'nowhere'"),
        (["two", "twoo"], "mock.selects[1]: there is no choice 'twoo'"),
        ("step_choices[2]", "mock.selects: it selects nothing: 'step_choices[2]' failed"),
        ('input == "x" ? ["one", "two"] : [["two"], []]', ""),
        ("step_choices", ""),
        ([], ""),
    ],
)
def test_choices_that_a_function_cannot_select_are_warned_of(
    tmp_path: Path, selects: Any, said: str
) -> None:
    choices = [{"type": "Step", "name": name} for name in ("one", "two")]
    step = {"type": "Router", "mock": {"selects": selects}, "choices": choices}
    (tmp_path / "a.json").write_text(json.dumps({"id": "a", "steps": [step]}))
    warnings = [str(warning) for warning in load_scripts(tmp_path).warnings]
    assert len(warnings) == bool(said)
    assert all(f"steps[0].{said}" in warning for warning in warnings)


def test_a_router_is_told_its_choices_by_cel_or_by_its_function(tmp_path: Path) -> None:
    text = """
id: a
steps:
  - {type: Router, selector: '"one"', mock: {selects: [one]}, choices: [{type: Step, name: one}]}
"""
    (problem,) = problems_of(tmp_path, a=text)
    assert "mock.selects: the Router has a `selector` in CEL" in problem


# -- what a template may give

HOSTILE = (
    "'x' | center(10**9)",
    "'x' | center(width=input | int)",
    "'x' | indent(10**9, true)",
    "('a\\n' * 4000) | indent(4000)",
    "('a\\n' * 4000) | indent('y' * 4000)",
    "[1, 2] | batch(10**9, 0) | list",
    "[1] | tojson(indent=10**9)",
    "('x' * 4000) | replace('', 'y' * 4000)",
    "('x' * 4000).replace('', 'y' * 4000)",
    "range(4000) | join('y' * 4000)",
    "['a', 'b'] | map('center', 10**9) | join",
    "['y' * 4000] | map('replace', 'y', 'z' * 4000) | join",
    "('y' * 4000).join(['a'] * 4000)",
    "('ab ' * 4000) | wordwrap(1, true, 'y' * 4000)",
    "'x'.center(10**9)",
    "'x'.ljust(10**9)",
    "'x'.zfill(10**9)",
    "'\\t'.expandtabs(10**9)",
    "(1).to_bytes(10**9)",
    "'%1000000000d' % 1",
    "'%.1000000000f' % 1",
    "'%*d' % (10**9, 1)",
    "'%(a)1000000000s' % {'a': 1}",
    "'%1000000000d' | format(1)",
    "'{:1000000000}'.format(1)",
    "'{:{}}'.format(1, 10**9)",
    "'{a:>1000000000}'.format_map({'a': 1})",
)
"""What would make a text of a gigabyte, or of sixteen million characters."""


@pytest.mark.parametrize(
    ("expression", "given"),
    [
        ("'x' | center(5)", "  x  "),
        ("'a\\nb' | indent(2)", "a\n  b"),
        ("[1, 2, 3] | batch(2, 0) | map('list') | list", [[1, 2], [3, 0]]),
        ("[{'a': 1}, {'a': 2}] | join(', ', attribute='a')", "1, 2"),
        ("range(3) | join('-')", "0-1-2"),
        ("['a', 'b'] | map('upper') | join('-')", "A-B"),
        ("'abc' | replace('b', 'xx')", "axxc"),
        ("'%05.1f %s %%' % (1.25, 'order 123456789')", "001.2 order 123456789 %"),
        ("'order 123456789: %s' | format('x')", "order 123456789: x"),
        ("'{:>4}|{b:{w}}|{{123456789}}'.format(1, b=2, w=3)", "   1|  2|{123456789}"),
        ("','.join(['a', 'b'])", "a,b"),
        ("{'a': [1]} | tojson(indent=2)", '{\n  "a": [\n    1\n  ]\n}'),
        ("7 % 4", 3),
        ("(input | int) + 1", 1000000000),
    ],
)
def test_what_is_no_longer_than_it_may_be_is_as_jinja_has_it(
    expression: str, given: object
) -> None:
    assert compile_value(f"{{{{ {expression} }}}}")({"input": "999999999"}) == given


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ 'x' * 10**9 }}", "more than 4,000,000 characters"),
        ("{{ 10**9 * 'x' }} and more", "more than 4,000,000 characters"),
        ("{{ [0] * (input | int) }}", "more than 4,000,000 characters or items"),
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}12345{% endfor %}{% endfor %}",
            "more than 4,000,000 characters",
        ),
        *(
            (f"{{{{ {expression} }}}}", "more than 4,000,000 characters or items")
            for expression in HOSTILE
        ),
        ("{{ 10 ** 5000 }}", "an integer of more than 4300 digits"),
        ("{{ 7 ** (7 ** (7 ** 7)) }}", "an integer of more than 4300 digits"),
        ("{{ 1e308 * 10 }}", "inf is no JSON number"),
        ("{{ [1e308 * 10] }}", "inf is no JSON number"),
        ("{{ {'a': 1e308 * 10 - 1e308 * 10} }}", "nan is no JSON number"),
        ("{{ input.upper }}", "is no JSON value"),
        ("{{ [input] | map('upper') }}", "(generator) is no JSON value"),
        ("{{ {(1, 2): 3} }}", "the key (1, 2) is no text"),
        ("{{ range }}", "is no JSON value"),
    ],
)
def test_what_a_template_gives_is_json_and_bounded(template: str, said: str) -> None:
    with pytest.raises(TemplateProblem, match=r".") as failed:
        compile_value(template)({"input": "999999999"})
    assert said in str(failed.value)


def test_a_message_that_is_long_is_bounded_too() -> None:
    render = compile_value("{{ input }}{{ input }}")
    assert render({"input": "ab"}) == "abab"
    with pytest.raises(TemplateProblem, match="characters"):
        render({"input": "x" * (MAX_LENGTH // 2 + 1)})


@pytest.mark.parametrize("what", [" | length", " | wordcount", " | max", ".title()", ".count('x')"])
def test_filters_and_methods_take_no_longer_text_than_they_make(what: str) -> None:
    render = compile_value(f"{{{{ (input{what}) is defined }}}}")
    assert render({"input": "x"}) is True
    with pytest.raises(TemplateProblem, match="more than 4,000,000 characters"):
        render({"input": "x" * (MAX_LENGTH + 1)})


_LISTS = {"session_state": {"l": list(range(100))}}


def _nested(macro: str, depth: int) -> str:
    return (
        "true" if not depth else f"session_state.l.{macro}(x{depth}, {_nested(macro, depth - 1)})"
    )


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        (_nested("all", 5), "takes more than 100,000 steps"),
        (f"{_nested('all', 5)} || true", "takes more than 100,000 steps"),
        (f"size({_nested('filter', 5)}) > 0", "takes more than 100,000 steps"),
        ("size(session_state.l.reduce(r, i, 'x', r + r)) > 0", "more than 4,000,000 characters"),
    ],
    ids=["nested", "nothing passes over it", "filter", "size"],
)
def test_what_cel_takes_is_bounded(expression: str, said: str) -> None:
    with pytest.raises(CelError, match=said):
        Cel(expression, ("session_state",))(_LISTS)


def test_each_evaluation_has_all_its_steps() -> None:
    expression = Cel("session_state.l.all(x, x >= 0)", ("session_state",))
    assert all(expression(_LISTS) for _ in range(60))  # a thousand of the steps each


_FOR = "{% for x in session_state.l %}"
_END = "{% endfor %}"
_DOUBLES = (
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(30) }}"
)


@pytest.mark.parametrize("template", [_FOR * 5 + _END * 5, _DOUBLES], ids=["loops", "macro"])
def test_the_time_of_a_template_is_bounded(template: str) -> None:
    with pytest.raises(TemplateProblem, match="takes more than 1,000,000 turns of loops"):
        compile_value(template)(_LISTS)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (_FOR + "{% if loop.last %}{{ loop.length }}{% endif %}" + _END, "100"),
        ("{% for x in session_state.l if x > 97 %}{{ x }},{% endfor %}", "98,99,"),
        ("{% for x in [] %}{% else %}none{% endfor %}", "none"),
        (
            "{% for x in [[1, [2]]] recursive %}{{ loop(x) if x is iterable else x }}{% endfor %}",
            "12",
        ),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "a1"),
    ],
)
def test_a_counted_loop_is_jinjas(template: str, text: str) -> None:
    assert compile_value(template)(_LISTS) == text


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ 'ab' * 3 }}{{ 2 ** 10 }}", "ababab1024"),
        ("{{ 2 ** -1 }}", 0.5),
        ("{{ [1] * 2 + [3] }}", [1, 1, 3]),
        ("{{ 2 ** 70 }}", 2**70),
    ],
)
def test_arithmetic_is_as_it_was(template: str, value: object) -> None:
    assert compile_value(template)({}) == value


@pytest.mark.parametrize(
    "template", ["{{ " + "(" * 300 + "1" + ")" * 300 + " }}", "{% if 1 %}" * 99]
)
def test_a_template_that_is_nested_too_deep_is_refused(template: str) -> None:
    with pytest.raises(TemplateProblem, match="no Jinja2 template"):
        compile_value(template)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"title": "T", "thought": 5}, "Input should be a valid string"),
        ({"title": "T", "thought": "x", "confidence": "much"}, "should be a valid number"),
        ({"thought": "true"}, "Input should be a valid string"),  # as Agno hands it on
        ({"title": "T", "thought": "{{ input }}", "confidence": "{{ 0.5 }}"}, ""),
        ({"city": 5}, ""),
    ],
)
def test_a_thought_of_a_wrong_type_is_a_warning(
    tmp_path: Path, args: dict[str, Any], said: str
) -> None:
    mock = {"tools": [{"name": "think", "args": args, "result": "x"}]}
    step = {"type": "Step", "name": "s", "agent": {"id": "a"}, "mock": mock}
    (tmp_path / "w.json").write_text(json.dumps({"id": "w", "steps": [step]}), encoding="utf-8")
    warnings = [str(warning) for warning in load_scripts(tmp_path).warnings]
    assert len(warnings) == bool(said)
    assert all("tools[0].args: it is no reasoning step" in each for each in warnings)
    assert all(said in warning for warning in warnings)
