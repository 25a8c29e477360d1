"""Workflows, drawn: every type of step, nested and mixed, with all that a script can say."""

from __future__ import annotations

import json
from typing import Any, Literal

from hypothesis import strategies as st

from tests.differential.servers import Case

Json = dict[str, Any]

NAMES = st.sampled_from(
    ["a", "b", "step two", "Ünï", "x\ny", "東京 😀", '"', "{b}", "a/b", "None", " a ", "0"]
) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3)

# No braces: they would begin a template.
PLAIN_TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="{}"), max_size=12
)

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
        "{{ session_state }}",
        "{{ additional_data }} {{ user_id }} {{ run_id }} {{ session_id }}",
        "{{ 'ab' * 40000 }}",
        "{{ input_value }}",
        "{{ input_value.city if input_value is mapping else input_value }}",
        "{{ previous_step_value }}",
        "{{ previous_step_values }}",
        "{{ previous_step_value.k if previous_step_value is mapping else 0 }}",
    ]
)
VALUES = st.sampled_from(
    [
        {"k": [1, "{{ input }}"]},
        ["x", {"y": None}],
        {},
        [],
        ["a", "b"],
        {"n": "{{ session_state.n }}", "ü": 1.5, "": True},
        {"created": {"deep": [[], {}]}},
        "{{ session_state.n + 0.5 }}",
        "{{ none }}",
        "{{ true }}",
        "{{ [1, input] }}",
        "{{ {'k': attempt} }}",
        "{{ 10 ** 20 }}",
    ]
)
CONTENTS = TEXTS | VALUES | PLAIN_TEXTS
_WHERE = st.fixed_dictionaries(
    {"url": st.sampled_from(["https://a.test/{{ input }}", "https://b.test/x"])},
    optional={"id": st.sampled_from(["m1", "m2"]), "mime_type": st.just("a/b")},
)
MEDIA = {
    "images": _WHERE.flatmap(lambda item: st.sampled_from([item, {**item, "alt_text": "ü"}])),
    "videos": _WHERE.flatmap(lambda item: st.sampled_from([item, {**item, "width": 3, "fps": 25}])),
    "audio": _WHERE.flatmap(lambda item: st.sampled_from([item, {**item, "channels": 2}])),
    "files": _WHERE.map(lambda item: {**item, "mime_type": "text/csv", "name": "f"}),
}
MEMBERS = st.dictionaries(
    st.sampled_from(["k", "city", "a b", "ü"]), TEXTS | VALUES | st.none(), max_size=3
)
"""Of an answer that is a value of a class."""
EXPRESSIONS = st.sampled_from(
    [
        "true",
        "false",
        'input.contains("e")',
        "session_state.n > 1",
        'previous_step_content == "plain"',
        'previous_step_outputs["a"] == "plain"',
        "1 / 0 == 1",
        "size(previous_step_outputs) > 1",
        '"a" in previous_step_outputs',
        "has(session_state.n)",
        "session_state.nothing",
        "session_state.n",
        "previous_step_content",
        "input",
        "size(additional_data) == 0",
        'input == "tea" || 1 / 0 == 1',
        'previous_step_content.startsWith("before")',
        "has(session_state.current_run_id)",
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
        "current_iteration",
        "last_step_content",
        "size(step_outputs) > 1",
        'step_outputs["step_0"] != ""',
        "!all_success",
    ]
)
MESSAGES = (
    st.sampled_from(["tea", "two\nlines", "{{ input }}", "東京 😀", '"\\', "12", "null", " "])
    | st.sampled_from(['{"a": [1, "ü"]}', "a\r\nb", "+ &=%41"])
    | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
)


STATE_CHANGES = st.sampled_from(
    [{"n": "{{ session_state.n + 1 }}"}] * 4
    + [
        {"n": "text"},
        {"deep": {"a": ["{{ input }}", None]}, "n": "{{ session_state.n * 2 }}"},
        {"all": "{{ previous_step_outputs }}"},
        {"n": "{{ session_state.nothing }}"},
        {"current_run_id": "mine"},
    ]
)

CITATIONS = st.fixed_dictionaries(
    {"urls": st.lists(st.sampled_from([{"url": "https://c.test/", "title": "{{ input }}"}, {}]))},
    optional={
        "search_queries": st.lists(st.sampled_from(["q", ""]), max_size=2),
        "documents": st.just([{"cited_text": "x"}]),
        "raw": st.sampled_from([{"a": 1, "b": None}, "text"]),
    },
)
_THOUGHTS = st.fixed_dictionaries(
    {"thought": st.sampled_from(["hm {{ input }}", ""])},
    optional={
        "title": st.sampled_from(["T", ""]),
        "action": st.sampled_from(["look", ""]),
        "confidence": st.sampled_from([1, 0.25]),
    },
).map(lambda args: {"name": "think", "args": args})
_ANALYSES = st.fixed_dictionaries(
    {"title": st.sampled_from(["T", "{{ input }}"])},
    optional={
        "result": st.sampled_from(["r", ""]),
        "analysis": st.just("an"),
        "next_action": st.sampled_from(["continue", "Final", "validate", "else"]),
        "confidence": st.just(0.5),
    },
).map(lambda args: {"name": "analyze", "args": args})
_NO_THOUGHTS = st.sampled_from(
    [
        {"name": "think", "args": {"thought": 5}},
        {"name": "think", "args": {"title": "T", "thought": "hm", "confidence": "much"}},
        {"name": "analyze", "args": {"title": "TRUE"}},
        {"name": "analyze", "args": {"title": "T", "next_action": None}},
    ]
)
"""Of types that Agno's reasoning steps do not take."""
_GIVEN = st.fixed_dictionaries(
    {"name": st.just("camera"), "result": st.just("seen")},
    optional={kind: st.lists(item, min_size=1, max_size=2) for kind, item in sorted(MEDIA.items())},
)
TOOLS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["weather", "search"]),
        "args": st.sampled_from(
            [
                {},
                {"city": "Oslo"},
                {"deep": {"q": "ü"}},
                {"a": " None ", "b": "TRUE", "c": "x" * 60},
            ]
        ),
    }
).flatmap(
    lambda tool: (
        st.fixed_dictionaries(
            {"result": st.sampled_from(["sunny", "", "two\nlines", {"k": 1}])}
        ).map(lambda answer: {**tool, **answer})
        | st.sampled_from(["no such city", ""]).map(lambda error: {**tool, "error": error})
    )
) | st.one_of(
    st.tuples(
        _THOUGHTS | _ANALYSES | _NO_THOUGHTS, st.sampled_from([{"result": "x"}, {"error": "e"}])
    ).map(lambda parts: parts[0] | parts[1]),
    _GIVEN,
)
WAITING_TOOLS = st.sampled_from(
    ["requires_confirmation", "requires_user_input", "external_execution"]
).map(lambda key: {"name": f"waits {key}", "args": {"a": "{{ input }}"}, key: True})
TOKENS = st.fixed_dictionaries(
    {},
    optional={
        "input": st.integers(0, 3),
        "output": st.integers(0, 3),
        "total": st.integers(0, 9),
        "reasoning": st.integers(0, 2),
        "cache_read": st.integers(0, 2),
        "cache_write": st.integers(0, 2),
    },
)


PROMPTS = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["scout", ""]),
        "description": st.sampled_from(["of {n}", "$5 {nobody}"]),
        "system_message": st.fixed_dictionaries(
            {},
            optional={
                "instructions": st.sampled_from(["be brief", ["one {n}", "two"], []]),
                "markdown": st.booleans(),
                "expected_output": st.sampled_from([" a line ", ""]),
                "additional_context": st.just("ctx {n} "),
                "system_message": st.sampled_from(["You are {n}.", ""]),
            },
        ),
    },
)
"""What an agent or a team is told of itself."""


@st.composite
def thoughts(draw: st.DrawFn) -> Json:
    """What a model thinks and uses besides."""
    mock: Json = {}
    if draw(st.integers(0, 3)) == 3:
        mock["reasoning"] = draw(TEXTS | st.lists(TEXTS, max_size=2))
    if draw(st.integers(0, 2)) == 2:
        mock["tokens"] = draw(TOKENS)
    return mock


@st.composite
def requests(draw: st.DrawFn, tools: st.SearchStrategy[Json]) -> Json:
    """One request to a model that asks for tools."""
    request = draw(thoughts())
    if draw(st.booleans()):
        request["content"] = draw(TEXTS)
    request["tools"] = draw(st.lists(tools, min_size=1, max_size=3))
    return request


@st.composite
def teams(draw: st.DrawFn) -> tuple[Json, Json]:
    """A team with members, and what it answers."""
    members: list[Json] = []
    for number in range(draw(st.integers(1, 2))):
        members.append({"id": f"m{number}", "name": f"M {number}", "mock": draw(mocks("agent"))})
    ids = st.sampled_from([member["id"] for member in members] + ["nobody"])
    delegations = st.fixed_dictionaries(
        {"member_id": ids, "task": st.sampled_from(["find {{ input }}", "", "zwei\nZeilen"])}
    ).map(lambda args: {"name": "delegate_task_to_member", "args": args})
    mock = draw(mocks("team"))
    mock.pop("tools", None)
    mock["requests"] = draw(st.lists(requests(delegations | TOOLS), min_size=1, max_size=2))
    if "content_type" in mock:
        _say_no_json(mock)
    return {"id": "tm", "name": "Tm", "members": members}, mock


def _say_no_json(mock: Json) -> None:
    """Agno looks for the JSON of a value of a class in what is said before it, too."""
    for request in mock.get("requests", []):
        if {"content", "chunks"} & set(request):
            request.pop("chunks", None)
            request["content"] = "Let me see. "


BAD = ("{{ input }}",)
"""What `fails` cannot be."""


@st.composite
def mocks(draw: st.DrawFn, executor: str, *, may_wait: bool = False) -> Json:
    """What a step answers."""
    mock: Json = {}
    content = draw(st.none() | (CONTENTS if executor == "function" else TEXTS))
    if content is not None:
        mock["content"] = content
    if executor != "function":
        if draw(st.booleans()):
            mock.pop("content", None)
            mock["chunks"] = draw(st.lists(TEXTS, max_size=3))
        mock.update(draw(thoughts()))
        may_wait = may_wait and draw(st.integers(0, 3)) == 3
        tools = TOOLS | WAITING_TOOLS if may_wait else TOOLS
        if draw(st.booleans()):
            mock["tools"] = draw(st.lists(tools, max_size=2))
        else:
            mock["requests"] = draw(st.lists(requests(tools), max_size=2))
    if executor == "agent" and draw(st.integers(0, 7)) == 7:
        mock["images"] = draw(st.lists(MEDIA["images"], min_size=1, max_size=2))
    if executor == "agent" and draw(st.integers(0, 7)) == 7:
        mock["citations"] = draw(CITATIONS)
    if executor != "function" and draw(st.integers(0, 5)) == 5:
        mock.pop("chunks", None)
        mock |= {"content": draw(MEMBERS), "content_type": "Note"}
        _say_no_json(mock)
    if draw(st.integers(0, 3)) == 3:
        mock["fails"] = draw(
            st.sampled_from(
                [
                    *(1, 2, 9, True, "{{ attempt < 3 }}", "{{ input | length }}", "{{ input }}"),
                    *("attempt < 3", "size(input)", 'input_value == "tea"'),
                ]
            )
        )
        mock["error"] = draw(st.sampled_from(["boom", "Fehler: ü\nzwei", "no {{ attempt }}"]))
        if executor != "function" and draw(st.booleans()):
            mock["fails_after"] = draw(st.integers(0, 4))
            if draw(st.integers(0, 3)) == 3:
                del mock["fails"]
    if executor == "function" and draw(st.integers(0, 7)) == 7:
        mock["success"] = draw(
            st.sampled_from([False, "{{ input == 'x' }}", "{{ attempt }}", 'input == "tea"'])
        )
        if draw(st.booleans()):
            mock["error"] = "why {{ attempt }}"
    if executor == "function" and draw(st.integers(0, 7)) == 7:
        members = st.dictionaries(st.sampled_from(["percent", "note", "k2"]), CONTENTS, max_size=2)
        mock["events"] = [
            {"data": each} for each in draw(st.lists(members, min_size=1, max_size=2))
        ]
    if executor == "function" and draw(st.integers(0, 5)) == 5:
        for kind in sorted(draw(st.sets(st.sampled_from(sorted(MEDIA)), min_size=1))):
            mock[kind] = draw(st.lists(MEDIA[kind], min_size=1, max_size=2))
    if executor == "function" and draw(st.integers(0, 7)) == 7:
        mock["stop"] = draw(
            st.sampled_from([True, "{{ input == 'x' }}", "{{ attempt > 1 }}", "attempt > 1"])
        )
    if executor == "function" and draw(st.integers(0, 3)) == 3:
        mock["runs"] = draw(st.lists(inner_runs(), min_size=1, max_size=2))
        if draw(st.booleans()):
            mock["content"] = draw(st.sampled_from(["{{ answers }}", "so: {{ answers | last }}"]))
    if draw(st.integers(0, 4)) == 4:
        mock["session_state"] = draw(STATE_CHANGES)
    return mock


@st.composite
def inner_runs(draw: st.DrawFn) -> Json:
    """An agent or a team that a function runs within itself."""
    run: Json = {}
    kind = draw(st.sampled_from(["agent", "agent", "team"]))
    if kind == "team":
        run["team"], run["mock"] = draw(teams())
    else:
        run["agent"], run["mock"] = {"id": "in", "name": "In"}, draw(mocks("agent", may_wait=True))
    if draw(st.integers(0, 7)) == 7:
        run[kind] |= {"retries": draw(st.integers(1, 2)), "delay_between_retries": 0}
    passes_on = draw(st.sampled_from([None, "events", "content", "nothing"]))
    if "content_type" in run["mock"] or "'content_type'" in repr(run.get("team")):
        passes_on = "nothing"
    return run if passes_on is None else {**run, "passes_on": passes_on}


@st.composite
def plain_steps(draw: st.DrawFn, executors: tuple[str, ...]) -> Json:
    executor = draw(st.sampled_from(executors))
    mock = draw(mocks(executor, may_wait=executor == "agent"))
    step: Json = {"type": "Step", "name": draw(NAMES), "mock": mock}
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
        if draw(st.integers(0, 3)) == 3:
            step[executor] |= draw(PROMPTS)
        if executor == "team" and draw(st.booleans()):
            step["team"], step["mock"] = draw(teams())
        if draw(st.integers(0, 7)) == 7:
            step[executor] |= {"retries": draw(st.integers(1, 2)), "delay_between_retries": 0}
    elif draw(st.integers(0, 3)) == 3:
        step["executor_ref"] = "fn"
    return step


def trees(executors: tuple[str, ...]) -> st.SearchStrategy[Json]:
    """A step, or a container of steps and containers."""
    return st.recursive(plain_steps(executors), containers, max_leaves=10)


OF_VALUES = st.sampled_from(
    [
        'has(input_value.city) && input_value.city == "Oslo"',
        "previous_step_value.k == 1",
        'type(previous_step_value) == map && "k" in previous_step_value',
        "size(previous_step_values) > 1",
        "previous_step_values.a.k",
    ]
)
ENDS = st.sampled_from(
    [
        "all_success",
        "last_step_value.k == 1",
        "size(step_values) > 1",
        'last_step_content == "plain"',
        '"a" in step_values && step_values.a == step_outputs.a',
        "1 / 0 == 1",
    ]
)


def selections(names: list[str]) -> st.SearchStrategy[Any]:
    """What a Router's selector function answers: names, also unknown ones and twice, or CEL."""
    listed = st.lists(st.sampled_from([*names, "zebra", "step_1"]), max_size=4)
    nested = st.lists(listed, max_size=2)
    conditions = st.sampled_from(['input.contains("e")', "session_state.n > 1", "true"])
    return (
        listed
        | st.sampled_from(
            ["step_choices", "step_choices[0]", "1 / 0", "1", "[1]", "null", "session_state", "{}"]
        )
        | (listed | nested).map(_cel)
        | st.tuples(conditions, listed, listed).map(
            lambda parts: f"{parts[0]} ? {_cel(parts[1])} : {_cel(parts[2])}"
        )
        | st.sampled_from(
            [
                '"a" in step_choices ? ["a"] : step_choices',
                "size(previous_step_values) > 1 ? step_choices : []",
                "has(input_value.city) ? step_choices : [step_choices[0]]",
                'input_value.city == "Oslo" ? step_choices : []',
            ]
        )
    )


def _cel(value: Any) -> str:
    """A list of texts in CEL, whose literals are not quite JSON's."""
    return json.dumps(value)


@st.composite
def containers(draw: st.DrawFn, inner: st.SearchStrategy[Json]) -> Json:
    kind = draw(st.sampled_from(KINDS))
    children = draw(st.lists(inner, min_size=1, max_size=3))
    return draw(containers_of(children, inner, kind))


@st.composite
def containers_of(
    draw: st.DrawFn, children: list[Json], inner: st.SearchStrategy[Json], kind: str
) -> Json:
    """A container of these, and of others for its `else_steps`."""
    node: Json = {"type": kind}
    if draw(st.integers(0, 23)) != 23:
        node["name"] = draw(NAMES)
    if draw(st.integers(0, 7)) == 7:
        node["description"] = draw(NAMES)
    if kind == "Router":
        node["choices"] = children
        if draw(st.integers(0, 2)) == 2:
            node["mock"] = {
                "selects": draw(selections([c["name"] for c in children if "name" in c]))
            } | draw(RAISING)
            return node
        selectors = [json.dumps(child["name"]) for child in children if "name" in child]
        selectors += ['"zebra"', '"step_1"', '""', "step_choices[0]", "step_choices[9]", "1 / 0"]
        selector = draw(st.none() | st.sampled_from(selectors))
        if selector is not None:
            node["selector"] = selector
        return node
    node["steps"] = children
    if kind == "Condition" and draw(st.integers(0, 3)) == 3:
        node["mock"] = {"evaluates": draw(st.booleans() | EXPRESSIONS | OF_VALUES)} | draw(RAISING)
    elif kind == "Condition":
        evaluator = draw(st.none() | st.booleans() | EXPRESSIONS)
        if evaluator is not None:
            node["evaluator"] = evaluator
    if kind == "Condition" and draw(st.booleans()):
        node["else_steps"] = draw(st.lists(inner, min_size=1, max_size=2))
    if kind == "Loop":
        maximum = draw(st.none() | st.integers(0, 3))
        if maximum is not None:
            node["max_iterations"] = maximum
        if draw(st.integers(0, 3)) == 3:
            node["mock"] = {"ends": draw(st.booleans() | ENDS)}
        elif draw(st.booleans()):
            node["end_condition"] = draw(st.booleans() | END_CONDITIONS)
    return node


RAISING = st.integers(0, 3).flatmap(
    lambda kind: (
        st.just({})
        if kind
        else st.fixed_dictionaries(
            {
                "fails": st.booleans()
                | EXPRESSIONS
                | st.sampled_from(["{{ input == 'tea' }}", "{{ 2 }}"])
            },
            optional={"error": st.sampled_from(["boom", "ü {{ previous_step_content }}"])},
        )
    )
)
"""Whether the function raises that a Condition or a Router decides by."""
KINDS = ("Steps", "Parallel", "Condition", "Loop", "Router")


@st.composite
def shafts(draw: st.DrawFn, executors: tuple[str, ...]) -> Json:
    """A step deep down, in containers of one or two."""
    inner = plain_steps(executors)
    node = draw(inner)
    for _ in range(draw(st.integers(3, 8))):
        beside = draw(st.lists(inner, max_size=1))
        node = draw(containers_of([node, *beside], inner, draw(st.sampled_from(KINDS))))
    return node


ALL = ("function", "agent", "team")

STATES: st.SearchStrategy[Json] = st.sampled_from(
    [{"n": 0}, {"n": 0}, {"n": 0, "list": [1, {"a": None}], "ü": "東"}, {"n": "1"}, {}]
)
INPUT_SCHEMA: Json = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "at": {"anyOf": [{"type": "number"}, {"type": "null"}]},
    },
    "required": ["city"],
}
TYPED_MESSAGES = st.sampled_from(
    [
        {"city": "Oslo"},
        {"city": "Zürich", "days": 3, "tags": ["a", "ü"], "at": 1.5},
        {"tags": [], "city": ""},
        {"city": "Oslo", "at": None},
        {"city": "Oslo", "more": 1},
        {"city": 7},
        {},
    ]
).map(json.dumps)


FIELDS = st.lists(
    st.fixed_dictionaries(
        {"name": NAMES},
        optional={
            "field_type": st.sampled_from(["str", "int", "bool"]),
            "description": NAMES,
            "required": st.booleans(),
            "allowed_values": st.lists(NAMES, max_size=2),
        },
    ),
    max_size=2,
)


def askings(kind: str) -> st.SearchStrategy[Json]:
    """What has a run pause at a step."""
    confirmed: Json = {"requires_confirmation": st.just(True)}
    given: Json = {"requires_user_input": st.just(True)}
    of_confirmation = {
        "confirmation_message": NAMES,
        "on_reject": st.sampled_from(["skip", "cancel"] + ["else"] * (kind == "Condition")),
    }
    of_input = {"user_input_message": NAMES, "user_input_schema": FIELDS}
    asked = [st.fixed_dictionaries(confirmed, optional=of_confirmation)]
    if kind in ("Step", "Router"):
        more = {"allow_multiple_selections": st.booleans()} if kind == "Router" else {}
        asked.append(st.fixed_dictionaries(given, optional={**of_input, **more}))
        every = {**of_confirmation, **of_input, **more}
        asked.append(st.fixed_dictionaries({**confirmed, **given}, optional=every))
    if kind == "Step":
        asked.append(st.just({"on_error": "pause"}))
    return st.one_of(asked)


FUNCTIONS = st.fixed_dictionaries(
    {
        "content": PLAIN_TEXTS
        | st.sampled_from(
            [
                *("{{ input }}", "before: {{ input_value }}", "{{ additional_data }}", "{{ 1.5 }}"),
                *({"k": [1, "{{ input }}"]}, ["x", {"y": None}], "{{ input_value.city }}"),
            ]
        )
    },
    optional={
        "fails": st.sampled_from([True, "{{ input == 'tea' }}", 'input_value == "tea"', "input"]),
        "error": st.sampled_from(["boom", "Fehler: ü\nzwei {{ input }}"]),
    },
)
"""What a function answers that stands in the place of steps."""


@st.composite
def cases(draw: st.DrawFn, executors: tuple[str, ...] = ALL) -> Case:
    """A workflow and a message for it."""
    script: Json = {}
    if draw(st.integers(0, 15)) != 15:
        script["session_state"] = draw(STATES)
    if draw(st.integers(0, 7)) != 7:
        script["name"] = draw(NAMES)
    if draw(st.integers(0, 7)) == 7:
        script["description"] = draw(NAMES)
    for setting in ("stream_executor_events", "store_executor_outputs"):
        if draw(st.integers(0, 11)) == 11:
            script[setting] = False
    message = draw(MESSAGES)
    if draw(st.integers(0, 11)) == 11:
        script["input_schema"] = INPUT_SCHEMA
        message = draw(TYPED_MESSAGES)
    roots = draw(st.sampled_from([trees(executors)] * 6 + [shafts(executors)]))
    if draw(st.integers(0, 31)) == 31:
        script["mock"] = draw(FUNCTIONS)
    else:
        count = draw(st.sampled_from([3, 3, 9]))
        script["steps"] = draw(st.lists(roots, min_size=1, max_size=count))
    pauses = "steps" in script and draw(st.integers(0, 7)) == 7
    if pauses or ("steps" in script and draw(st.integers(0, 7)) == 7):
        asking = draw(st.sampled_from(script["steps"]))
        asking |= draw(askings(asking["type"]))
    form = {}
    if draw(st.integers(0, 5)) == 5:
        form["session_state"] = draw(st.sampled_from(['{"n": 5}', '{"n": "5", "ü": [1]}', "{}"]))
    if draw(st.integers(0, 7)) == 7:
        form["user_id"] = draw(st.sampled_from(["", "ü 東", "bob@example.org"]))
    session: Literal["given", "shared", "fresh"] = draw(
        st.sampled_from(["given", "given", "given", "shared", "fresh"])
    )
    return Case(script, message, form, session, pauses)
