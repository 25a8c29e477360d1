"""The interpreter of plain faults: each verb, each condition, and what it refuses to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentos_contract.deviations import INVENTED, load_deviations
from agentos_contract.variations import VARIATIONS_FILE
from mockserver.engine.actions import Event
from mockserver.faults import registry
from mockserver.faults.changes import Changes
from mockserver.faults.exchange import Request, Response, Server
from mockserver.faults.memory import MAX_MARKS, FaultState, Memories, Memory
from mockserver.faults.rules import (
    EventRule,
    FormRule,
    FrameRule,
    ResponseRule,
    RuleError,
    read_rule,
)

RUN: Any = None
EVENTS: list[Event] = [
    {"event": "WorkflowStarted", "n": 1},
    {"event": "ParallelExecutionStarted", "step_id": "p"},
    {"event": "StepStarted", "step_id": "a", "parent_step_id": "p", "n": 2},
    {"event": "StepStarted", "step_id": "b", "parent_step_id": "p"},
    {"event": "StepCompleted", "step_id": "a", "parent_step_id": "p", "is_last": False},
    {"event": "ParallelExecutionCompleted", "step_id": "p"},
    {"event": "StepStarted", "step_id": "c"},
    {"event": "WorkflowCompleted", "n": 3},
]


def sent(rule: dict[str, Any], events: list[Event] = EVENTS) -> list[Event]:
    """The events of a run as they are sent with this rule."""
    read = read_rule(rule)
    assert isinstance(read, EventRule)
    state, notes = FaultState(RUN, Memory(), list), dict[str, Any]()
    found: list[Event] = []
    for event in events:
        before = dict(event)
        found += read(event, state, notes)
        assert event == before, "an event is left as it is"
        state.before.add(event["event"])
    return found


LETTERS = {
    "WorkflowStarted": "W",
    "WorkflowCompleted": "w",
    "ParallelExecutionStarted": "P",
    "ParallelExecutionCompleted": "p",
}


def letter(event: Event) -> str:
    """W and w are the workflow's start and end, P and p the Parallel's, A and a those of step a."""
    if event["event"] == "StepStarted":
        return str(event["step_id"]).upper()
    if event["event"] == "StepCompleted":
        return str(event["step_id"])
    return LETTERS.get(event["event"], "*")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"drop": "StepStarted"}, "WPapw"),
        ({"drop": ["StepStarted", "StepCompleted"]}, "WPpw"),
        ({"drop": "any", "within": "Parallel"}, "WPpCw"),
        ({"drop": "StepStarted", "within": "Loop"}, "WPABapCw"),
        ({"drop": "StepStarted", "only": "first"}, "WPBapCw"),
        ({"drop": "StepStarted", "since": "StepCompleted"}, "WPABapw"),
        ({"drop": "StepStarted", "where": {"parent_step_id": None}}, "WPABapw"),
        ({"drop": "StepStarted", "where": {"n": True}}, "WPBapCw"),
        ({"drop": "StepCompleted", "where": {"is_last": False}}, "WPABpCw"),
        ({"drop": "StepCompleted", "where": {"is_last": True}}, "WPABapCw"),
        ({"repeat": "StepStarted", "only": "first"}, "WPAABapCw"),
        ({"repeat": "StepStarted", "after": "WorkflowCompleted"}, "WPABapCwC"),
        ({"repeat": "WorkflowStarted", "before": "ParallelExecutionStarted"}, "WWPABapCw"),
        ({"rename": "StepCompleted", "to": "CustomEvent"}, "WPAB*pCw"),
        ({"insert": "StepProgress", "before": "StepStarted"}, "WP*A*Bap*Cw"),
        ({"insert": "StepProgress", "after": "StepStarted", "only": "first"}, "WPA*BapCw"),
        ({"move": "WorkflowStarted", "after": "StepStarted"}, "PAWBapCw"),
        ({"move": "WorkflowStarted", "after": "any"}, "PWABapCw"),
        # What never comes to its place comes before the run's last event.
        ({"move": "StepCompleted", "after": "LoopExecutionStarted"}, "WPABpCaw"),
        ({"move": "StepStarted", "after": "any", "since": "StepCompleted"}, "WPABapCw"),
    ],
    ids=str,
)
def test_which_events_are_sent(rule: dict[str, Any], expected: str) -> None:
    assert "".join(map(letter, sent(rule))) == expected


def test_members_are_changed_of_the_events_that_are_named_or_have_them() -> None:
    assert [event.get("n") for event in sent({"add": {"n": 10}})] == [11, None, 12, *[None] * 4, 13]
    named = sent({"set": {"n": 0}, "on": "StepCompleted"})
    assert [event.get("n") for event in named] == [1, None, 2, None, 0, None, None, 3]
    renamed = sent({"rename": "WorkflowCompleted", "to": "CustomEvent", "keep": "n"})
    assert renamed[-1] == {"event": "CustomEvent", "n": 3}
    inserted = sent({"insert": "X", "after": "WorkflowCompleted", "set": {"a": 1}, "remove": "n"})
    assert inserted[-2:] == [EVENTS[-1], {"event": "X", "a": 1}]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"set": {"a": 2}}, {"a": 2, "list": [{"b": 1}, {"b": 2}], "flag": True, "text": "t"}),
        ({"set": {"new.x": 2}}, None),
        ({"set": {"list.0.b": 9}}, {"list": [{"b": 9}, {"b": 2}]}),
        ({"set": {"list.-1.b": 9}}, {"list": [{"b": 1}, {"b": 9}]}),
        ({"set": {"list.2.b": 9}}, None),
        ({"remove": ["a", "list.0"]}, {"a": ..., "list": [{"b": 2}]}),
        ({"remove": "list.-1"}, {"list": [{"b": 1}]}),
        ({"remove": "nothing"}, None),
        ({"copy": {"a": "list.1.b"}}, {"a": 2}),
        ({"copy": {"a": "nothing.b"}}, None),
        ({"add": {"a": -1}, "multiply": {"list.1.b": 10}}, {"a": 0, "list": [{"b": 1}, {"b": 20}]}),
        ({"add": {"text": 1, "flag": 1}}, None),
        ({"negate": ["flag", "a"]}, {"flag": False}),
        ({"keep": ["a", "nothing"]}, {"list": ..., "flag": ..., "text": ...}),
    ],
    ids=str,
)
def test_changes_by_path(changes: dict[str, Any], expected: dict[str, Any] | None) -> None:
    value = {"a": 1, "list": [{"b": 1}, {"b": 2}], "flag": True, "text": "t"}
    wanted = {**value, **(expected or {})}
    changed = Changes.model_validate(changes).changed(value)
    assert changed == {key: member for key, member in wanted.items() if member is not ...}
    assert value == {"a": 1, "list": [{"b": 1}, {"b": 2}], "flag": True, "text": "t"}


def test_a_form_is_changed_where_it_is_one() -> None:
    def fields(rule: dict[str, Any], body: str, content_type: str = "") -> list[tuple[str, str]]:
        read = read_rule({**rule, "on": "form"})
        assert isinstance(read, FormRule)
        media_type = content_type or "application/x-www-form-urlencoded"
        headers = [(b"content-type", media_type.encode())]
        request = Request("POST", "/workflows/x/runs", headers, body.encode(), Server())
        read(request)
        return request.fields

    assert fields({"set": {"a": "2"}}, "a=1&b=1") == [("b", "1"), ("a", "2")]
    assert fields({"default": {"a": "2", "c": "3"}}, "a=1") == [("a", "1"), ("c", "3")]
    assert fields({"remove": "a"}, "a=1&b=1&a=2") == [("b", "1")]
    assert fields({"replace": {"a": "[0-9]"}, "by": "x"}, "a=12&b=1") == [("a", "xx"), ("b", "1")]
    assert fields({"remove": "a", "where": {"a": "1"}}, "a=2") == [("a", "2")]
    assert fields({"remove": "a", "where": {"b": None}}, "a=2") == []
    assert fields({"remove": "a"}, "a=2", "multipart/form-data") == []


def test_a_response_is_changed_where_it_is_meant() -> None:
    def changed(rule: dict[str, Any], status: int, body: str = '{"a": 1}') -> Response:
        read = read_rule(rule)
        assert isinstance(read, ResponseRule)
        request = Request("POST", "/workflows/x/runs", [(b"x-a", b"1")], b"", Server())
        response = Response(request, status, [(b"allow", b"GET")], body.encode())
        read(response)
        return response

    assert changed({"set": {"a": 2}, "on": "batch"}, 200).json == {"a": 2}
    assert changed({"set": {"a": 2}, "on": "batch"}, 404).json == {"a": 1}
    assert changed({"set": {"a": 2}, "on": "batch"}, 200, "[1]").json == [1]
    assert changed({"status": 200, "on": 404}, 404).status == 200
    assert changed({"status": 200, "on": 404}, 405).status == 405
    assert changed({"body": "", "headers": {"Allow": None}, "on": "error"}, 500).headers == []
    several = changed({"headers": {"allow": ["A", "B"]}, "on": "response"}, 200).headers
    assert several == [(b"allow", b"A"), (b"allow", b"B")]
    refused = changed({"answer": {"status": 418, "detail": "no"}, "on": "response"}, 200)
    assert (refused.status, refused.json) == (418, {"detail": "no", "error_code": "ERROR"})
    for where, status in (({"headers.x-a": "1", "run": "x"}, 1), ({"body.a": 2}, 200)):
        assert changed({"status": 1, "on": "batch", "where": where}, 200).status == status


def test_bytes_are_replaced() -> None:
    read = read_rule({"replace": "\\A", "by": "\xef", "only": "first", "on": "stream"})
    assert isinstance(read, FrameRule)
    notes: dict[str, Any] = {}
    assert [read(piece, notes) for piece in (b"a\xff", b"a\xff")] == [b"\xefa\xff", b"a\xff"]


# -- what is refused


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("drop", "expected a verb and what it is done to"),
        ({"drpo": "StepStarted"}, "drpo: not known here; expected some of add, after, before"),
        ({"drop": "StepStartet"}, "drop: there is no event 'StepStartet'"),
        ({"drop": 1}, "drop: "),
        ({"on": "StepStarted"}, "nothing is done to it; expected some of"),
        ({"drop": "StepStarted", "repeat": "StepStarted"}, "expected one of drop, repeat, rename"),
        ({"drop": "StepStarted", "on": "any"}, "drop names its events itself"),
        ({"drop": "StepStarted", "set": {"a": 1}}, "nothing can be changed beside drop"),
        ({"drop": "StepStarted", "after": "any"}, "before and after belong to insert, move"),
        ({"rename": "StepStarted"}, "rename and to belong together"),
        ({"insert": "X"}, "insert: expected before or after, and an event"),
        ({"move": "StepStarted", "before": "any"}, "move: expected after, and an event"),
        ({"drop": "any", "within": "Pool"}, "within: "),
        ({"drop": "any", "only": "second"}, "only: "),
        ({"add": {"a": "x"}}, "add.a: "),
        ({"set": {"a": 1}, "on": "form"}, "set.a: "),
        ({"replace": {"a": "("}, "on": "form"}, "replace.a: Input should be a valid regular"),
        ({"drop": "a", "on": "form"}, "drop: not known here; expected some of by, default"),
        ({"drop": "a", "on": "batch"}, "drop: not known here; expected some of add, answer, body"),
        ({"answer": {"status": 400}, "on": "error"}, "answer.detail: Field required"),
        ({"cut": "later", "on": "stream"}, "cut: "),
        ({"on": 404}, "nothing is done to it"),
    ],
    ids=str,
)
def test_a_rule_that_cannot_be_read_says_what_may_stand_there(rule: Any, said: str) -> None:
    with pytest.raises(RuleError) as refused:
        read_rule(rule)
    assert said in str(refused.value)


def test_the_message_names_file_and_deviation(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(load_deviations()["order.no-start"], does=({"drpo": "WorkflowStarted"},))
    monkeypatch.setattr(registry, "load_deviations", lambda: {broken.id: broken})
    with pytest.raises(ValueError, match=r"invented/engine.yaml: order.no-start: does: drpo: not"):
        registry.register_rules()


def test_every_rule_of_the_catalogues_can_be_read() -> None:
    assert sum(len(rules) for rules in _rules()) > 190


def _rules() -> Iterator[list[Any]]:
    for file in (*sorted(Path(INVENTED).glob("*.yaml")), VARIATIONS_FILE):
        for entry in yaml.safe_load(file.read_text(encoding="utf-8")).values():
            does = entry.get("does", [])
            yield does if isinstance(does, list) else [does]


# -- what faults remember


def test_a_fault_remembers_so_many_ids_and_no_more() -> None:
    memory = Memories().of("session.forgotten")
    assert memory.mark("first")
    assert not memory.mark("first")
    for number in range(MAX_MARKS):
        memory.mark(f"{number}" * 10_000)
    assert not memory.is_marked("first")
    assert memory.is_marked("999" * 10_000)
    assert len(memory._marks) == MAX_MARKS
    assert max(map(len, memory._marks)) == 16
