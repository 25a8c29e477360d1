"""The OpenAPI document: load it, extend it by its overlay, and answer questions about it.

The document is the single source for routes, schemas and statuses. Everything that either half
knows about the operation comes from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from agentos_contract.overlay import OverlayError, apply_overlay
from agentos_contract.yaml_files import UnreadableFile, read_users_yaml, read_yaml

RUN_OPERATION_ID = "create_workflow_run"
EVENT_STREAM = "text/event-stream"
FORM = "application/x-www-form-urlencoded"
METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})

# Installed as a wheel, the documents lie inside this package; in a checkout, beside it.
_PACKAGED = Path(__file__).parent / "openapi"
OPENAPI_DIRECTORY = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parent.parent / "openapi"
DEFAULT_DOCUMENT = OPENAPI_DIRECTORY / "agentos-2.5.6.yaml"


class DocumentError(ValueError):
    """A document or overlay cannot be read, is no OpenAPI 3.1, or lacks the run operation."""


@dataclass(frozen=True)
class Operation:
    """One operation of the document: where it is and what it says."""

    operation_id: str
    method: str
    """Lower case, as the document has it."""
    path: str
    """The path template, such as `/workflows/{workflow_id}/runs`."""
    definition: Mapping[str, Any]

    @property
    def is_companion(self) -> bool:
        """Whether the overlay added it: the published page does not document it."""
        return bool(self.definition.get("x-companion"))

    @property
    def statuses(self) -> frozenset[int]:
        return frozenset(int(s) for s in self.definition.get("responses", {}) if str(s).isdigit())


@dataclass(frozen=True, eq=False)
class Document:
    """An OpenAPI 3.1 document with its overlay applied; `source` names the file, for messages."""

    content: dict[str, Any]
    source: str = "<document>"
    published: dict[str, Any] = field(default_factory=dict)
    """The document as published, before the overlay."""

    @cached_property
    def operations(self) -> dict[str, Operation]:
        """Operations by operationId, in the document's order."""
        return {operation.operation_id: operation for operation in self.iter_operations()}

    def iter_operations(self) -> Iterator[Operation]:
        """All operations, in the document's order."""
        for path, item in self.content.get("paths", {}).items():
            shared = item.get("parameters", ())
            for method, definition in item.items():
                if method in METHODS:
                    if shared:
                        definition = _with_parameters(definition, shared, self.resolve)
                    operation_id = definition.get("operationId", f"{method} {path}")
                    yield Operation(operation_id, method, path, definition)

    @property
    def run_operation(self) -> Operation:
        return self.operations[RUN_OPERATION_ID]

    @cached_property
    def form_fields(self) -> frozenset[str]:
        """The names of the fields of a run's form; none where the document has no such form."""
        body = self.resolve(self.run_operation.definition.get("requestBody", {}))
        schema = body.get("content", {}).get(FORM, {}).get("schema", {})
        return frozenset(self.resolve(schema).get("properties", ()))

    def resolve(self, value: Any) -> Any:
        """Follow `$ref`s (`#/…` only) until something that is none."""
        while isinstance(value, Mapping) and "$ref" in value:
            reference = value["$ref"]
            if not isinstance(reference, str) or not reference.startswith("#/"):
                raise DocumentError(f"{self.source}: $ref {reference!r} leaves the document")
            value = self.content
            for part in reference[2:].split("/"):
                part = part.replace("~1", "/").replace("~0", "~")
                try:
                    value = value[part]
                except (KeyError, TypeError):
                    raise DocumentError(
                        f"{self.source}: $ref {reference!r} leads nowhere"
                    ) from None
        return value

    def self_contained(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """`schema` with the document's components beside it, so that its `$ref`s resolve."""
        return {"components": self.content.get("components", {}), "allOf": [dict(schema)]}

    @cached_property
    def event_schemas(self) -> dict[str, dict[str, Any]]:
        """Payload schema by SSE event name, from the event stream's own schema.

        Empty where the document has none (it was loaded without an overlay).
        """
        media = self.run_operation.definition["responses"]["200"]["content"].get(EVENT_STREAM, {})
        schemas: dict[str, dict[str, Any]] = {}
        stream_schema = self.resolve(media.get("schema", {}))
        for branch in (*stream_schema.get("oneOf", ()), *stream_schema.get("allOf", ())):
            branch = self.resolve(branch)
            then = self.resolve(branch.get("then", branch)).get("properties", {})
            condition = self.resolve(branch.get("if", branch)).get("properties", {})
            name = condition.get("event", {}).get("const")
            payload = then.get("data", {}).get("contentSchema")
            if name and payload is not None:
                schemas[name] = self.self_contained(payload)
        return schemas

    def response_schema(self, operation: Operation, status: int, media_type: str) -> Any:
        """The schema documented for that answer, self-contained; None where there is none."""
        response = self.resolve(operation.definition.get("responses", {}).get(str(status)))
        if not response:
            return None
        schema = response.get("content", {}).get(media_type, {}).get("schema")
        return self.self_contained(schema) if schema else None


def _with_parameters(
    definition: Mapping[str, Any], shared: Sequence[Any], resolve: Callable[[Any], Any]
) -> dict[str, Any]:
    """An operation with its path's parameters too; its own of the same name and place win
    (OpenAPI 3.1 section 4.8.9)."""
    own = definition.get("parameters", ())
    taken = {(one["name"], one["in"]) for one in map(resolve, own)}
    more = [one for one in shared if (resolve(one)["name"], resolve(one)["in"]) not in taken]
    return {**definition, "parameters": [*more, *own]}


def load_document(path: Path | str | None = None, *, with_overlay: bool = True) -> Document:
    """Load an OpenAPI document (YAML or JSON) and the overlay beside it, `NAME.overlay.yaml`.

    Without a path, the kit's own, which is read once. Raises DocumentError naming file and fault.
    """
    if path is None:
        return _kits_own(with_overlay)
    return _load(Path(path), with_overlay, read_users_yaml)


@cache
def _kits_own(with_overlay: bool) -> Document:
    return _load(DEFAULT_DOCUMENT, with_overlay, read_yaml)


def _load(file: Path, with_overlay: bool, read: Callable[[Path], Any]) -> Document:
    published = _read_mapping(file, read)
    version = str(published.get("openapi", ""))
    if not version.startswith("3.1."):
        raise DocumentError(f"{file}: openapi: {version!r}; expected 3.1.x")
    content = published
    overlay_file = file.with_name(f"{file.stem}.overlay{file.suffix}")
    if with_overlay and overlay_file.exists():
        try:
            content = apply_overlay(published, _read_mapping(overlay_file, read))
        except OverlayError as error:
            raise DocumentError(f"{overlay_file}: {error}") from error
    document = Document(_with_unique_operation_ids(content), str(file), published)
    if RUN_OPERATION_ID not in document.operations:
        raise DocumentError(
            f"{file}: no operation has operationId {RUN_OPERATION_ID!r}; "
            "the kit mocks and tests that operation"
        )
    return document


def _with_unique_operation_ids(content: dict[str, Any]) -> dict[str, Any]:
    """The document with `METHOD PATH` for an operationId that an earlier operation has: AgentOS
    publishes some twice, which OpenAPI does not allow, and which says nothing of the others."""
    paths = content.get("paths")
    if not isinstance(paths, Mapping):
        return content
    taken: set[str] = set()
    unique: dict[str, Any] = {}
    for path, item in paths.items():
        unique[path] = item
        if not isinstance(item, Mapping):
            continue
        unique[path] = item = dict(item)
        for method, definition in item.items():
            if method not in METHODS or not isinstance(definition, Mapping):
                continue
            operation_id = definition.get("operationId")
            if operation_id in taken:
                item[method] = {**definition, "operationId": f"{method} {path}"}
            elif isinstance(operation_id, str):
                taken.add(operation_id)
    return {**content, "paths": unique}


def _read_mapping(file: Path, read: Callable[[Path], Any]) -> dict[str, Any]:
    try:
        content = read(file)
    except UnreadableFile as error:
        raise DocumentError(f"{file}: {error}") from error
    if not isinstance(content, dict):
        raise DocumentError(f"{file}: expected a mapping, found {type(content).__name__}")
    return content
