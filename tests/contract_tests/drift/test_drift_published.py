"""What a server publishes: one change of the kit's own document is told as that change alone."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_contract.document import RUN_OPERATION_ID, load_document
from contract_tests.drift.changes import Impact
from contract_tests.drift.published import compare_published, operation_title

KIT = load_document()
METHODS = {operation.operation_id: operation.method for operation in KIT.operations.values()}
RUN = operation_title("post", "/workflows/{workflow_id}/runs")

Expected = set[tuple[str, Impact, str, str, str]]
"""Kind, impact, operation, part and field."""


@dataclass
class Published:
    """A document to be changed, and where in it."""

    content: dict[str, Any]
    operation_id: str

    @property
    def path(self) -> str:
        return KIT.operations[self.operation_id].path

    @property
    def title(self) -> str:
        return operation_title(METHODS[self.operation_id], self.path)

    @property
    def operation(self) -> dict[str, Any]:
        operation: dict[str, Any] = self.content["paths"][self.path][METHODS[self.operation_id]]
        return operation

    def inline(self, value: Any) -> Any:
        """What a `$ref` leads to, in its place: a change of it is one of this operation only."""
        if isinstance(value, dict) and "$ref" in value:
            return copy.deepcopy(KIT.resolve(value))
        return value

    @property
    def success(self) -> tuple[str, dict[str, Any]]:
        """Status and schema of the JSON body of its success."""
        status = min(self.operation["responses"])
        media = self.operation["responses"][status]["content"]["application/json"]
        media["schema"] = self.inline(media["schema"])
        return status, media["schema"]

    @property
    def form(self) -> dict[str, Any]:
        (media,) = self.operation["requestBody"]["content"].values()
        media["schema"] = self.inline(media["schema"])
        schema: dict[str, Any] = media["schema"]
        return schema


Mutation = Callable[[Published, st.DataObject], Expected]
ANY, WITH_BODY, FORM = "any", "a JSON object", "the run's form"
MUTATIONS: list[tuple[str, Mutation]] = []


def mutation(where: str) -> Callable[[Mutation], Mutation]:
    def register(function: Mutation) -> Mutation:
        MUTATIONS.append((where, function))
        return function

    return register


# -- whole operations


@mutation(ANY)
def operation_gone(published: Published, data: st.DataObject) -> Expected:
    del published.content["paths"][published.path][METHODS[published.operation_id]]
    return {("operation-removed", Impact.BREAKING, published.title, "", "")}


@mutation(ANY)
def operation_new(published: Published, data: st.DataObject) -> Expected:
    path = data.draw(st.sampled_from(["/workflows/{workflow_id}/runs/{run_id}/resume", "/models"]))
    published.content["paths"][path] = {"put": copy.deepcopy(published.operation)}
    return {("operation-added", Impact.ADDITION, f"PUT {path}", "", "")}


@mutation(ANY)
def parameters_renamed(published: Published, data: st.DataObject) -> Expected:
    paths = published.content["paths"]
    published.content["paths"] = {re.sub(r"\{\w+\}", "{id}", path): paths[path] for path in paths}
    return set()


@mutation(ANY)
def deprecated(published: Published, data: st.DataObject) -> Expected:
    published.operation["deprecated"] = True
    return {("deprecated", Impact.NOTICE, published.title, "", "")}


@mutation(ANY)
def token_asked_for(published: Published, data: st.DataObject) -> Expected:
    is_open = published.operation["security"] == []
    published.operation["security"] = [{"HTTPBearer": []}]
    kind = ("token-demanded", Impact.BREAKING, published.title, "request", "")
    return {kind} if is_open else set()


@mutation(ANY)
def words_changed(published: Published, data: st.DataObject) -> Expected:
    published.operation["summary"] = published.operation["description"] = "something else"
    published.operation["tags"] = ["other"]
    published.content["info"] = {"title": "other", "version": "9"}
    return set()


# -- requests


@mutation(ANY)
def query_new(published: Published, data: st.DataObject) -> Expected:
    is_required = data.draw(st.booleans())
    parameter = {"name": "flavour", "in": "query", "schema": {"type": "string"}}
    published.operation.setdefault("parameters", []).append({**parameter, "required": is_required})
    impact = Impact.BREAKING if is_required else Impact.ADDITION
    kind = "request-parameter-added"
    return {(kind, impact, published.title, "request", "query flavour")}


@mutation(ANY)
def query_gone(published: Published, data: st.DataObject) -> Expected:
    parameters = published.operation.get("parameters", [])
    in_query = [one for one in parameters if KIT.resolve(one)["in"] == "query"]
    if not in_query:
        return set()
    gone = data.draw(st.sampled_from(in_query))
    parameters.remove(gone)
    kind = "request-parameter-removed"
    where = f"query {KIT.resolve(gone)['name']}"
    return {(kind, Impact.NOTICE, published.title, "request", where)}


@mutation(FORM)
def field_new(published: Published, data: st.DataObject) -> Expected:
    is_required = data.draw(st.booleans())
    published.form["properties"]["background"] = {"type": "boolean"}
    if is_required:
        published.form["required"] = [*published.form["required"], "background"]
    impact = Impact.BREAKING if is_required else Impact.ADDITION
    return {("request-field-added", impact, RUN, "request", "background")}


@mutation(FORM)
def field_gone(published: Published, data: st.DataObject) -> Expected:
    name = data.draw(st.sampled_from(["user_id", "version", "session_id"]))
    del published.form["properties"][name]
    return {("request-field-removed", Impact.NOTICE, RUN, "request", name)}


@mutation(FORM)
def field_required(published: Published, data: st.DataObject) -> Expected:
    published.form["required"] = ["message", "user_id"]
    return {("request-field-required", Impact.BREAKING, RUN, "request", "user_id")}


@mutation(FORM)
def field_optional(published: Published, data: st.DataObject) -> Expected:
    published.form["required"] = []
    return {("request-field-optional", Impact.ADDITION, RUN, "request", "message")}


@mutation(FORM)
def field_of_another_type(published: Published, data: st.DataObject) -> Expected:
    name, kind, impact = data.draw(
        st.sampled_from(
            [
                ("message", "integer", Impact.BREAKING),
                ("message", ["string", "array"], Impact.ADDITION),
                ("version", "number", Impact.ADDITION),
                ("message", ["string", "null"], None),  # a form has no null
                ("session_id", "string", None),
            ]
        )
    )
    published.form["properties"][name] = {"type": kind}
    if impact is None:
        return set()
    how = "narrowed" if impact is Impact.BREAKING else "widened"
    return {(f"request-type-{how}", impact, RUN, "request", name)}


@mutation(FORM)
def field_bounded(published: Published, data: st.DataObject) -> Expected:
    published.form["properties"]["message"]["maxLength"] = 1000
    return {("request-bound-changed", Impact.BREAKING, RUN, "request", "message")}


@mutation(FORM)
def default_changed(published: Published, data: st.DataObject) -> Expected:
    published.form["properties"]["stream"]["default"] = False
    return {("request-default-changed", Impact.BREAKING, RUN, "request", "stream")}


@mutation(FORM)
def no_other_fields(published: Published, data: st.DataObject) -> Expected:
    published.form["additionalProperties"] = False
    return {("request-other-fields", Impact.NOTICE, RUN, "request", "")}


@mutation(FORM)
def another_media_type(published: Published, data: st.DataObject) -> Expected:
    content = published.operation["requestBody"]["content"]
    (media,) = content.values()
    content["multipart/form-data"] = media
    added = ("request-media-type-added", Impact.ADDITION, RUN, "request", "multipart/form-data")
    if data.draw(st.booleans()):
        return {added}
    del content["application/x-www-form-urlencoded"]
    kind = "request-media-type-removed"
    form = "application/x-www-form-urlencoded"
    return {added, (kind, Impact.BREAKING, RUN, "request", form)}


# -- answers


@mutation(WITH_BODY)
def body_field_new(published: Published, data: st.DataObject) -> Expected:
    status, schema = published.success
    schema["properties"]["sandboxed"] = {"type": "boolean"}
    return {("response-field-added", Impact.ADDITION, published.title, status, "sandboxed")}


@mutation(WITH_BODY)
def body_field_gone(published: Published, data: st.DataObject) -> Expected:
    status, schema = published.success
    name = data.draw(st.sampled_from(sorted(schema["properties"])))
    del schema["properties"][name]
    is_required = name in schema.get("required", [])
    schema["required"] = [one for one in schema.get("required", []) if one != name]
    impact = Impact.BREAKING if is_required else Impact.NOTICE
    return {("response-field-removed", impact, published.title, status, name)}


@mutation(WITH_BODY)
def body_field_optional(published: Published, data: st.DataObject) -> Expected:
    status, schema = published.success
    was = schema.get("required", [])
    schema["required"] = []
    kind = "response-field-optional"
    return {(kind, Impact.BREAKING, published.title, status, name) for name in was}


@mutation(WITH_BODY)
def body_field_of_another_type(published: Published, data: st.DataObject) -> Expected:
    status, schema = published.success
    typed = [n for n, one in schema["properties"].items() if "type" in KIT.resolve(one)]
    name = data.draw(st.sampled_from(sorted(typed)))
    before = KIT.resolve(schema["properties"][name])
    types = before["type"] if isinstance(before["type"], list) else [before["type"]]
    more = {"array", "boolean"} - set(types)
    schema["properties"][name] = {**before, "type": [*types, min(more)]}
    kind = "response-type-changed"
    return {(kind, Impact.BREAKING, published.title, status, name)}


@mutation(ANY)
def status_new(published: Published, data: st.DataObject) -> Expected:
    status = data.draw(st.sampled_from(["202", "409", "429"]))
    published.operation["responses"][status] = {"description": "new"}
    return {("status-added", Impact.NOTICE, published.title, "", status)}


@mutation(ANY)
def success_of_another_status(published: Published, data: st.DataObject) -> Expected:
    responses = published.operation["responses"]
    status = min(responses)
    responses["202"] = responses.pop(status)
    return {
        ("status-removed", Impact.BREAKING, published.title, "", status),
        ("status-added", Impact.NOTICE, published.title, "", "202"),
    }


@mutation(ANY)
def error_no_longer_published(published: Published, data: st.DataObject) -> Expected:
    if "404" in published.operation["responses"]:
        del published.operation["responses"]["404"]
    return set()


@mutation(ANY)
def body_of_another_media_type(published: Published, data: st.DataObject) -> Expected:
    status = min(published.operation["responses"])
    content = published.operation["responses"][status].get("content", {})
    if "application/json" not in content:
        return set()
    content["application/xml"] = content.pop("application/json")
    title = published.title
    return {
        ("response-media-type-removed", Impact.BREAKING, title, status, "application/json"),
        ("response-media-type-added", Impact.NOTICE, title, status, "application/xml"),
    }


@mutation(ANY)
def body_left_open(published: Published, data: st.DataObject) -> Expected:
    for response in published.operation["responses"].values():
        for media in response.get("content", {}).values():
            media["schema"] = {}
    return set()


def _operations(where: str) -> list[str]:
    if where == FORM:
        return [RUN_OPERATION_ID]
    if where == ANY:
        return list(KIT.operations)
    return [
        operation.operation_id
        for operation in KIT.operations.values()
        if KIT.resolve(
            operation.definition["responses"][min(operation.definition["responses"])]
            .get("content", {})
            .get("application/json", {})
            .get("schema", {})
        ).get("properties")
    ]


def compared(content: Any) -> Expected:
    changes, notes = compare_published(KIT, json.loads(json.dumps(content)))
    assert notes == []
    return {(c.kind, c.impact, c.operation, c.part, c.field) for c in changes}


def test_the_kits_own_document_is_no_different() -> None:
    assert compared(KIT.content) == set()


@pytest.mark.parametrize(
    ("where", "change"), MUTATIONS, ids=[function.__name__ for _, function in MUTATIONS]
)
@given(st.data())
@settings(max_examples=3, deadline=None)
def test_one_change_is_told_and_nothing_else(
    where: str, change: Mutation, data: st.DataObject
) -> None:
    operation_id = data.draw(st.sampled_from(_operations(where)))
    published = Published(copy.deepcopy(KIT.content), operation_id)
    expected = change(published, data)
    assert compared(published.content) == expected
