"""The document: the published page's, byte for byte, and what its overlay makes of it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import jsonschema_rs
import openapi_spec_validator
import pytest

from agentos_contract.document import (
    DEFAULT_DOCUMENT,
    OPENAPI_DIRECTORY,
    Document,
    DocumentError,
    load_document,
)
from agentos_contract.events import CUSTOM_EVENT, EVENTS
from agentos_contract.overlay import OverlayError, apply_overlay

PUBLISHED_SHA256 = "31fb1abc4375643b64154c1a756b4b0403112bb053632d1c79da14693b6ff110"


def test_the_document_is_the_published_one() -> None:
    assert hashlib.sha256(DEFAULT_DOCUMENT.read_bytes()).hexdigest() == PUBLISHED_SHA256


@pytest.mark.parametrize(
    "file", sorted(OPENAPI_DIRECTORY.glob("agentos-*[0-9].yaml")), ids=lambda file: file.stem
)
def test_with_its_overlay_each_is_valid_openapi(file: Path) -> None:
    document = load_document(file)
    openapi_spec_validator.validate(document.content)


def test_the_published_one_is_valid_openapi_by_itself(document: Document) -> None:
    # AgentOS's own of later versions are not: they have operationIds twice.
    openapi_spec_validator.validate(document.published)


def test_the_overlay_leaves_statuses_and_error_schemas_as_they_were(document: Document) -> None:
    path = "/workflows/{workflow_id}/runs"
    published = document.published["paths"][path]["post"]
    operation = document.run_operation.definition
    assert set(operation["responses"]) == set(published["responses"])
    for status, response in published["responses"].items():
        if status != "200":
            assert operation["responses"][status] == response
    schemas = document.published["components"]["schemas"]
    for name, schema in schemas.items():
        properties = document.content["components"]["schemas"][name]["properties"]
        if name == "Body_create_workflow_run":  # a field that a server reads may be added
            properties = {key: properties[key] for key in schema["properties"]}
        assert properties == schema["properties"]


def test_every_event_of_the_vocabulary_has_a_schema(document: Document) -> None:
    names = set(EVENTS) | {CUSTOM_EVENT}
    assert set(document.event_schemas) == names
    frame = document.content["components"]["schemas"]["WorkflowRunServerSentEvent"]
    assert set(frame["properties"]["event"]["enum"]) == names
    for schema in document.event_schemas.values():
        jsonschema_rs.validator_for(schema)


def test_only_the_published_operation_is_no_companion(document: Document) -> None:
    own = [o.operation_id for o in document.operations.values() if not o.is_companion]
    assert own == ["create_workflow_run"]
    assert document.run_operation.statuses == {200, 400, 401, 404, 422, 500}


def test_a_document_without_an_overlay_will_do(tmp_path: Path) -> None:
    file = tmp_path / "alone.yaml"
    file.write_bytes(DEFAULT_DOCUMENT.read_bytes())
    document = load_document(file)
    assert list(document.operations) == ["create_workflow_run"]
    assert document.event_schemas == {}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("openapi: 3.0.0\n", "expected 3.1.x"),
        ("[]", "expected a mapping, found list"),
        ("a: [", "cannot be read"),
        ("openapi: 3.1.0\npaths: {}\n", "no operation has operationId 'create_workflow_run'"),
    ],
)
def test_a_document_that_will_not_do_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(DocumentError, match=r"bad\.yaml") as caught:
        load_document(file)
    assert fault in str(caught.value)


def test_a_missing_document_is_named() -> None:
    with pytest.raises(DocumentError, match=r"nowhere\.yaml: no such file"):
        load_document("nowhere.yaml")


def test_a_faulty_overlay_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(DEFAULT_DOCUMENT.read_bytes())
    overlay = tmp_path / "x.overlay.yaml"
    overlay.write_text("overlay: 1.0.0\nactions: [{target: $.nothing, update: {}}]\n")
    with pytest.raises(DocumentError, match=r"x\.overlay\.yaml.*selects nothing"):
        load_document(tmp_path / "x.yaml")


# -- the Overlay Specification 1.0.0


def overlay(*actions: dict[str, Any]) -> dict[str, Any]:
    info = {"title": "test", "version": "1"}
    return {"overlay": "1.0.0", "info": info, "actions": list(actions)}


BASE = {
    "info": {"title": "t"},
    "tags": [{"name": "a"}, {"name": "b"}],
    "paths": {"/x": {"get": {}}},
}


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"target": "$.info", "update": {"v": {"w": 1}}}, {"info": {"title": "t", "v": {"w": 1}}}),
        ({"target": "$.info.title", "update": "new"}, {"info": {"title": "new"}}),
        ({"target": "$", "update": {"more": 1}}, {"more": 1}),
        ({"target": "$.tags", "update": {"name": "c"}}, {"tags": [*BASE["tags"], {"name": "c"}]}),
        ({"target": "$.tags", "update": [1, 2]}, {"tags": [*BASE["tags"], 1, 2]}),
        (
            {"target": "$.tags[*]", "update": {"x": 1}},
            {"tags": [{"name": "a", "x": 1}, {"name": "b", "x": 1}]},
        ),
        ({"target": "$.tags[?@.name=='a']", "remove": True}, {"tags": [{"name": "b"}]}),
        ({"target": "$.tags[*]", "remove": True}, {"tags": []}),
        ({"target": "$.paths['/x'].get", "remove": True}, {"paths": {"/x": {}}}),
    ],
)  # fmt: skip
def test_an_action_does_what_the_specification_says(
    action: dict[str, Any], expected: dict[str, Any]
) -> None:
    before = repr(BASE)
    assert apply_overlay(BASE, overlay(action)) == {**BASE, **expected}
    assert repr(BASE) == before


def test_actions_build_on_each_other() -> None:
    first = {"target": "$.info", "update": {"x": {}}}
    second = {"target": "$.info.x", "update": {"y": 1}}
    assert apply_overlay(BASE, overlay(first, second))["info"] == {"title": "t", "x": {"y": 1}}


@pytest.mark.parametrize(
    ("faulty", "message"),
    [
        ({"overlay": "2.0.0", "actions": []}, "version '2.0.0'"),
        (overlay({"target": "$..[", "update": 1}), "is no JSONPath"),
        (overlay({"target": "$.nope", "update": 1}), "selects nothing"),
        (overlay({"update": 1}), "JSONPath `target`"),
        (overlay({"target": "$.info"}), "expected `update` or `remove: true`"),
        (overlay({"target": "$.info", "update": "text"}), "expected an object"),
        (overlay({"target": "$", "remove": True}), "root cannot be removed"),
    ],
)
def test_a_faulty_overlay_is_refused(faulty: dict[str, Any], message: str) -> None:
    with pytest.raises(OverlayError, match="overlay: ") as caught:
        apply_overlay(BASE, faulty)
    assert message in str(caught.value)
