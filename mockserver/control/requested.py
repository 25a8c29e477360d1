"""What a request is for, as rules see it: its operation, its values, and what can show there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.routing import compile_path
from starlette.types import Scope

from agentos_contract.document import FORM, RUN_OPERATION_ID, Document
from agentos_contract.json_values import read_json
from mockserver.faults.applicability import Situation, possible_events, why_not
from mockserver.http.bodies import MULTIPART, read_multipart
from mockserver.http.forms import BOOLEANS
from mockserver.http.preferences import RuleAnswer
from mockserver.recordings.format import Recordings
from mockserver.script.model import Step, Workflow, nodes_of

Variables = dict[str, Any]

WEBSOCKET = "WEBSOCKET"
"""The method of a websocket's message."""


class Operations:
    """Which operation of the AgentOS document a request is for, and what a rule may ask of it."""

    def __init__(self, document: Document) -> None:
        self._routes = [
            (operation.method.upper(), compile_path(operation.path)[0], operation.operation_id)
            for operation in document.operations.values()
        ]

    async def variables(self, scope: Scope, body: bytes) -> Variables:
        """The variables of a rule's `when`."""
        operation_id, path = self._find(scope["method"], scope["path"])
        query = dict(_fields(scope.get("query_string", b"")))
        content_type = Headers(scope=scope).get("content-type", "")
        media_type = content_type.partition(";")[0].strip().lower()
        form: dict[str, Any] = {}
        if media_type == MULTIPART:
            form = await _multipart(body, content_type)
        elif media_type in (FORM, ""):
            form = dict(_fields(body))
        value: Any = None
        if media_type.endswith("json"):
            try:
                value = read_json(body)
            except ValueError:
                value = None
        named = value if isinstance(value, Mapping) else {}

        def first(name: str) -> str:
            for source in (path, form, query, named):
                if isinstance(source.get(name), str):
                    return str(source[name])
            return ""

        return {
            "method": scope["method"],
            "path": scope["path"],
            "operation_id": operation_id,
            "workflow_id": first("workflow_id"),
            "run_id": first("run_id"),
            "session_id": first("session_id"),
            "user_id": first("user_id"),
            "input": form.get("message", ""),
            "form": form,
            "query": query,
            "headers": {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in scope["headers"]
            },
            "body": value,
        }

    def of_message(self, message: Mapping[str, Any]) -> Variables:
        """Those of a websocket's message that starts a run, as of the request that would."""
        texts = {name: value for name, value in message.items() if isinstance(value, str)}
        return {
            "method": WEBSOCKET,
            "path": "/workflows/ws",
            "operation_id": RUN_OPERATION_ID,
            "workflow_id": texts.get("workflow_id", ""),
            "run_id": "",
            "session_id": texts.get("session_id", ""),
            "user_id": texts.get("user_id", ""),
            "input": texts.get("message", ""),
            "form": texts,
            "query": {},
            "headers": {},
            "body": dict(message),
        }

    def _find(self, method: str, path: str) -> tuple[str, dict[str, str]]:
        path = path.rstrip("/") or path
        for wanted, pattern, operation_id in self._routes:
            match = pattern.match(path)
            if match is not None and method in (wanted, "HEAD" if wanted == "GET" else wanted):
                return operation_id, match.groupdict()
        return "", {}


@dataclass
class Requested:
    """One request: whether what a rule asks for can show there."""

    variables: Variables
    workflows: Mapping[str, Workflow]
    """Those that there are for it."""
    recordings: Recordings
    has_token: bool
    """Whether the server asks for one."""

    def can_show(self, answer: RuleAnswer) -> bool:
        """Whether a rule that asks for this is for the request: it would change something."""
        if answer.is_of_runs:
            workflow = self._workflow
            if self.variables["operation_id"] != RUN_OPERATION_ID or workflow is None:
                return False
            scenarios = {scenario.name for scenario in workflow.scenarios}
            if answer.scenario is not None and answer.scenario not in scenarios:
                return False
            events, steps = self._situation.events, step_names([workflow])
            for hold in answer.holds:
                if events is not None and hold.event not in events:
                    return False
                if hold.step is not None and not self._is_recorded and hold.step not in steps:
                    return False
        if answer.is_of_departures:
            # A websocket's are those of its connection.
            return self.variables["method"] != WEBSOCKET and any(
                why_not(name, self._situation) is None
                for name in (*answer.faults, *answer.variations)
            )
        return True

    @property
    def _workflow(self) -> Workflow | None:
        return self.workflows.get(self.variables["workflow_id"])

    @property
    def _is_recorded(self) -> bool:
        return bool(self.recordings.of(self.variables["workflow_id"]))

    @cached_property
    def _situation(self) -> Situation:
        workflow, form = self._workflow, self.variables["form"]
        return Situation(
            self.variables["operation_id"],
            workflow.id if workflow is not None else None,
            BOOLEANS.get(str(form.get("stream", "")).lower(), True),
            self.has_token,
            None if workflow is None or self._is_recorded else possible_events(workflow),
        )


def step_names(workflows: Iterable[Workflow]) -> dict[str, None]:
    """The names of all their steps and containers, in their order."""
    return dict.fromkeys(node.name for each in workflows for node in nodes_of(each.steps))


def gates_of(workflow: Workflow) -> Iterator[str]:
    """The gates that stand in its script."""
    for node in nodes_of(workflow.parts):
        if isinstance(node, Step):
            inner = [*node.executor.members, *(run.step for run in node.mock.runs)]
            yield from (each.mock.gate for each in (node, *inner) if each.mock.gate is not None)


def _fields(text: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text.decode(), keep_blank_values=True)
    except ValueError:
        return []


async def _multipart(body: bytes, content_type: str) -> dict[str, Any]:
    try:
        fields = await read_multipart(body, content_type)
    except (MultiPartException, ValueError, KeyError):
        return {}  # whoever reads it says what is wrong
    return {name: value for name, value in fields if isinstance(value, str)}
