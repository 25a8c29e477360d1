"""Workflows as the API describes them: any script that loads can be described, and served again."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos_contract.json_values import read_json, to_json
from mockserver.app import Settings, create_app
from mockserver.http.descriptions import server_config, workflow_detail
from mockserver.http.hooks import HttpHooks
from mockserver.script.model import Condition, Container, Node, Step
from mockserver.script.problems import ScriptError
from tests.conftest import Serve
from tests.scripts import workflow_from

Script = dict[str, Any]

STEP = {"type": "Step", "name": "a"}
TOOLS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["search", "delegate_task_to_member"])},
        optional={
            "args": st.dictionaries(st.sampled_from(["q", "member_id", "task"]), st.text()),
            "result": st.none() | st.text(),
        },
    ),
    max_size=2,
)
MOCKS = st.fixed_dictionaries(
    {},
    optional={
        "content": st.text() | st.none() | st.lists(st.integers()),
        "chunks": st.lists(st.text(), max_size=2),
        "tools": TOOLS,
        "requests": st.lists(st.fixed_dictionaries({}, optional={"tools": TOOLS}), max_size=2),
    },
)


def executors(depth: int = 2) -> st.SearchStrategy[Script]:
    """Agents and teams, with or without id and name, with members in members."""
    optional: dict[str, st.SearchStrategy[Any]] = {
        "id": st.text(min_size=1) | st.just("x"),
        "name": st.text(min_size=1),
        "description": st.text(),
        "mock": MOCKS,
        "model": st.just({"model": "m"}),
        "tools": st.just({"tools": []}),
    }
    if depth:
        optional["members"] = st.none() | st.lists(executors(depth - 1), max_size=2)
    return st.fixed_dictionaries({}, optional=optional)


def nodes(depth: int = 3) -> st.SearchStrategy[Script]:
    """Steps and containers, any of them with any of the keys of the others."""
    optional: dict[str, st.SearchStrategy[Any]] = {
        "name": st.text(min_size=1) | st.just("a.b[0]"),
        "description": st.text() | st.none(),
        "agent": executors(),
        "team": executors(),
        "agent_id": st.just("by-id"),
        "mock": MOCKS,
    }
    kinds = ["Step"]
    if depth:
        kinds += ["Parallel", "Steps", "Condition", "Loop", "Router"]
        for key in ("steps", "choices", "else_steps"):
            optional[key] = st.lists(nodes(depth - 1), max_size=3)
    return st.fixed_dictionaries({"type": st.sampled_from(kinds)}, optional=optional)


SCRIPTS = st.fixed_dictionaries(
    {"id": st.just("drawn"), "steps": st.lists(nodes(), max_size=3)},
    optional={
        "name": st.text() | st.none(),
        "description": st.text() | st.none(),
        "choices": st.lists(nodes(0), max_size=2),
        "metadata": st.dictionaries(st.text(), st.integers() | st.text()),
        "input_schema": st.just({"type": "object"}),
    },
)


def outline(described: Script) -> Any:
    """The names and types of a description's steps, and of those in them."""
    executor = described.get("agent") or described.get("team") or {}
    inner = (described.get("steps"), described.get("else_steps"), executor.get("members"))
    return [described.get("type"), described.get("name"), [[*map(outline, i or ())] for i in inner]]


def outline_of(node: Node) -> Any:
    """The same of a script's step, as it was loaded."""
    inner: list[tuple[Any, ...]] = [(), (), ()]
    if isinstance(node, Container):
        inner[0] = node.children
    if isinstance(node, Condition):
        inner[1] = node.else_steps
    kinds = [[outline_of(child) for child in children] for children in inner]
    if isinstance(node, Step):
        kinds[2] = [member_of(member) for member in node.executor.members]
    return [type(node).__name__, node.name, kinds]


def member_of(member: Step) -> Any:
    return [None, member.executor.name, [[], [], [*map(member_of, member.executor.members)]]]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(SCRIPTS)
def test_any_script_that_loads_can_be_described_and_its_description_loads(script: Script) -> None:
    try:
        workflow = workflow_from(script)
    except ScriptError:
        return
    described = read_json(to_json(workflow_detail(workflow, HttpHooks())))
    assert to_json(server_config([workflow], HttpHooks()))
    assert [*map(outline, described["steps"])] == [*map(outline_of, workflow.steps)]
    again = workflow_from(described)
    assert [*map(outline_of, again.steps)] == [*map(outline_of, workflow.steps)]


@pytest.mark.parametrize(
    "step",
    [
        {**STEP, "agent": {"id": "x", "members": [{"id": "y"}]}},
        {**STEP, "type": "Router", "steps": [STEP, STEP], "choices": [STEP]},
        {**STEP, "type": "Steps", "steps": [STEP], "choices": [STEP, STEP]},
        {**STEP, "type": "Loop", "steps": [STEP, STEP], "choices": []},
    ],
)
def test_what_was_a_500_is_described(serve: Serve, step: Script) -> None:
    workflow = workflow_from({"id": "odd", "steps": [step]})
    url = serve(create_app(Settings(workflows={"odd": workflow})))
    with httpx2.Client(base_url=url, timeout=30) as client:
        for path in ("/workflows/odd", "/workflows", "/config"):
            assert client.get(path).status_code == 200
        assert [*map(outline, client.get("/workflows/odd").json()["steps"])] == [
            outline_of(workflow.steps[0])
        ]


def test_an_agent_is_described_as_agentos_does() -> None:
    tools = [{"name": "pay", "requires_confirmation": True}, {"name": "look", "result": "x"}]
    mock = {"content": {"a": 1}, "content_type": "Note", "requests": [{"tools": tools}]}
    agent = {"id": "a", "name": "A", "role": "r", "system_message": {"markdown": True}}
    workflow = workflow_from({"id": "w", "steps": [{**STEP, "agent": agent, "mock": mock}]})
    (step,) = workflow_detail(workflow, HttpHooks())["steps"]
    described = step["agent"]
    keys = ["id", "name", "role", "model", "tools", "system_message", "response_settings"]
    assert [*described] == [*keys, "is_component"]
    assert described["response_settings"] == {"output_schema_name": "Note"}
    waits = [tool.get("requires_confirmation") for tool in described["tools"]["tools"]]
    assert waits == [True, None]
