"""Workflows, drawn: every type of step, nested and mixed, with all that a script can say."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.differential.servers import Case

Json = dict[str, Any]

NAMES = st.sampled_from(["a", "b", "step two", "Ünï", "x\ny", "東京 😀", '"', "{b}"])

TEXTS = st.sampled_from(
    [
        "plain",
        "",
        " ",
        "two\nlines\r\n",
        "東京 😀",
        "{{ input }}",
        "before: {{ previous_step_content }}",
        "{{ session_state.n }}",
        "try {{ attempt }}",
        "{{ previous_step_outputs }}",
        "{% if session_state.n > 1 %}many{% else %}few{% endif %}",
        "{{ session_state.nothing }}",
    ]
)
CONTENTS = st.one_of(
    TEXTS,
    st.sampled_from([{"k": [1, "{{ input }}"]}, ["x", {"y": None}], {}, []]),
)
EXPRESSIONS = st.sampled_from(
    [
        "true",
        "false",
        'input.contains("e")',
        "session_state.n > 1",
        'previous_step_content == "plain"',
        'previous_step_outputs["a"] == "plain"',
        "1 / 0 == 1",
    ]
)
END_CONDITIONS = st.sampled_from(
    [
        "current_iteration >= 2",
        "all_success",
        'last_step_content == "plain"',
        'step_outputs["a"] == "plain"',
        "current_iteration == max_iterations",
        "1 / 0 == 1",
    ]
)
MESSAGES = st.sampled_from(["tea", "two\nlines", "{{ input }}", "東京 😀", '"\\', "12", "null"])


@st.composite
def mocks(draw: st.DrawFn, executor: str) -> Json:
    """What a step answers."""
    mock: Json = {}
    content = draw(st.none() | (CONTENTS if executor == "function" else TEXTS))
    if content is not None:
        mock["content"] = content
    if executor != "function":
        if draw(st.booleans()):
            mock.pop("content", None)
            mock["chunks"] = draw(st.lists(TEXTS, min_size=1, max_size=3))
        mock["tools"] = draw(
            st.lists(
                st.fixed_dictionaries(
                    {
                        "name": st.sampled_from(["weather", "search"]),
                        "args": st.sampled_from([{}, {"city": "Oslo"}, {"deep": {"q": "ü"}}]),
                        "result": st.sampled_from(["sunny", "", "two\nlines", {"k": 1}]),
                    }
                ),
                max_size=2,
            )
        )
    if draw(st.integers(0, 3)) == 3:
        mock["fails"] = draw(st.sampled_from([1, 2, 9]))
        mock["error"] = draw(st.sampled_from(["boom", "Fehler: ü\nzwei"]))
    if executor == "function" and draw(st.integers(0, 7)) == 7:
        mock["stop"] = True
    if draw(st.integers(0, 4)) == 4:
        mock["session_state"] = {"n": "{{ session_state.n + 1 }}"}
    return mock


@st.composite
def plain_steps(draw: st.DrawFn, executors: tuple[str, ...]) -> Json:
    executor = draw(st.sampled_from(executors))
    step: Json = {"type": "Step", "name": draw(NAMES), "mock": draw(mocks(executor))}
    # Agno's own default is 3.
    retries = draw(st.sampled_from([0, 0, 1, 2, None]))
    if retries is not None:
        step["max_retries"] = retries
    if draw(st.integers(0, 3)) == 3:
        step["skip_on_failure"] = True
    if draw(st.integers(0, 7)) == 7:
        step["on_error"] = draw(st.sampled_from(["skip", "fail"]))
    if executor != "function":
        step[executor] = {"id": "ag", "name": "Ag"}
    elif draw(st.integers(0, 3)) == 3:
        step["executor_ref"] = "fn"
    return step


def trees(executors: tuple[str, ...]) -> st.SearchStrategy[Json]:
    """A step, or a container of steps and containers."""
    return st.recursive(plain_steps(executors), containers, max_leaves=10)


@st.composite
def containers(draw: st.DrawFn, inner: st.SearchStrategy[Json]) -> Json:
    kind = draw(st.sampled_from(["Steps", "Parallel", "Condition", "Loop", "Router"]))
    children = draw(st.lists(inner, min_size=1, max_size=3))
    node: Json = {"type": kind, "name": draw(NAMES)}
    if kind == "Router":
        selectors = [json.dumps(child["name"]) for child in children]
        node["choices"] = children
        selectors += ['"zebra"', "step_choices[0]", "1 / 0"]
        node["selector"] = draw(st.sampled_from(selectors))
        return node
    node["steps"] = children
    if kind == "Condition":
        node["evaluator"] = draw(st.booleans() | EXPRESSIONS)
        if draw(st.booleans()):
            node["else_steps"] = draw(st.lists(inner, min_size=1, max_size=2))
    if kind == "Loop":
        node["max_iterations"] = draw(st.integers(1, 3))
        if draw(st.booleans()):
            node["end_condition"] = draw(END_CONDITIONS)
    return node


ALL = ("function", "agent", "team")


@st.composite
def cases(draw: st.DrawFn, executors: tuple[str, ...] = ALL) -> Case:
    """A workflow and a message for it."""
    script: Json = {"session_state": {"n": 0}}
    if draw(st.integers(0, 7)) != 7:
        script["name"] = draw(NAMES)
    script["steps"] = draw(st.lists(trees(executors), min_size=1, max_size=3))
    return Case(script, draw(MESSAGES))
