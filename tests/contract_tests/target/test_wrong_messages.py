"""Messages that break an input_schema: one for each keyword, wrong for a lax reader too."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import jsonschema_rs
import pytest

from contract_tests.checks.selection import Selection
from contract_tests.target.target import sample_of
from contract_tests.target.wrong_messages import (
    MOST,
    WrongMessage,
    with_all_members,
    wrong_messages,
)
from tests.conftest import Serve
from tests.contract_tests.conftest import report_on
from tests.contract_tests.server import ConformingServer, Refused


def made(schema: dict[str, Any]) -> list[WrongMessage]:
    return [
        one for one in wrong_messages(schema, sample_of(with_all_members(schema))) if one.keyword
    ]


def member(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}, "required": ["a"]}


KEYWORDS: dict[str, dict[str, Any]] = {
    "type": {"type": "integer"},
    "enum": {"enum": ["x", "y"]},
    "const": {"const": 3},
    "minimum": {"type": "integer", "minimum": 3},
    "maximum": {"type": "number", "maximum": 0.5},
    "exclusiveMinimum": {"type": "number", "exclusiveMinimum": 0},
    "exclusiveMaximum": {"type": "integer", "exclusiveMaximum": 0},
    "multipleOf": {"type": "integer", "multipleOf": 5},
    "minLength": {"type": "string", "minLength": 3},
    "maxLength": {"type": "string", "maxLength": 0},
    "pattern": {"type": "string", "pattern": "^[a-f]{4}$"},
    "minItems": {"type": "array", "minItems": 2},
    "maxItems": {"type": "array", "items": {"type": "string"}, "maxItems": 2, "uniqueItems": True},
    "additionalProperties": {"type": "object", "additionalProperties": False},
    "required": {"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}},
    "anyOf": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    "oneOf": {"oneOf": [{"type": "string"}, {"type": "boolean"}]},
    "minProperties": {"type": "object", "minProperties": 2},
    "maxProperties": {"type": "object", "maxProperties": 1},
    "propertyNames": {"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}},
    "contains": {"type": "array", "contains": {"type": "integer"}},
    "minContains": {"type": "array", "contains": {"const": 7}, "minContains": 2},
    "maxContains": {"type": "array", "contains": {"const": 7}, "maxContains": 1},
    "dependentRequired": {
        "type": "object",
        "properties": {"b": {"type": "string"}, "c": {"type": "string"}},
        "dependentRequired": {"b": ["c"]},
    },
    "unevaluatedProperties": {
        "type": "object",
        "properties": {"b": {"type": "string"}},
        "unevaluatedProperties": False,
    },
    "not": {"type": "string", "not": {"enum": ["x", "y"]}},
}


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_a_keyword_is_broken_and_nothing_else_is(keyword: str) -> None:
    part = KEYWORDS[keyword]
    wrong = [one for one in made(member(part)) if (one.keyword, one.place) == (keyword, "/a")]
    assert len(wrong) == (2 if keyword == "type" else 1)
    without = member({name: said for name, said in part.items() if name != keyword})
    for message in (json.loads(one.text) for one in wrong):
        assert not jsonschema_rs.Draft202012Validator(member(part)).is_valid(message)
        assert jsonschema_rs.Draft202012Validator(without).is_valid(message)


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": "array", "items": {"type": "string", "minLength": 2}}, "/a/1"),
        ({"type": "array", "prefixItems": [True, {"type": "string", "minLength": 2}]}, "/a/1"),
        ({"type": "object", "properties": {"b/c": {"type": "string", "minLength": 2}}}, "/a/b~1c"),
        ({"allOf": [{"type": "string", "minLength": 2}]}, "/a"),
        ({"anyOf": [{"type": "null"}, {"type": "string", "minLength": 2}]}, "/a"),
        ({"if": {"type": "string"}, "then": {"minLength": 2}, "type": "string"}, "/a"),
        (
            {
                "if": {"type": "null"},
                "else": {"type": "string", "minLength": 2},
                "not": {"type": "null"},
            },
            "/a",
        ),
        (
            {
                "type": "object",
                "required": ["x-b"],
                "patternProperties": {"^x-": {"type": "string", "minLength": 2}},
            },
            "/a/x-b",
        ),
        (
            {
                "type": "object",
                "required": ["b"],
                "dependentSchemas": {
                    "b": {"properties": {"b": {"type": "string", "minLength": 2}}}
                },
            },
            "/a/b",
        ),
    ],
)
def test_a_keyword_is_found_wherever_it_stands(schema: dict[str, Any], place: str) -> None:
    found = {(one.keyword, one.place) for one in made(member(schema))}
    # Where null is right too, null is what was made.
    assert ("minLength", place) in found or ("anyOf", place) in found


def test_a_reference_is_followed_and_one_to_itself_ends() -> None:
    node = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/N"}},
    }
    schema = {"$ref": "#/$defs/N", "$defs": {"N": node}}
    right = {"name": "a", "next": {"name": "b"}}
    found = {one.place for one in wrong_messages(schema, right) if one.keyword == "type"}
    assert {"/name", "/next", "/next/name"} <= found


def test_what_a_lax_reader_takes_is_not_sent() -> None:
    parts = {
        "day": {"type": "string", "format": "date"},
        "set": {"type": "array", "uniqueItems": True, "items": {"type": "integer"}},
        "number": {"type": "integer"},
        "flag": {"type": "boolean"},
    }
    found = made({"type": "object", "properties": parts})
    assert {one.keyword for one in found} == {"type"}
    wrong = [json.loads(one.text)[one.place[1:].split("/")[0]] for one in found]
    plain = [value[0] if isinstance(value, list) and value else value for value in wrong]
    assert all(value in ({}, []) or value % 1 == 0.5 for value in plain)


def test_there_are_not_too_many() -> None:
    parts = {f"member{number}": {"type": "string", "minLength": 1} for number in range(60)}
    right = dict.fromkeys(parts, "x")
    assert len(wrong_messages({"type": "object", "properties": parts}, right)) == MOST


SCHEMA = {
    "type": "object",
    "required": ["code"],
    "properties": {
        "code": {"type": "string", "pattern": "^[A-Z]+$"},
        "count": {"type": "integer", "minimum": 1},
    },
}


class OverlooksKeywords(ConformingServer):
    """In batch it reads no pattern, in a stream no bound."""

    input_schemas: ClassVar[dict[str, Any]] = {"typed": SCHEMA}

    def judge_message(self, message: str, stream: bool) -> None:
        overlooked = "minimum" if stream else "pattern"
        try:
            value = json.loads(message)
        except ValueError as error:
            raise Refused(400, "no JSON") from error
        errors = jsonschema_rs.Draft202012Validator(SCHEMA).iter_errors(value)
        if any(error.schema_path[-1] != overlooked for error in errors):
            raise Refused(400, "message does not fit the input_schema")


def test_one_failure_names_the_keywords_and_the_modes(stage: Serve) -> None:
    only = Selection(only=frozenset({"form.input-schema"}))
    server = OverlooksKeywords(("typed",))
    report = report_on(stage(server), selection=only, workflows=("typed",))
    (breach,) = report.breaches
    assert breach.requirement == "form.input-schema"
    assert breach.message == (
        "typed takes messages that break its input_schema by one keyword, "
        "stream=false: pattern at /code; stream=true: minimum at /count"
    )
