"""Whether a fault can show in what is asked for: in that operation, that workflow, that mode.

It is told by where a fault is registered (registry.py): a rule for a Loop's events needs a stream
of a workflow with a Loop, one for a batch body a batch run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from agentos_contract.document import RUN_OPERATION_ID, Document, load_document
from agentos_contract.events import CUSTOM_EVENT, EVENTS, Scope
from mockserver.faults.registry import Occurrence, occurrences
from mockserver.script.model import Container, Node, Step, Workflow, nodes_of
from mockserver.script.thoughts import is_thought

CANCEL_OPERATION_ID = "cancel_workflow_run"

_ALWAYS = {Scope.WORKFLOW, Scope.STEP}
_OF_AGENTS = {Scope.RUN, Scope.MODEL_REQUEST}


@dataclass(frozen=True)
class Situation:
    """What a request is for."""

    operation_id: str
    workflow_id: str | None
    """Of a run, and of what else names one."""
    is_stream: bool
    has_token: bool
    """Whether the server asks for one."""
    events: frozenset[str] | None
    """Those that a run of the workflow may have; None: any, as of recordings."""


def why_not(name: str, situation: Situation) -> str | None:
    """Why a deviation or variation cannot show there; None where it can."""
    reasons = [_why_not(occurrence, situation) for occurrence in occurrences(name)]
    return None if None in reasons else reasons[0]


def _why_not(occurrence: Occurrence, situation: Situation) -> str | None:
    on = occurrence.on
    is_run = situation.operation_id == RUN_OPERATION_ID
    if on == 401 or on == "token":
        return None if situation.has_token else "the server asks for no token"
    if on == "cancel":
        is_cancel = situation.operation_id == CANCEL_OPERATION_ID
        return None if is_cancel else "it is about cancelling a run"
    if on in ("run", "form") and not is_run:
        return "it is about runs"
    if on == "batch" and not (is_run and not situation.is_stream):
        return "it is about batch runs"
    if on == "stream":
        if not (is_run and situation.is_stream):
            return "it is about streams"
        if situation.events is not None:
            needs = [*occurrence.needs]
            if occurrence.members:
                needs.append(events_with(occurrence.members))
            for names in needs:
                if not situation.events.intersection(names):
                    return f"{situation.workflow_id!r} has no {' or '.join(names)}"
    return None


@cache
def events_with(members: frozenset[str]) -> tuple[str, ...]:
    """The events that have these members, as the kit's document says."""
    document = load_document()
    return tuple(
        name
        for name, schema in document.event_schemas.items()
        if members <= _properties(document, schema)
    )


def _properties(document: Document, schema: Any) -> set[str]:
    schema = document.resolve(schema)
    found = set(schema.get("properties", ()))
    for branch in schema.get("allOf", ()):
        found |= _properties(document, branch)
    return found


def possible_events(workflow: Workflow) -> frozenset[str]:
    """The names of the events that a run of the workflow may have."""
    scopes = {(scope, "") for scope in _ALWAYS}
    own: set[str] = set()
    for node in _nodes(workflow.parts):
        scopes |= set(_scopes(node))
        if isinstance(node, Step) and node.mock.events:
            own.add(CUSTOM_EVENT)
    names = {kind.name for kind in EVENTS.values() if (kind.scope, kind.family) in scopes}
    return frozenset(names | own)


def _nodes(nodes: Iterable[Node]) -> Iterator[Node]:
    """With the members and runs within a step."""
    for node in nodes_of(nodes):
        yield node
        if isinstance(node, Step):
            yield from _nodes(node.executor.members)
            yield from _nodes([run.step for run in node.mock.runs])


def _scopes(node: Node) -> Iterator[tuple[Scope, str]]:
    """The scopes that a step or container may have, each with its family of names."""
    if isinstance(node, Container):
        yield Scope(type(node).__name__), ""
        if Scope(type(node).__name__) is Scope.LOOP:
            yield Scope.ITERATION, ""
        return
    if node.executor.type == "function":
        return
    family = "Team" if node.executor.type == "team" else ""
    for scope in _OF_AGENTS:
        yield scope, family
    tools = [tool.name for request in node.mock.requests for tool in request.tools]
    if tools:
        yield Scope.TOOL_CALL, family
    if any(is_thought(tool) for tool in tools):
        yield Scope.REASONING, family
