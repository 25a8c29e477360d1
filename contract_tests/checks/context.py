"""What a check is given: the target, ways to ask it, and where findings go."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import jsonschema_rs

from agentos_contract.document import Document
from agentos_contract.events import TERMINAL_EVENTS
from agentos_contract.json_values import parse_object
from agentos_contract.judge import PayloadValidator
from contract_tests.checks.plan import Plan
from contract_tests.checks.registry import CannotDecide
from contract_tests.forms.form import FormOracle
from contract_tests.judging.answers import JSON, AnswerJudge, Expected, Judgement
from contract_tests.judging.findings import Breach, Findings
from contract_tests.judging.streams import (
    BatchRun,
    StreamedRun,
    judge_batch,
    judge_media_type,
    judge_stream,
)
from contract_tests.target.client import (
    OWN_TOKEN,
    Authorization,
    Client,
    EventListener,
    Exchange,
    Request,
)
from contract_tests.target.target import CouldNotRun, Target, Workflow, require_auth, run_path

REFUSED = frozenset({400, 415, 422})

Rename = dict[str, str | None]
Fields = Sequence[tuple[str, str]]


def own_session_prefix(seed: int) -> str:
    """How the ids of sessions begin that generated forms of a run of the tests name."""
    return f"contract-tests-{seed:x}-"


@dataclass
class Context:
    """Everything that the checks share in one run of the tests."""

    document: Document
    client: Client
    target: Target
    plan: Plan
    findings: Findings
    seed: int
    max_examples: int
    progress: Callable[[str], None] = lambda text: None
    streams: dict[str, StreamedRun] = field(default_factory=dict)
    """The first stream of each workflow that gave one."""
    failed_streams: dict[str, Exchange] = field(default_factory=dict)
    """The answers of workflows that were to be streamed, and were answered with a server error."""
    batches: dict[str, BatchRun] = field(default_factory=dict)
    all_streams: list[StreamedRun] = field(default_factory=list)
    """Every stream that was judged, in order."""
    all_batches: list[BatchRun] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers, self.oracle, self.validators = _compiled(self.document)
        self.random = random.Random(self.seed)
        self._given: dict[tuple[str, str], tuple[Exchange, str]] = {}
        """By kind and id: the exchange that it was given in first, and the check."""
        self.was_let_in = False
        self._ran: set[tuple[str, str]] = set()
        """Workflows and messages with which they ran to their end."""
        self._streamed: set[tuple[str, str]] = set()
        """The same, of streams."""

    def forget_answers(self) -> None:
        """Keep of the answers so far only which ids they gave: for who asks for hours."""
        self.all_streams.clear()
        self.all_batches.clear()
        for key, (exchange, check) in self._given.items():
            if exchange.events or exchange.body:
                kept = replace(exchange, events=[], body=b"", decoder=None)
                self._given[key] = kept, check

    # -- names

    def fresh_id(self, kind: str) -> str:
        """An id that only these tests use: `contract-tests-KIND-…`."""
        return f"contract-tests-{kind}-{self.random.getrandbits(48):012x}"

    @property
    def any_workflow(self) -> Workflow:
        """Whichever comes first: for requests that start no run."""
        return self.target.workflows[0]

    @property
    def probed_workflow(self) -> Workflow:
        """The workflow for probes that start runs: the quickest that ran to its end, untyped if
        there is one. Raises CannotDecide where none did."""
        candidates = [
            (workflow.input_schema is not None, self.streams[workflow.id].seconds, position)
            for position, workflow in enumerate(self.target.workflows)
            if workflow.id in self.streams and self.streams[workflow.id].is_completed
        ]
        if not candidates:
            raise CannotDecide("no workflow ran to its end")
        return self.target.workflows[min(candidates)[2]]

    @property
    def untyped_workflow(self) -> Workflow:
        """The same, only where it takes any text. Raises CannotDecide."""
        workflow = self.probed_workflow
        if workflow.input_schema is not None:
            raise CannotDecide("every workflow that ran to its end has an input_schema")
        return workflow

    @property
    def lasting_workflow(self) -> Workflow:
        """The one that takes longest, up to two seconds: for runs that are to overlap."""
        probed = self.probed_workflow
        candidates = [
            (self.streams[workflow.id].seconds, -position)
            for position, workflow in enumerate(self.target.workflows)
            if workflow.id in self.streams
            and self.streams[workflow.id].is_completed
            and self.streams[workflow.id].seconds <= 2.0
        ]
        return self.target.workflows[-max(candidates)[1]] if candidates else probed

    # -- requests

    def request(
        self,
        workflow_id: str,
        fields: Fields | None = None,
        *,
        method: str = "POST",
        content: bytes | None = None,
        content_type: str | None = None,
        authorization: Authorization | None = OWN_TOKEN,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Request:
        """A request for the run operation."""
        return Request(
            method,
            run_path(self.document, workflow_id),
            fields=tuple(fields) if fields is not None else None,
            content=content,
            content_type=content_type,
            authorization=authorization,
            headers=tuple(headers),
        )

    def ask(self, request: Request, expected: Expected = Expected.REFUSAL) -> Exchange:
        """Send a request, judge its answer by what holds for any, and hand it out.

        Raises NoMoreRuns where it could start a run and none is left.
        """
        exchange = self.client.send(request)
        self.record(self.answers.judge(exchange, expected))
        self._token_kept_secret(exchange)
        return exchange

    def ask_steadily(self, request: Request) -> Exchange:
        """As `ask` for any answer, and once more where the server fails: what it does now and then
        is another fault than what it does each time."""
        exchange = self.ask(request, Expected.ANY)
        if exchange.status is None or exchange.status < 500:
            return exchange
        again = self.ask(request, Expected.ANY)
        if again.status is not None and again.status < 500:
            message = f"answered with {exchange.summary}, and asked again with {again.status}"
            self.breach("error.sporadic", message, exchange, again)
        return again

    def stream(
        self,
        workflow: Workflow,
        *,
        message: str | None = None,
        explicit: bool = True,
        extra: Fields = (),
        session_id: str | None = None,
        requirement: str = "form.valid-accepted",
        rename: Rename | None = None,
        expects_session: bool = True,
    ) -> StreamedRun | None:
        """Run a workflow as a stream and judge it; None where it was not answered with one.

        `requirement` is what a refusal breaks; `explicit` says whether `stream=true` is sent.
        """
        future = self.start_stream(
            workflow, message=message, explicit=explicit, extra=extra, session_id=session_id
        )
        run = self.judge_streamed(
            workflow,
            self._unless_sporadic(workflow, future.result(), requirement),
            stream=True if explicit else None,
            requirement=requirement,
            rename=rename,
            expects_session=expects_session,
        )
        if run is not None:
            names = [event.event for _, event in run.exchange.events]
            self.require(
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
        """Start a stream; judge what comes of it with `judge_streamed`."""
        fields = [("message", workflow.message if message is None else message)]
        if explicit:
            fields.append(("stream", "true"))
        if session_id is not None:
            fields.append(("session_id", session_id))
        return self.client.start(self.request(workflow.id, [*fields, *extra]), on_event=on_event)

    def judge_streamed(
        self,
        workflow: Workflow,
        exchange: Exchange,
        *,
        stream: bool | None = True,
        requirement: str = "form.valid-accepted",
        rename: Rename | None = None,
        expects_session: bool = True,
        generated: bool = False,
    ) -> StreamedRun | None:
        """Judge a stream that has ended; None where there was none."""
        judgement, run = self.judgement_of_stream(
            workflow,
            exchange,
            stream=stream,
            requirement=requirement,
            check_session=expects_session,
        )
        judgement.rename(rename or {})
        self.record(judgement, generated=generated)
        return run

    def judgement_of_stream(
        self,
        workflow: Workflow,
        exchange: Exchange,
        *,
        stream: bool | None,
        requirement: str = "form.valid-accepted",
        check_session: bool = True,
    ) -> tuple[Judgement, StreamedRun | None]:
        """What a stream showed, not yet recorded."""
        judgement = self.answers.judge(exchange, Expected.STREAM)
        judgement.merge(self._acceptance(workflow, exchange, requirement))
        if exchange.status is not None and exchange.status >= 500:
            self.failed_streams.setdefault(workflow.id, exchange)
        if exchange.status != 200:
            return judgement, None
        judgement.merge(judge_media_type(exchange, stream=stream))
        if not exchange.is_stream:
            return judgement, None
        session_id = exchange.request.field("session_id")
        found, judge = judge_stream(
            exchange,
            validators=self.validators,
            workflow_id=workflow.id,
            workflow_name=workflow.name,
            session_id=(session_id or None) if check_session else None,
        )
        judgement.merge(found)
        message = exchange.request.field("message") or ""
        run = StreamedRun(workflow.id, message, exchange, judge)
        self.all_streams.append(run)
        judgement.merge(self._ran_again(workflow, run))
        judgement.merge(
            self.judge_ids(exchange, run.run_id, None if session_id else run.session_id)
        )
        return judgement, run

    def batch(
        self,
        workflow: Workflow,
        *,
        message: str | None = None,
        extra: Fields = (),
        session_id: str | None = None,
        user_id: str | None = None,
        requirement: str | None = "form.valid-accepted",
        rename: Rename | None = None,
        content_type: str | None = None,
        once: bool = False,
    ) -> BatchRun:
        """Run a workflow in batch and judge it.

        `requirement` is what a refusal breaks, and an answer with 500 where the same message ran
        before; None lets the latter pass. `content_type` is the form's, where not the plain one.
        `once`: not again where the server fails, as what it had been asked before may be why.
        """
        fields = [
            ("message", workflow.message if message is None else message),
            ("stream", "false"),
        ]
        if session_id is not None:
            fields.append(("session_id", session_id))
        if user_id is not None:
            fields.append(("user_id", user_id))
        fields += extra
        if content_type is None:
            request = self.request(workflow.id, fields)
        else:
            content = urlencode(fields).encode("ascii")
            request = self.request(workflow.id, content=content, content_type=content_type)
        request = replace(request, timeout=self._timeout(workflow))
        exchange = self.client.send(request)
        if not once:
            exchange = self._unless_sporadic(workflow, exchange, requirement)
        judgement, run = self.judgement_of_batch(
            workflow,
            exchange,
            requirement=requirement or "form.valid-accepted",
            message=fields[0][1],
        )
        judgement.rename(rename or {})
        self.record(judgement)
        return run

    def judgement_of_batch(
        self,
        workflow: Workflow,
        exchange: Exchange,
        *,
        requirement: str = "form.valid-accepted",
        message: str | None = None,
    ) -> tuple[Judgement, BatchRun]:
        """What a batch answer showed, not yet recorded. `message`: as it was certainly sent."""
        judgement = self.answers.judge(exchange, Expected.BATCH)
        judgement.merge(self._acceptance(workflow, exchange, requirement))
        sent, message = message, message or exchange.request.field("message") or ""
        run = BatchRun(workflow.id, message, exchange, {})
        self.all_batches.append(run)
        if exchange.status != 200 or exchange.error is not None:
            return judgement, run
        judgement.merge(judge_media_type(exchange, stream=False))
        if exchange.media_type != JSON:
            return judgement, run
        judgement.merge(self.answers.judge_batch_body(exchange))
        body = parse_object(exchange.body)
        if body is None:
            text = exchange.body[:80].decode("utf-8", "replace")
            judgement.breach("batch.body", f"the body is no JSON object: {text}", exchange)
            return judgement, run
        run.body = body
        self._ran.add((workflow.id, message))
        session_id = exchange.request.field("session_id") or None
        found = judge_batch(
            exchange,
            body,
            workflow_id=workflow.id,
            workflow_name=workflow.name,
            message=sent if workflow.input_schema is None else None,
            session_id=session_id,
            user_id=exchange.request.field("user_id") or None,
        )
        if sent != workflow.message:
            # With its own message it says whether an input is given back at all.
            found.rename({"batch.input": "form.text-kept"})
        judgement.merge(found)
        given = body.get("session_id") if session_id is None else None
        judgement.merge(self.judge_ids(exchange, body.get("run_id"), given))
        return judgement, run

    def _token_kept_secret(self, exchange: Exchange) -> None:
        """No 401 may tell the right token to somebody who did not send it."""
        token, sent = self.client.token, exchange.request.authorization
        if token is None or exchange.status != 401 or (sent and token in sent.value):
            return
        told = exchange.body + str(exchange.headers).encode()
        message = "a 401 tells the right token to somebody who did not send it"
        self.require("authentication.token-secret", token.encode() not in told, message, exchange)

    def _timeout(self, workflow: Workflow) -> float | None:
        """Seconds after which its batch run hangs: where its stream was quick, so is that."""
        stream = self.streams.get(workflow.id)
        if stream is None or not stream.is_completed:
            return None
        return max(self.client.limits.idle, 10 * stream.seconds)

    def _unless_sporadic(
        self, workflow: Workflow, exchange: Exchange, requirement: str | None
    ) -> Exchange:
        """The answer, or that of a second try where the server failed at what had run before."""
        status, message = exchange.status, exchange.request.field("message") or ""
        if not any(workflow_id == workflow.id for workflow_id, _ in self._ran):
            return exchange
        self.findings.exercise("error.sporadic", exchanges=[exchange])
        if status is None or (status < 500 and status != 429):
            return exchange
        self.record(self.answers.judge(exchange, Expected.ANY))
        again = self.client.send(exchange.request)
        if again.status == 200:
            message = f"{workflow.id} ran before, failed with {exchange.summary}, and runs again"
            self.breach("error.sporadic", message, exchange, again)
        elif (
            (workflow.id, message) in self._ran
            and requirement is not None
            and again.status is not None
            and again.status >= 500
        ):
            message = f"{workflow.id} ran with that message before, and now: {again.summary}"
            self.breach(requirement, message, exchange, again)
        return again

    def _ran_again(self, workflow: Workflow, run: StreamedRun) -> Judgement:
        """Whether what ran to its end before does so now; of a model nobody can ask that."""
        judgement = Judgement()
        key = (workflow.id, run.message)
        if run.is_completed:
            self._ran.add(key)
            self._streamed.add(key)
        if run.terminal is None or key not in self._streamed or workflow.deterministic is False:
            return judgement
        judgement.exercise("error.sporadic")
        if run.terminal.get("event") == "WorkflowError":
            said = run.terminal.get("error")
            message = f"{workflow.id} ran with that message before, and now failed: {said!r}"
            judgement.breach("error.sporadic", message, run.exchange)
        return judgement

    # -- findings

    def record(self, judgement: Judgement, *, generated: bool = False) -> None:
        """Add a judgement to the findings."""
        self.findings.exercise(
            *judgement.exercised, generated=generated, exchanges=[judgement.exchange]
        )
        for breach in judgement.breaches:
            self.findings.breach(breach, generated=generated)

    def breach(self, requirement: str, message: str, *exchanges: Exchange) -> None:
        """A requirement was broken, as these exchanges show, in that order."""
        commands = "\n".join(exchange.curl for exchange in exchanges)
        exchange = exchanges[-1] if exchanges else None
        self.findings.breach(
            Breach(requirement, message, commands, exchange, before=exchanges[:-1])
        )

    def require(self, requirement: str, kept: bool, message: str, *exchanges: Exchange) -> None:
        """A requirement was exercised, and broken unless `kept`."""
        self.findings.exercise(requirement, exchanges=exchanges)
        if not kept:
            self.breach(requirement, message, *exchanges)

    def _acceptance(self, workflow: Workflow, exchange: Exchange, requirement: str) -> Judgement:
        """A valid form from somebody who is let in, for a workflow that exists."""
        judgement = Judgement()
        status = exchange.status
        if status is None:
            return judgement
        if not self.was_let_in:
            require_auth(exchange, self.client.token)
            if status == 404:
                raise CouldNotRun(f"it has no workflow {workflow.id!r} (404)")
        if self.client.token is not None:
            judgement.exercise("authentication.right-token")
            if status in (401, 403):
                message = f"the right token was answered with {exchange.summary}"
                judgement.breach("authentication.right-token", message, exchange)
        judgement.exercise("routing.known-workflow", requirement)
        if status == 404:
            message = f"{workflow.id} exists and was answered with {exchange.summary}"
            judgement.breach("routing.known-workflow", message, exchange)
        if status in REFUSED:
            message = f"a valid form was answered with {exchange.summary}"
            judgement.breach(requirement, message, exchange)
        if status == 200:
            self.was_let_in = True
        return judgement

    def judge_ids(self, exchange: Exchange, run_id: Any, session_id: Any) -> Judgement:
        """Ids that must be new. `session_id` only where none was asked for."""
        judgement = Judgement()
        for requirement, identifier, said in (
            ("identity.run-id-fresh", run_id, "run_id {} had been given to another run before"),
            (
                "identity.session-id-fresh",
                session_id,
                "no session was asked for, and {} had been given out before",
            ),
        ):
            if not isinstance(identifier, str) or not identifier:
                continue
            judgement.exercise(requirement)
            key, now = (requirement, identifier), (exchange, self.findings.check)
            first, check = self._given.setdefault(key, now)
            if first is not exchange:
                judgement.breaches.append(
                    Breach(
                        requirement,
                        said.format(identifier),
                        f"{first.curl}\n{exchange.curl}",
                        exchange,
                        before=(first,),
                        earlier_check=check,
                    )
                )
        return judgement


class EventValidators(Mapping[str, PayloadValidator]):
    """The validators of the events' payloads, each compiled when its event first comes."""

    def __init__(self, document: Document) -> None:
        self._schemas = document.event_schemas
        self._compiled: dict[str, PayloadValidator] = {}

    def __getitem__(self, name: str) -> PayloadValidator:
        if name not in self._compiled:
            self._compiled[name] = jsonschema_rs.Draft202012Validator(self._schemas[name])
        return self._compiled[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._schemas)

    def __len__(self) -> int:
        return len(self._schemas)


@lru_cache(maxsize=4)
def _compiled(document: Document) -> tuple[AnswerJudge, FormOracle, EventValidators]:
    """What is made of a document once, however many targets are tested by it."""
    return AnswerJudge(document), FormOracle(document), EventValidators(document)
