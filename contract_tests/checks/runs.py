"""Runs workflows, as streams and in batch; what comes back is judged and noted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlencode

from agentos_contract.events import TERMINAL_EVENTS
from contract_tests.checks.requests import Fields, Requests
from contract_tests.judging.answers import Expected
from contract_tests.judging.batches import BatchRun
from contract_tests.judging.findings import Findings
from contract_tests.judging.history import History
from contract_tests.judging.rules import ANY_RUN, RunRules
from contract_tests.judging.runs import RunsJudge
from contract_tests.judging.streams import StreamedRun
from contract_tests.target.budget import NoMoreRuns
from contract_tests.target.client import Client, EventListener
from contract_tests.target.exchange import Exchange
from contract_tests.target.target import Workflow

T = TypeVar("T")


def started_ahead(
    items: Iterable[T], start: Callable[[T], Future[Exchange]], parallel: int
) -> Iterator[tuple[T, Future[Exchange]]]:
    """Each with what `start` gives for it, in their order; while one is waited for, `parallel` are
    under way. Raises the NoMoreRuns of `start` once those that were started are handed out."""
    under_way: deque[tuple[T, Future[Exchange]]] = deque()
    problem: NoMoreRuns | None = None
    for item in items:
        try:
            under_way.append((item, start(item)))
        except NoMoreRuns as error:
            problem = error
            break
        if len(under_way) == parallel:
            yield under_way.popleft()
    yield from under_way
    if problem is not None:
        raise problem


class Runs:
    """Runs workflows with valid forms. `rules` say what a probe's run is judged by."""

    def __init__(
        self,
        client: Client,
        requests: Requests,
        judge: RunsJudge,
        history: History,
        findings: Findings,
    ) -> None:
        self._client = client
        self._requests = requests
        self._judge = judge
        self._history = history
        self._findings = findings

    def stream(
        self,
        workflow: Workflow,
        *,
        message: str | None = None,
        explicit: bool = True,
        session_id: str | None = None,
        rules: RunRules = ANY_RUN,
    ) -> StreamedRun | None:
        """Run a workflow as a stream and judge it; None where it was not answered with one.

        `explicit` says whether `stream=true` is sent.
        """
        future = self.start_stream(
            workflow, message=message, explicit=explicit, session_id=session_id
        )
        return self.finish_stream(workflow, future, explicit=explicit, rules=rules)

    def finish_stream(
        self,
        workflow: Workflow,
        future: Future[Exchange],
        *,
        explicit: bool = True,
        rules: RunRules = ANY_RUN,
    ) -> StreamedRun | None:
        """Wait for a stream that was started, and judge it; None where it was not answered with
        one."""
        exchange = self._second_try(workflow, future.result(), rules)
        run = self.judge_stream(workflow, exchange, rules, explicit=explicit)
        if run is not None:
            names = [event.event for _, event in run.exchange.events]
            self._findings.require(
                "cancel.unasked",
                [name for name in names if name in TERMINAL_EVENTS] != ["WorkflowCancelled"],
                f"{workflow.id}: nobody cancelled it, and it ended with WorkflowCancelled",
                run.exchange,
            )
        return run

    def start_stream(
        self,
        workflow: Workflow,
        *,
        message: str | None = None,
        explicit: bool = True,
        extra: Fields = (),
        session_id: str | None = None,
        on_event: EventListener | None = None,
    ) -> Future[Exchange]:
        """Start a stream; wait for it with `finish_stream`."""
        fields = [("message", workflow.message if message is None else message)]
        if explicit:
            fields.append(("stream", "true"))
        if session_id is not None:
            fields.append(("session_id", session_id))
        request = self._requests.make(workflow.id, [*fields, *extra])
        return self._client.start(request, on_event=on_event)

    def judge_stream(
        self,
        workflow: Workflow,
        exchange: Exchange,
        rules: RunRules = ANY_RUN,
        *,
        explicit: bool = True,
    ) -> StreamedRun | None:
        """Judge a stream that has ended; None where there was none."""
        judgement, run = self._judge.stream(workflow, exchange, rules, explicit=explicit)
        self._findings.record(judgement)
        return run

    def batch(
        self,
        workflow: Workflow,
        *,
        message: str | None = None,
        extra: Fields = (),
        session_id: str | None = None,
        user_id: str | None = None,
        content_type: str | None = None,
        rules: RunRules = ANY_RUN,
        once: bool = False,
    ) -> BatchRun:
        """Run a workflow in batch and judge it.

        `content_type` is the form's, where not the plain one. `once`: not again where the server
        fails, as what it had been asked before may be why.
        """
        ids = [("session_id", session_id), ("user_id", user_id)]
        given = [(name, value) for name, value in ids if value is not None]
        future = self.start_batch(
            workflow, message=message, extra=[*given, *extra], content_type=content_type
        )
        return self.finish_batch(workflow, future, message=message, rules=rules, once=once)

    def start_batch(
        self,
        workflow: Workflow,
        *,
        message: str | None = None,
        extra: Fields = (),
        content_type: str | None = None,
    ) -> Future[Exchange]:
        """Start a batch run; wait for it with `finish_batch`."""
        message = workflow.message if message is None else message
        fields = [("message", message), ("stream", "false"), *extra]
        if content_type is None:
            request = self._requests.make(workflow.id, fields)
        else:
            content = urlencode(fields).encode("ascii")
            request = self._requests.make(workflow.id, content=content, content_type=content_type)
        return self._client.start(replace(request, timeout=self._timeout(workflow)))

    def finish_batch(
        self,
        workflow: Workflow,
        future: Future[Exchange],
        *,
        message: str | None = None,
        rules: RunRules = ANY_RUN,
        once: bool = False,
    ) -> BatchRun:
        """Wait for a batch run that was started, and judge it."""
        message = workflow.message if message is None else message
        exchange = future.result()
        if not once:
            exchange = self._second_try(workflow, exchange, rules)
        judgement, run = self._judge.batch(workflow, exchange, rules, message=message)
        self._findings.record(judgement)
        return run

    def _timeout(self, workflow: Workflow) -> float | None:
        """Seconds after which its batch run hangs: where its stream was quick, so is that."""
        stream = self._history.streams.get(workflow.id)
        if stream is None or not stream.is_completed:
            return None
        return max(self._client.limits.idle, 10 * stream.seconds)

    def _second_try(self, workflow: Workflow, exchange: Exchange, rules: RunRules) -> Exchange:
        """The answer, or that of a second try where the server failed at what had run before."""
        if not self._history.has_run(workflow.id):
            return exchange
        self._findings.exercise("error.sporadic", exchanges=[exchange])
        status, message = exchange.status, exchange.request.field("message") or ""
        if status is None or (status < 500 and status != 429):
            return exchange
        self._findings.record(self._judge.answers.judge(exchange, Expected.ANY))
        again = self._client.send(exchange.request)
        if again.status == 200:
            text = f"{workflow.id} ran before, failed with {exchange.summary}, and runs again"
            self._findings.breach("error.sporadic", text, exchange, again)
        elif (
            again.status is not None
            and again.status >= 500
            and not rules.may_fail
            and self._history.has_run(workflow.id, message)
        ):
            text = f"{workflow.id} ran with that message before, and now: {again.summary}"
            self._findings.breach(rules.refused, text, exchange, again)
        return again
