"""Schemas compared: what is told of two is what their values show."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract_tests.drift.changes import Impact
from contract_tests.drift.schemas import Direction, SchemaComparison
from contract_tests.drift.values import ValueComparison
from contract_tests.drift.views import TYPES, TooInvolved, View, Views

LEAVES: list[Any] = [None, True, False, 0, 1, 7, -3, 1.5, "", "a", "b", "long text", [], {}]
VALUES: list[Any] = [
    *LEAVES,
    *([leaf] for leaf in LEAVES),
    *({key: leaf} for leaf in LEAVES for key in "ab"),
    *({"a": 1, "b": leaf} for leaf in LEAVES),
    *({"a": "a", "b": leaf} for leaf in LEAVES),
    {"a": {"a": 1}},
    {"a": {"a": "a", "b": 1}},
    {"a": {}, "b": [{}]},
    [{"a": 1}, {"b": "b"}],
    [["a"], [1]],
]

TYPE_NAMES = ["null", "boolean", "integer", "number", "string"]


def objects(member: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    # An object that names no property leaves open which there are, and is not compared.
    properties = st.dictionaries(st.sampled_from("ab"), member, min_size=1)
    required = st.lists(st.sampled_from("ab"), unique=True)
    closed = st.sampled_from([{}, {}, {"additionalProperties": False}])
    return st.builds(
        lambda named, must, more: {
            "type": "object",
            "properties": named,
            "required": [name for name in must if name in named],
            **more,
        },
        properties,
        required,
        closed,
    )


def nullable(schema: Any) -> Any:
    return {"anyOf": [schema, {"type": "null"}]}


def _leaves() -> st.SearchStrategy[Any]:
    types = st.lists(st.sampled_from(TYPE_NAMES), min_size=1, max_size=3, unique=True)
    return st.one_of(
        types.map(lambda names: {"type": names if len(names) > 1 else names[0]}),
        st.lists(st.sampled_from([None, 1, "a", "b"]), min_size=1, max_size=3, unique=True).map(
            lambda values: {"enum": values}
        ),
        st.integers(0, 3).map(lambda length: {"type": "string", "minLength": length}),
        st.integers(0, 3).map(lambda most: {"type": "integer", "maximum": most}),
    )


LEAF_SCHEMAS = _leaves()


def _schemas() -> st.SearchStrategy[Any]:
    """Schemas in which every place says something."""
    nested = st.recursive(
        LEAF_SCHEMAS,
        lambda member: st.one_of(
            objects(member),
            member.map(lambda items: {"type": "array", "items": items}),
            objects(member).map(nullable),
            member.map(lambda schema: {"allOf": [schema]}),
            st.tuples(LEAF_SCHEMAS, LEAF_SCHEMAS).map(lambda both: {"allOf": list(both)}),
        ),
        max_leaves=5,
    )
    return st.one_of(objects(LEAF_SCHEMAS), objects(objects(LEAF_SCHEMAS)), nested)


SCHEMAS = _schemas()


def nodes(schema: Any) -> list[dict[str, Any]]:
    """A schema and those within it."""
    if not isinstance(schema, dict):
        return []
    inner = [*schema.get("properties", {}).values(), *schema.get("allOf", [])]
    inner += [*schema.get("anyOf", []), schema.get("items")]
    return [schema, *(node for one in inner for node in nodes(one))]


@st.composite
def related(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two schemas, the second with one change: independent ones always differ in plain ways."""
    schema = draw(SCHEMAS)
    changed = copy.deepcopy(schema)
    node = draw(st.sampled_from(nodes(changed)))
    which = draw(st.integers(0, 6))
    if "properties" in node and which < 5:
        name = draw(st.sampled_from("ab"))
        match which:
            case 0:
                node["properties"].setdefault(name, draw(SCHEMAS))
            case 1 if len(node["properties"]) > 1:
                node["properties"].pop(name, None)
                node["required"] = [one for one in node["required"] if one != name]
            case 2:
                node["required"] = list(node["properties"])
            case 3:
                node["required"] = []
            case _:
                node["additionalProperties"] = draw(st.booleans())
    elif "enum" in node and which < 4:
        node["enum"] = draw(st.lists(st.sampled_from([None, 1, "a"]), min_size=1, unique=True))
    elif which < 3 and ("minLength" in node or "maximum" in node):
        node.pop("minLength", None)
        node.pop("maximum", None)
    elif which < 4 and node.get("type") in ("string", "integer"):
        keyword = "minLength" if node["type"] == "string" else "maximum"
        node[keyword] = draw(st.integers(0, 4))
    else:
        inner = copy.deepcopy(node)
        node.clear()
        node.update(nullable(inner) if which < 6 else draw(SCHEMAS))
    return (schema, changed) if draw(st.booleans()) else (changed, schema)


def differences(kit: Any, server: Any, direction: Direction) -> list[Any]:
    comparison = SchemaComparison(Views({}), Views({}), direction)
    return list(comparison.compare(kit, server))


def validator(schema: Any) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema)


@given(related())
@settings(max_examples=120, deadline=None)
def test_where_nothing_is_told_every_value_goes_through(pair: tuple[Any, Any]) -> None:
    one, other = pair
    for direction in Direction:
        if differences(one, other, direction):
            continue
        sent, read = (one, other) if direction is Direction.REQUEST else (other, one)
        may_be_sent, is_read = validator(sent), validator(read)
        for value in VALUES:
            if may_be_sent.is_valid(value):
                assert is_read.is_valid(value), (direction, value)


@given(SCHEMAS)
@settings(deadline=None)
def test_a_schema_is_no_different_from_itself_in_other_words(schema: Any) -> None:
    content = {"components": {"schemas": {"It": schema}}}
    reference = {"$ref": "#/components/schemas/It"}
    wordings = [
        (Views({}), copy.deepcopy(schema)),
        (Views(content), reference),
        (Views(content), {"allOf": [reference], "description": "the same"}),
        (Views({}), {"anyOf": [schema, False]}),
    ]
    for views, wording in wordings:
        for direction in Direction:
            assert (
                list(SchemaComparison(Views({}), views, direction).compare(schema, wording)) == []
            )
            assert (
                list(SchemaComparison(views, Views({}), direction).compare(wording, schema)) == []
            )


@given(SCHEMAS, st.sampled_from(VALUES))
@settings(max_examples=80, deadline=None)
def test_a_value_that_does_not_fit_is_told_and_one_that_fits_is_none(
    schema: Any, value: Any
) -> None:
    values = ValueComparison(Views({}), schema)
    values.add(value)
    told = list(values.changes())
    if validator(schema).is_valid(value):
        assert all(difference.impact is Impact.ADDITION for difference in told)
    elif not _has_bounds(schema):  # how long a text is, is no structure
        assert any(difference.impact is not Impact.ADDITION for difference in told)


def _has_bounds(schema: Any) -> bool:
    return "minLength" in str(schema) or "maximum" in str(schema)


STRING, NULLABLE = {"type": "string"}, {"anyOf": [{"type": "string"}, {"type": "null"}]}
BOTH = {"type": "object", "properties": {"a": STRING, "b": STRING}, "required": ["a"]}


def _changed(**changes: Any) -> dict[str, Any]:
    return {**BOTH, **changes}


@pytest.mark.parametrize(
    ("kit", "server", "request_impact", "response_impact"),
    [
        (STRING, NULLABLE, Impact.ADDITION, Impact.BREAKING),
        (NULLABLE, STRING, Impact.BREAKING, None),
        (STRING, {"type": "integer"}, Impact.BREAKING, Impact.BREAKING),
        ({"type": "number"}, {"type": "integer"}, Impact.BREAKING, None),
        ({"type": "integer"}, {"type": "number"}, Impact.ADDITION, Impact.BREAKING),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, Impact.ADDITION, Impact.NOTICE),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, Impact.BREAKING, None),
        ({"enum": ["a"]}, STRING, Impact.ADDITION, Impact.NOTICE),
        (STRING, {"enum": ["a"]}, Impact.BREAKING, None),
        (STRING, {**STRING, "maxLength": 9}, Impact.BREAKING, None),
        ({**STRING, "maxLength": 9}, STRING, Impact.ADDITION, Impact.NOTICE),
        (BOTH, _changed(required=["a", "b"]), Impact.BREAKING, None),
        (BOTH, _changed(required=[]), Impact.ADDITION, Impact.BREAKING),
        (BOTH, _changed(properties={"b": STRING}), Impact.NOTICE, Impact.BREAKING),
        (BOTH, _changed(properties={"a": STRING}), Impact.NOTICE, Impact.NOTICE),
        (
            BOTH,
            _changed(properties={**BOTH["properties"], "c": STRING}),  # type: ignore[dict-item]
            Impact.ADDITION,
            Impact.ADDITION,
        ),
        (
            {"type": "array", "items": STRING},
            {"type": "array", "items": NULLABLE},
            Impact.ADDITION,
            Impact.BREAKING,
        ),
        # What a schema leaves open is no promise that it breaks, and takes all that was taken.
        (STRING, {}, None, None),
        (BOTH, {"type": "object"}, None, None),
        ({}, STRING, Impact.BREAKING, None),
        (STRING, {**STRING, "nullable": True}, Impact.ADDITION, Impact.BREAKING),  # OpenAPI 3.0
    ],
)
def test_each_difference_has_its_impact_by_direction(
    kit: Any, server: Any, request_impact: Impact | None, response_impact: Impact | None
) -> None:
    for direction, impact in (
        (Direction.REQUEST, request_impact),
        (Direction.RESPONSE, response_impact),
    ):
        told = [difference.impact for difference in differences(kit, server, direction)]
        assert told == ([] if impact is None else [impact]), direction


def test_recursive_schemas_end_and_differ_once() -> None:
    def tree(**more: Any) -> dict[str, Any]:
        step = {"type": "object", "properties": {"steps": {"type": "array"}, **more}}
        step["properties"]["steps"]["items"] = {"$ref": "#/step"}  # type: ignore[index]
        return {"step": step}

    kit, server = Views(tree()), Views(tree(is_paused={"type": "boolean"}))
    reference = {"$ref": "#/step"}
    found = SchemaComparison(kit, server, Direction.RESPONSE).compare(reference, reference)
    assert [difference.field for difference in found] == ["is_paused"]
    values = ValueComparison(kit, reference)
    values.add({"steps": [{"steps": [{"steps": [], "is_paused": True}]}]})
    assert [found.field for found in values.changes()] == ["steps[].is_paused"]


def test_a_reference_that_leads_to_itself_or_elsewhere_says_nothing() -> None:
    views = Views({"loop": {"$ref": "#/loop"}, "not": {"a": "schema"}})
    for reference in ("#/loop", "#/nowhere", "https://example.com/schema", "other.json#/a", 7):
        comparison = SchemaComparison(Views({}), views, Direction.RESPONSE)
        assert list(comparison.compare(STRING, {"$ref": reference})) == []
    assert "https://example.com/schema" in views.unresolved


def test_a_schema_that_multiplies_without_end_is_refused() -> None:
    document: dict[str, Any] = {
        f"s{n}": {"anyOf": [{"$ref": f"#/s{n + 1}"}] * 8} for n in range(30)
    }
    with pytest.raises(TooInvolved):
        Views(document).of({"$ref": "#/s0"})


@pytest.mark.parametrize(
    ("schema", "view"),
    [
        (
            {"allOf": [{"enum": ["a", "b"]}, {"enum": ["b", "c"]}]},
            View(frozenset({"string"}), frozenset({'"b"'})),
        ),
        (
            {"allOf": [{"required": ["a"], "minLength": 1}, {"required": ["b"], "minLength": 3}]},
            View(TYPES, bounds={"minLength": 3}, required=frozenset({"a", "b"})),
        ),
        (
            {"anyOf": [{"type": "string", "minLength": 1}, {"type": "string", "minLength": 3}]},
            View(frozenset({"string"}), bounds={"minLength": 1}),
        ),
        (
            {"oneOf": [{"type": "string", "minLength": 1}, {"type": "null"}]},
            View(frozenset({"string", "null"}), bounds={"minLength": 1}),
        ),
        (
            {"anyOf": [{"const": "a"}, {"type": "null"}]},
            View(frozenset({"string", "null"}), frozenset({'"a"', "null"})),
        ),
        ({"anyOf": [{"const": "a"}, {"type": "string"}]}, View(frozenset({"string"}))),
        (
            {"allOf": [{"type": ["number", "null"]}, {"type": "integer"}]},
            View(frozenset({"integer"})),
        ),
        (
            {
                "anyOf": [
                    {"type": "object", "properties": {"a": STRING, "b": STRING}, "required": ["a"]},
                    {"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"]},
                ]
            },
            View(
                frozenset({"object"}),
                properties={"a": {"anyOf": [STRING, {"type": "null"}]}, "b": STRING},
                loose=frozenset({"b"}),
                required=frozenset({"a"}),
            ),
        ),
    ],
)
def test_branches_are_one_view(schema: Any, view: View) -> None:
    assert Views({}).of(schema) == view
