"""A server that the contract tests have gone through, as observers look at it: what came, and what
may still be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from agentos_contract.broken_off import all_results, failures, results_in
from agentos_contract.events import TERMINAL_EVENTS, Scope
from agentos_contract.json_values import mapping, mappings, parse_object
from agentos_contract.spans import Span
from contract_tests.checks.context import Context
from contract_tests.judging.batches import BatchRun
from contract_tests.judging.streams import StreamedRun
from contract_tests.target.budget import NoMoreRuns
from contract_tests.target.exchange import Exchange, Request, TransferError
from contract_tests.target.operations import companion_request, run_path
from contract_tests.target.target import Workflow, read_companion

Json = Mapping[str, Any]
T = TypeVar("T")


@dataclass
class Evidence:
    """A server that the contract tests have gone through, and may still be asked."""

    context: Context
    exchanges: list[Exchange]
    """Everything that was asked so far, and answered."""
    scripts: Mapping[str, Json] = field(default_factory=dict)
    """The scripts that the server was made of, by workflow id, where somebody has them."""
    _made: dict[str, Any] = field(default_factory=dict)

    # -- what was seen

    @cached_property
    def runs(self) -> list[Run]:
        """The streams that began with WorkflowStarted, but for those that were cancelled."""
        cancelled = [e.request.path for e in self.exchanges if e.request.path.endswith("/cancel")]
        return [
            Run(stream, self.description(stream.workflow_id))
            for stream in self.context.history.all_streams
            if stream.judge.machine.root is not None
            and stream.exchange.error is None
            and not any(quote(stream.run_id or "?", safe="") in path for path in cancelled)
        ]

    @cached_property
    def batches(self) -> list[BatchRun]:
        """The batch runs that were answered with a body."""
        return [run for run in self.context.history.all_batches if run.body]

    @cached_property
    def pairs(self) -> list[tuple[Run, Json]]:
        """Each workflow's first stream of which a batch run was asked the same, with the body of
        that."""
        bodies = {(b.workflow_id, b.message): b.body for b in reversed(self.batches)}
        pairs: dict[str, tuple[Run, Json]] = {}
        for run in self.runs:
            if (run.workflow_id, run.message) in bodies:
                body = bodies[run.workflow_id, run.message]
                pairs.setdefault(run.workflow_id, (run, body))
        return list(pairs.values())

    @property
    def workflows(self) -> dict[str, Workflow]:
        return {workflow.id: workflow for workflow in self.context.target.workflows}

    def description(self, workflow_id: str) -> Json:
        """The workflow's script, else what the server says of it; empty where neither is known."""
        if workflow_id in self.scripts:
            return self.scripts[workflow_id]
        return self.once(
            f"description of {workflow_id}",
            lambda: mapping(
                read_companion(
                    self.context.client,
                    self.context.document,
                    "get_workflow",
                    workflow_id=workflow_id,
                )
            ),
        )

    # -- what may still be asked

    def once(self, what: str, make: Callable[[], T]) -> T:
        """What several observers need, made when the first asks for it."""
        if what not in self._made:
            self._made[what] = make()
        made: T = self._made[what]
        return made

    def ask(self, method: str, path: str, **more: Any) -> Exchange:
        """Ask once more. `more` are a Request's other members. An exchange without a status where
        nothing was sent, as all runs that are allowed had been started."""
        request = Request(method, path, **more)
        try:
            answer = self.context.client.send(request)
            if answer.error is TransferError.NO_ANSWER:
                # A server that has crashed over the request before closes the connection.
                answer = self.context.client.send(request)
            return answer
        except NoMoreRuns as error:
            return Exchange(request, "", error_message=str(error))

    def ask_run(self, workflow_id: str, *fields: tuple[str, str], **more: Any) -> Exchange:
        """Ask the run operation, with these fields of its form."""
        path = run_path(self.context.document, workflow_id)
        return self.ask("POST", path, fields=fields or None, **more)

    def ask_operation(
        self,
        operation_id: str,
        parameters: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Exchange:
        """Ask a companion operation. `more` are a Request's other members.

        An exchange without a status where the document has no such operation.
        """
        document = self.context.document
        if operation_id not in document.operations:
            return Exchange(Request("GET", "/"), "", error_message="no such operation")
        text = f"?{urlencode(query)}" if query else ""
        request = companion_request(document, operation_id, text, **(parameters or {}))
        return self.ask(request.method, request.path, **more)

    def run_record(self, workflow_id: str, run_id: object, session_id: str) -> Exchange:
        """A run, looked up."""
        ids = {"workflow_id": workflow_id, "run_id": str(run_id)}
        return self.ask_operation("get_workflow_run", ids, {"session_id": session_id})


class Run:
    """A stream as observers read it."""

    def __init__(self, stream: StreamedRun, description: Json) -> None:
        self.stream = stream
        self.workflow_id = stream.workflow_id
        self.message = stream.message
        self.payloads = stream.judge.payloads
        self.description = description
        """The workflow, as its script or the server describes it."""
        root = stream.judge.machine.root
        assert root is not None
        self.root = root

    def of(self, *scopes: Scope) -> list[Span]:
        """The spans of these kinds, in the order in which they started."""
        spans = [span for span in self.root.walk() if span.scope in scopes]
        return sorted(spans, key=lambda span: span.started_index)

    def only(self, *names: str) -> list[Json]:
        """The payloads of these events."""
        return [payload for payload in self.payloads if payload.get("event") in names]

    @property
    def ended_by(self) -> str:
        """The first terminal event; "" where there was none."""
        return next((e for e in map(event_of, self.payloads) if e in TERMINAL_EVENTS), "")

    def say(self, text: str) -> str:
        """Where something was seen."""
        return f"{self.workflow_id}: {text}"

    @cached_property
    def results(self) -> list[Json]:
        """Every result that the stream shows, at every depth, each as often as it is shown."""
        return all_results(self.payloads)

    @property
    def own_results(self) -> list[Json]:
        """The results of the workflow's own steps; none where the run failed."""
        return results_in(self.root) or []

    @cached_property
    def nodes(self) -> dict[str, Json]:
        """The workflow's steps and containers at every depth by name, as its description has
        them."""

        def below(outer: Json) -> Iterator[Json]:
            for key in ("steps", "else_steps", "choices"):
                for inner in mappings(outer.get(key)):
                    yield inner
                    yield from below(inner)

        return {str(node.get("name")): node for node in below(self.description)}

    @cached_property
    def failures(self) -> list[tuple[Span, bool]]:
        """The steps that failed for good, and of each whether it was skipped."""
        return list(failures(self.root, self.payloads))


def result_of(span: Span) -> Json | None:
    """A span's result among its parent's; None where there is none, or none of its name."""
    results = (results_in(span.parent) if span.parent else None) or []
    by_id = [r for r in results if r.get("step_id") and r["step_id"] == span.started.get("step_id")]
    by_name = [r for r in results if r.get("step_name") == span.name]
    return next(iter([*by_id, *by_name]), None)


def event_of(payload: Json) -> str:
    return str(payload.get("event"))


def json_of(exchange: Exchange) -> Json:
    """An answer's JSON object; empty where it is none."""
    return parse_object(exchange.body) or {}
