"""What is asked of a server to see what it sends: few runs, and nothing that is not ours.

The requests that find out which workflows there are show something too; they are not made again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from agentos_contract.document import Document
from agentos_contract.json_values import parse_object
from contract_tests.drift.sent import StatusProbe
from contract_tests.target.budget import MAX_TIMEOUTS, NoMoreRuns
from contract_tests.target.client import Client
from contract_tests.target.exchange import Authorization, Exchange, Request
from contract_tests.target.operations import companion_request, run_path
from contract_tests.target.target import Workflow, unknown_workflow_id

WRONG_TOKEN = Authorization("Bearer contract-tests-wrong", "Bearer contract-tests-wrong")


@dataclass(frozen=True)
class Plan:
    """Which runs are started."""

    streamed: tuple[Workflow, ...]
    batched: tuple[Workflow, ...]
    refused: tuple[tuple[Workflow, bool], ...]
    """Runs with input that breaks the input_schema, and whether each is streamed: a server that
    looks at it late starts them."""

    @property
    def runs(self) -> int:
        return len(self.streamed) + len(self.batched) + len(self.refused)

    def describe(self) -> str:
        """A line for people."""
        parts = [
            f"{count} {what}"
            for count, what in (
                (len(self.streamed), "streamed"),
                (len(self.batched), "in batch"),
                (len(self.refused), "with input that is to be refused"),
            )
            if count
        ]
        names = ", ".join(dict.fromkeys(one.id for one in (*self.streamed, *self.batched)))
        return f"will start at most {self.runs} runs ({', '.join(parts)}), of: {names}"


def make_plan(workflows: Sequence[Workflow], max_runs: int) -> Plan:
    """A stream of each workflow, then input that is to be refused, then a batch run of each."""
    streamed = tuple(workflows[:max_runs])
    left = max_runs - len(streamed)
    typed = [workflow for workflow in workflows if workflow.wrong_messages][:1]
    refused = tuple((workflow, stream) for workflow in typed for stream in (False, True))
    # At least one batch run comes before them: nothing else shows a batch body.
    refused = refused[: max(0, left - 1)]
    batched = tuple(workflows[: max(0, left - len(refused))])
    return Plan(streamed, batched, refused)


Batch = tuple[Workflow, str, Exchange]
"""A batch run: of what, in which session, and its answer."""


class Asking:
    """Makes the requests of a plan. What comes goes to the client's `on_exchange`."""

    def __init__(self, client: Client, document: Document, progress: Callable[[str], None]) -> None:
        self._client = client
        self._document = document
        self._progress = progress
        self.asked: list[StatusProbe] = []
        self.notes: list[str] = []
        """What was not asked, and why."""
        self.is_answered = False
        """Whether any run was answered with 200."""
        self._sessions: list[str] = []
        """Those that runs were given; they are deleted at the end."""

    def all(self, plan: Plan, workflows: Sequence[Workflow]) -> None:
        """Every request. What starts no run comes first: a run too many must not keep it out."""
        self._refusals(workflows[0])
        batches: list[Batch] = []
        try:
            self._runs(plan, batches)
        except NoMoreRuns as reason:
            self.notes.append(f"not all runs were started: {reason}")
        self._companions(workflows, batches)

    # -- runs

    def _runs(self, plan: Plan, batches: list[Batch]) -> None:
        for workflow in plan.streamed:
            self._progress(f"stream {workflow.id}")
            exchange = self._run(workflow, workflow.message, stream=True)
            self._note(workflow, "streamed", exchange)
        for workflow, stream in plan.refused:
            self._progress(f"wrong input for {workflow.id}")
            exchange = self._run(workflow, workflow.wrong_messages[0].text, stream=stream)
            how = "streamed" if stream else "in batch"
            self.asked.append(
                StatusProbe(exchange, f"input that breaks its input_schema, {how}", 400)
            )
        for workflow in plan.batched:
            self._progress(f"batch {workflow.id}")
            exchange = self._run(workflow, workflow.message, stream=False)
            self._note(workflow, "in batch", exchange)
            batches.append((workflow, self._sessions[-1], exchange))

    def _run(self, workflow: Workflow, message: str, *, stream: bool) -> Exchange:
        self._sessions.append(_fresh_id())
        fields = (
            ("message", message),
            ("stream", "true" if stream else "false"),
            ("session_id", self._sessions[-1]),
            ("user_id", "contract-tests"),
        )
        path = run_path(self._document, workflow.id)
        exchange = self._client.send(Request("POST", path, fields=fields))
        self.is_answered = self.is_answered or exchange.status == 200
        return exchange

    def _note(self, workflow: Workflow, how: str, exchange: Exchange) -> None:
        """A run that shows nothing, or not all; one that fails (500) is an answer too."""
        if exchange.error is not None or exchange.status not in (200, 500):
            said = exchange.error_message or exchange.summary
            self.notes.append(f"a run of {workflow.id}, {how}: {said}")

    def _refusals(self, workflow: Workflow) -> None:
        """Requests that are wrong and start no run."""
        path = run_path(self._document, workflow.id)
        no_message = Request("POST", path, fields=(("stream", "false"),))
        self._ask(no_message, "a form without message", 422)
        unknown = run_path(self._document, unknown_workflow_id())
        fields = (("message", "hello"), ("stream", "false"))
        self._ask(Request("POST", unknown, fields=fields), "an unknown workflow", 404)
        if self._client.token is not None:
            wrong = Request("POST", path, fields=fields, authorization=WRONG_TOKEN)
            self._ask(wrong, "a wrong token", 401)

    def _ask(self, request: Request, what: str, expected: int) -> None:
        try:
            self.asked.append(StatusProbe(self._client.send(request), what, expected))
        except NoMoreRuns as reason:
            self.notes.append(f"not asked: {what}: {reason}")

    # -- companions

    def _companions(self, workflows: Sequence[Workflow], batches: list[Batch]) -> None:
        self._progress("companion operations")
        of_workflow = {"type": "workflow"}
        unknown = {
            "workflow_id": unknown_workflow_id(),
            "session_id": _fresh_id(),
            "run_id": str(uuid.uuid4()),
        }
        for operation_id in ("get_api_info", "health_check", "get_config"):
            self._companion(operation_id)
        ours = {**of_workflow, "user_id": "contract-tests", "limit": "1"}
        self._companion("get_sessions", query=ours)
        self._companion("get_workflow", unknown)
        self._companion("get_session_by_id", unknown, of_workflow)
        ended = [
            {
                "workflow_id": workflow.id,
                "session_id": session_id,
                "run_id": str(
                    (parse_object(exchange.body) or {}).get("run_id") or unknown["run_id"]
                ),
            }
            for workflow, session_id, exchange in batches
            if exchange.status == 200
        ]
        for ids in ended:
            self._companion("get_workflow_run", ids, {"session_id": ids["session_id"]})
        for ids in ended[:1]:
            self._companion("get_workflow_run", ids)
            self._companion("cancel_workflow_run", ids)
            for name in ("get_session_by_id", "get_session_runs", "get_session_run"):
                self._companion(name, ids, of_workflow)
            self._companion("rename_session", ids, of_workflow, {"session_name": "contract-tests"})
            self._companion("update_session", ids, of_workflow, {"metadata": {"by": "drift"}})
        self._sessions.append(_fresh_id())
        made = {"session_id": self._sessions[-1], "user_id": "contract-tests"}
        made["workflow_id"] = workflows[0].id
        self._companion("create_session", {}, of_workflow, made)
        for session_id in self._sessions:
            self._companion("delete_session", {"session_id": session_id})

    def _companion(
        self,
        operation_id: str,
        parameters: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> None:
        if operation_id not in self._document.operations:
            return
        if self._client.budget.timeouts >= MAX_TIMEOUTS:
            note = f"not all was asked: {MAX_TIMEOUTS} answers ran into a time-out or size limit"
            self.notes += [note] if note not in self.notes else []
            return
        text = f"?{urlencode(query)}" if query else ""
        request = companion_request(self._document, operation_id, text, **(parameters or {}))
        if "{" in request.path:
            return  # another version's, with parameters that are unknown here
        if body is not None:
            content, content_type = json.dumps(body).encode(), "application/json"
            request = replace(request, content=content, content_type=content_type)
        self._client.send(request)


def _fresh_id() -> str:
    """A session's id that nobody else has."""
    return f"contract-tests-drift-{uuid.uuid4().hex[:12]}"
