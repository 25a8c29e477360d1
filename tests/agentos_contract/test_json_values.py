"""JSON that is read can be written again; what no JSON can say is refused, by its name."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_contract.json_values import (
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_VALUES,
    BeyondLimits,
    check_json_value,
    read_json,
    to_json,
    unlike,
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


@pytest.mark.parametrize(
    "text",
    [
        lambda: "[" + "[]," * (MAX_VALUES // 2) + "0]",
        lambda: "{" + ",".join(f'"{n:x}":{{}}' for n in range(MAX_VALUES // 2 + 1)) + "}",
    ],
)
def test_many_values_are_beyond_limits(text: Callable[[], str]) -> None:
    with pytest.raises(BeyondLimits, match="more than 1,000,000 values"):
        read_json(text())


def test_commas_in_a_text_are_no_values() -> None:
    text = ", [{" * MAX_VALUES
    assert read_json(json.dumps([text])) == [text]


LONG = "The quick brown fox jumps over the lazy dog. " * 20


@pytest.mark.parametrize(
    ("one", "other", "shown"),
    [
        ("a", "b", ("'a'", "'b'")),
        (None, "b", ("None", "'b'")),
        (LONG + "here", LONG + "there", (r"…'.*here'", r"…'.*there'")),
        (LONG + "x" + LONG, LONG + "y" + LONG, (r"…'.*xThe quick.*'…", r"…'.*yThe quick.*'…")),
        (LONG, LONG[:500], (r"…'.{80}'…", r"…'.{40}'")),
        (LONG, "x" + LONG, (r"'The quick .*'…", r"'xThe quick .*'…")),
        ([LONG, 1, LONG], [LONG, 2, LONG], (r"….*', 1, 'The .*…", r"….*', 2, 'The .*…")),
        ({"a": LONG}, None, (r"{'a': .*…", "None")),
        ("it's " + LONG, "it's " + LONG + "!", (r"…'.*dog\. '", r"…'.*dog\. !'")),
    ],
)
def test_two_that_differ_are_cut_where_they_differ(
    one: Any, other: Any, shown: tuple[str, str]
) -> None:
    for values, patterns in (((one, other), shown), ((other, one), shown[::-1])):
        for text, pattern in zip(unlike(*values), patterns, strict=True):
            assert re.fullmatch(pattern, text), (text, pattern)


@given(st.text(), st.text(), st.text(max_size=100), st.text(max_size=100))
def test_what_differs_is_always_seen(before: str, after: str, one: str, other: str) -> None:
    first, second = before * 30 + one + after * 30, before * 30 + other + after * 30
    shown = unlike(first, second)
    assert (shown[0] == shown[1]) == (first == second)
    assert all(len(text) < 1000 for text in shown)
