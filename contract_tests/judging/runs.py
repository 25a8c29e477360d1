"""Judges answers to requests that start a run: streams, batch bodies, refusals.

What any answer shows is judged by `answers`, a stream's events by `streams`, a batch body by
`batches`; here they come together, with what only the runs before can show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import jsonschema_rs

from agentos_contract.document import Document
from agentos_contract.json_values import parse_object, repeated_name
from agentos_contract.judge import PayloadValidator
from contract_tests.judging.answers import JSON, AnswerJudge, Expected
from contract_tests.judging.batches import BatchRun, judge_batch
from contract_tests.judging.history import History
from contract_tests.judging.judgement import Judgement
from contract_tests.judging.rules import ANY_RUN, RunRules
from contract_tests.judging.streams import StreamedRun, judge_media_type, judge_stream
from contract_tests.target.exchange import Exchange
from contract_tests.target.problems import CouldNotRun
from contract_tests.target.target import Workflow, require_auth

REFUSED = frozenset({400, 415, 422})


class RunsJudge:
    """Judges answers to valid forms, by the document and by the runs before."""

    def __init__(
        self,
        answers: AnswerJudge,
        validators: Mapping[str, PayloadValidator],
        history: History,
        token: str | None,
    ) -> None:
        """`validators`: of the events' payloads. `token`: the right one, where there is one."""
        self.answers = answers
        self._validators = validators
        self._history = history
        self._token = token

    def stream(
        self,
        workflow: Workflow,
        exchange: Exchange,
        rules: RunRules = ANY_RUN,
        *,
        explicit: bool = True,
    ) -> tuple[Judgement, StreamedRun | None]:
        """What the answer to a request for a stream shows; no run where there was no stream.

        `explicit`: whether the form said `stream=true`.
        """
        judgement = self.answers.judge(exchange, Expected.STREAM)
        judgement.merge(self._acceptance(workflow, exchange, rules))
        if exchange.status is not None and exchange.status >= 500:
            self._history.failed_streams.setdefault(workflow.id, exchange)
        if exchange.status != 200:
            return judgement, None
        judgement.merge(judge_media_type(exchange, stream=explicit or None))
        if not exchange.is_stream:
            return judgement, None
        found, judge = judge_stream(exchange, workflow, self._validators, rules)
        judgement.merge(found)
        message = exchange.request.field("message") or ""
        run = StreamedRun(workflow.id, message, exchange, judge)
        self._history.add_stream(run)
        judgement.merge(self._history.judge_announced(run))
        judgement.merge(self._history.judge_nested_ids(run))
        if rules.repeated is not None:
            judgement.merge(self._repeated(workflow, run, rules.repeated))
        given = None if exchange.request.field("session_id") else run.session_id
        judgement.merge(self._history.judge_ids(exchange, run.run_id, given, rules))
        return judgement, run

    def batch(
        self,
        workflow: Workflow,
        exchange: Exchange,
        rules: RunRules = ANY_RUN,
        *,
        message: str | None = None,
    ) -> tuple[Judgement, BatchRun]:
        """What the answer to a request for a batch run shows. `message`: as it was certainly
        sent."""
        judgement = self.answers.judge(exchange, Expected.BATCH)
        judgement.merge(self._acceptance(workflow, exchange, rules))
        run = BatchRun(workflow.id, message or exchange.request.field("message") or "", exchange)
        self._history.all_batches.append(run)
        if not exchange.succeeded:
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
        if (repeated := repeated_name(exchange.body)) is not None:
            text = f"the body has {repeated!r} twice in one object"
            judgement.breach("batch.body", text, exchange)
        run.body = body
        self._history.add_batch(run)
        sent = message if workflow.input_schema is None else None
        judgement.merge(judge_batch(exchange, body, workflow, sent, rules))
        judgement.merge(self._history.judge_told(run))
        given = None if exchange.request.field("session_id") else body.get("session_id")
        judgement.merge(self._history.judge_ids(exchange, body.get("run_id"), given, rules))
        return judgement, run

    def _acceptance(self, workflow: Workflow, exchange: Exchange, rules: RunRules) -> Judgement:
        """A valid form from somebody who is let in, for a workflow that exists."""
        judgement = Judgement()
        status = exchange.status
        if status is None:
            return judgement
        if not self._history.was_let_in:
            require_auth(exchange, self._token)
            if status == 404:
                raise CouldNotRun(f"it has no workflow {workflow.id!r} (404)")
        if self._token is not None:
            text = f"the right token was answered with {exchange.summary}"
            is_let_in = status not in (401, 403)
            judgement.require("authentication.right-token", is_let_in, text, exchange)
        text = f"{workflow.id} exists and was answered with {exchange.summary}"
        judgement.require("routing.known-workflow", status != 404, text, exchange)
        text = f"a valid form was answered with {exchange.summary}"
        judgement.require(rules.refused, status not in REFUSED, text, exchange)
        if status == 200:
            self._history.was_let_in = True
        return judgement

    def _repeated(self, workflow: Workflow, run: StreamedRun, requirement: str) -> Judgement:
        """Whether what ran to its end before does so now; of a model nobody can ask that."""
        judgement = Judgement()
        ran_before = self._history.has_streamed(workflow.id, run.message)
        if run.terminal is not None and ran_before and workflow.deterministic is not False:
            said = run.terminal.get("error")
            text = f"{workflow.id} ran with that message before, and now failed: {said!r}"
            is_kept = run.terminal.get("event") != "WorkflowError"
            judgement.require(requirement, is_kept, text, run.exchange)
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
