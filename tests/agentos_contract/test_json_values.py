"""JSON that is read can be written again; what no JSON can say is refused, by its name."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_contract.json_values import (
    MAX_DEPTH,
    MAX_DIGITS,
    BeyondLimits,
    check_json_value,
    read_json,
    to_json,
)
from agentos_contract.judge import RunJudge
from agentos_contract.sse import ServerSentEvent


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1e400", "the number 1e400 is greater than a double can hold"),
        ('{"a": [-1E999]}', "the number -1E999 is greater"),
        ("1" * (MAX_DIGITS + 1), "an integer of more than 4300 digits"),
        ("-" + "9" * 9000, "an integer of more than 4300 digits"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested more than 200 deep"),
        ("[" * 100_000, "nested more than 200 deep"),
    ],
)
def test_what_is_too_great_to_hold_is_beyond_limits(text: str, why: str) -> None:
    with pytest.raises(BeyondLimits, match=why):
        read_json(text)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "-Infinity", '"\\ud800"', "01", "+1", ""])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        read_json(text)
    assert not isinstance(refused.value, BeyondLimits)


@pytest.mark.parametrize(
    ("text", "value"),
    [("-0", 0), ("-0.0", -0.0), ("1e-400", 0.0), ("1e308", 1e308), (str(10**400), 10**400)],
)
def test_numbers_at_the_edge_are_read_and_written(text: str, value: Any) -> None:
    assert read_json(text) == value
    assert read_json(to_json(read_json(text))) == value


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON_VALUES)
def test_what_is_read_can_be_written(value: Any) -> None:
    try:
        read = read_json(json.dumps(value))
    except ValueError:
        return  # Infinity, or half of a surrogate pair
    check_json_value(read)
    assert read_json(to_json(read)) == read


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (math.nan, "nan is no JSON number"),
        ({"a": [math.inf]}, "inf is no JSON number"),
        ({math.nan: 1}, "nan is no JSON number"),
        ([10**MAX_DIGITS], "more than 4300 digits"),
        ({(1, 2): 3}, r"the key \(1, 2\) is no text"),
        ([{1}], r"\{1\} \(set\) is no JSON value"),
        ("x".upper, "builtin_function_or_method"),
    ],
)
def test_a_value_that_json_cannot_say_is_named(value: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_json_value(value)


def test_nesting_that_contains_itself_is_too_deep() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(BeyondLimits):
        check_json_value(value)


@pytest.mark.parametrize("value", [2**70 + 1j, {2**70: math.nan}])
def test_what_is_no_json_is_not_written(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        to_json(value)


def test_an_event_with_a_number_that_no_client_can_hold_is_reported_by_it() -> None:
    judge = RunJudge()
    data = '{"event": "WorkflowStarted", "x": 1e400}'
    (violation,) = judge.receive(ServerSentEvent("WorkflowStarted", data))[:1]
    assert violation.requirement == "event.data-json"
    assert "the number 1e400 is greater than a double can hold" in violation.message
