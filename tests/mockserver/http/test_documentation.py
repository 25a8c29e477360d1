"""The document: handed out whole, shown, and good to generate from."""

from __future__ import annotations

import json

import httpx2
import openapi_spec_validator
import pytest
import yaml
from click.testing import CliRunner

from agentos_contract.document import load_document
from agentos_contract.events import CUSTOM_EVENT, EVENTS
from mockserver.app import Settings, create_app
from mockserver.cli import main
from mockserver.http.documentation import PAGE
from tests.conftest import Serve


def test_the_merged_document_is_served_to_everybody(locked_mock_url: str) -> None:
    answer = httpx2.get(f"{locked_mock_url}/openapi.json", headers={"origin": "http://a.example"})
    document = answer.json()
    openapi_spec_validator.validate(document)
    assert "/sessions" in document["paths"]
    assert answer.headers["access-control-allow-origin"] == "http://a.example"


def test_as_3_2_it_says_what_a_streams_items_are(client: httpx2.Client) -> None:
    document = client.get("/openapi.json?version=3.2").json()
    run = document["paths"]["/workflows/{workflow_id}/runs"]["post"]
    media = run["responses"]["200"]["content"]["text/event-stream"]
    assert document["openapi"] == "3.2.0"
    assert media["itemSchema"] == {"$ref": "#/components/schemas/WorkflowRunServerSentEvent"}
    assert "schema" not in media
    assert client.get("/openapi.json").json()["openapi"].startswith("3.1")


def test_a_version_that_there_is_not_is_refused(client: httpx2.Client) -> None:
    answer = client.get("/openapi.json?version=2.0")
    assert answer.status_code == 422
    assert "expected 3.1 or 3.2" in answer.json()["detail"]


def test_the_events_are_a_union_told_apart_by_their_names() -> None:
    document = load_document()
    schemas = document.content["components"]["schemas"]
    union = schemas["WorkflowRunEvent"]
    mapping = union["discriminator"]["mapping"]
    assert set(mapping) == {*EVENTS, CUSTOM_EVENT}
    assert [branch["$ref"] for branch in union["oneOf"]] == list(mapping.values())
    for name, reference in mapping.items():
        schema = document.resolve({"$ref": reference})
        branches = [schema, *schema.get("allOf", ())]
        (own,) = (b for b in branches if b.get("properties", {}).get("event") == {"const": name})
        assert "event" in own["required"], name


def test_it_is_shown_without_another_host(client: httpx2.Client) -> None:
    assert "swagger-ui-bundle.js" in client.get("/docs").text
    for file in PAGE.iterdir():
        if file.suffix in (".js", ".css"):
            assert client.get(f"/docs/{file.name}").status_code == 200
    assert client.get("/docs/../errors.py").status_code == 404
    assert client.get("/docs/nothing.js").status_code == 404


@pytest.mark.parametrize("options", [[], ["--format", "yaml"], ["--version", "3.2"], ["--control"]])
def test_the_command_writes_it(options: list[str]) -> None:
    result = CliRunner().invoke(main, ["openapi", *options])
    assert result.exit_code == 0
    read = yaml.safe_load if "yaml" in options else json.loads
    content = read(result.output)
    assert content["paths"]


def test_another_document_is_handed_out_as_it_is_served(serve: Serve) -> None:
    document = load_document()
    content = {**document.content, "info": {"title": "Mine", "version": "9"}}
    url = serve(create_app(Settings(type(document)(content, "mine"))))
    assert httpx2.get(f"{url}/openapi.json").json()["info"]["title"] == "Mine"
