"""What is known of the runs and sessions of a sequence, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agentos_contract.events import TERMINAL_EVENTS
from agentos_contract.json_values import mappings, parse_json, parse_object, unlike
from contract_tests.checks.context import Context
from contract_tests.fuzzing.baseline import Baseline
from contract_tests.fuzzing.in_flight import InFlightRun
from contract_tests.judging.answers import Expected
from contract_tests.judging.batches import BatchRun
from contract_tests.judging.judgement import Judgement
from contract_tests.judging.outcomes import (
    RunOutcome,
    difference,
    outcome_of_batch,
    outcome_of_stream,
)
from contract_tests.judging.rules import RunRules
from contract_tests.judging.streams import StreamedRun
from contract_tests.target.exchange import Exchange
from contract_tests.target.operations import RUN_IS_OVER

WENT_ON_SECONDS = 1.0
"""A run that completes so long after its cancelling was answered has not been cancelled."""

History = tuple[tuple[str, str], ...]
"""What ran in a session before: workflow and message of each."""


@dataclass
class _Session:
    """A session of the sequence's own."""

    user: str | None
    """Who began it."""
    is_shared: bool = False
    """Whether others ran in it too: what becomes of that nobody says."""
    completed: list[str] = field(default_factory=list)
    """Ids of the runs that it must have."""
    in_flight: int = 0
    overlapped: bool = False
    """Whether two runs were ever in flight at a time."""
    history: History | None = ()
    """None where two runs were in flight at a time, or one did not complete."""


class Model:
    """One sequence's runs and sessions, as they must be."""

    def __init__(self, context: Context, baseline: Baseline) -> None:
        self._context = context
        self._baseline = baseline
        self._workflows = {workflow.id: workflow for workflow in context.target.workflows}
        self._sessions: dict[str, _Session] = {}
        self._contents: dict[str, object] = {}
        """Contents of completed runs, by run id."""
        self._outcomes: dict[tuple[str, str, History], RunOutcome] = {}
        self._cancelled: dict[str, Exchange] = {}
        """The first answer to a run's cancelling, by run id."""

    # -- sessions

    def started(self, run: InFlightRun) -> None:
        if run.asked_session:
            session = self._session(run.asked_session, run)
            if session.in_flight:
                session.history = None
                session.overlapped = True
            session.in_flight += 1

    def _session(self, session_id: str, run: InFlightRun) -> _Session:
        user = run.step.user or None
        session = self._sessions.setdefault(session_id, _Session(user))
        session.is_shared = session.is_shared or session.user != user
        return session

    def completed_in(self, session_id: str) -> list[str]:
        """Ids of the runs that the session must have by now."""
        session = self._sessions.get(session_id)
        return [] if session is None or session.is_shared else session.completed

    def fullest_sessions(self, number: int) -> list[str]:
        """Those that most runs have completed in, of those with two and more."""
        several = [name for name in self._sessions if len(self.completed_in(name)) > 1]
        return sorted(several, key=lambda name: -len(self.completed_in(name)))[:number]

    def ended(self, run: InFlightRun, *, completed: bool) -> None:
        """A run is over, or was left."""
        if run.session_id is None:
            return
        session = self._session(run.session_id, run)
        if run.asked_session:
            session.in_flight -= 1
        if not completed or run.step.extra or run.step.user is not None:
            session.history = None
        elif session.history is not None:
            session.history = (*session.history, (run.step.workflow, run.message))

    def _completed(self, run: InFlightRun, content: object) -> None:
        if run.run_id is not None:
            self._contents[run.run_id] = content
            if run.session_id is not None:
                self._session(run.session_id, run).completed.append(run.run_id)

    # -- a run's answer

    def judge_run(self, run: InFlightRun, exchange: Exchange) -> Judgement:
        """A run's answer that is over."""
        step, workflow = run.step, self._workflows[run.step.workflow]
        if run.message in [wrong.text for wrong in workflow.wrong_messages]:
            judgement = self._context.answers.judge(exchange, Expected.ANY)
            said = f"a message that breaks the input_schema: got {exchange.summary}, not 400"
            is_refused = exchange.status in (400, None)
            judgement.require("form.input-schema", is_refused, said, exchange)
            self.ended(run, completed=False)
            return judgement
        rules = RunRules(
            refused=_refused(run),
            end="cancel.one-terminal-event" if run.cancelled_at is not None else None,
        )
        if step.stream == "false":
            judgement, batch = self._context.judge.batch(workflow, exchange, rules)
            run.note_ids(batch.body.get("run_id"), batch.body.get("session_id"))
            self._judge_batch(run, batch, judgement)
        else:
            judgement, stream = self._context.judge.stream(
                workflow, exchange, rules, explicit=step.stream == "true"
            )
            if stream is None:
                self.ended(run, completed=False)
            else:
                run.note_ids(stream.run_id, stream.session_id)
                self._judge_stream(run, stream, judgement)
        if step.message is not None or step.user is not None or step.extra:
            self.judge_text(step.workflow, exchange, judgement)
        return judgement

    def judge_text(self, workflow_id: str, exchange: Exchange, judgement: Judgement) -> None:
        """What the page allows in a form is no reason to fail, where the workflow usually
        completes."""
        usual = self._baseline.usual.get(workflow_id)
        if usual is not None and usual.completes and exchange.status is not None:
            message = f"a valid form with other texts than usual: {exchange.summary}"
            judgement.require("form.text-kept", exchange.status < 500, message, exchange)

    def _judge_batch(self, run: InFlightRun, batch: BatchRun, judgement: Judgement) -> None:
        exchange, sent = batch.exchange, run.step.message
        if sent is not None and exchange.status == 200:
            given = batch.body.get("input", sent)
            told, came = unlike(sent, given)
            message = f"the message was {told} and arrived as {came}"
            is_kept = given == sent or not isinstance(given, str)
            judgement.require("form.text-kept", is_kept, message, exchange)
        is_completed = batch.body.get("status") == "COMPLETED"
        if is_completed:
            self._completed(run, batch.body.get("content"))
        self._judge_outcome(run, outcome_of_batch(batch), exchange, judgement)
        self.ended(run, completed=is_completed)

    def _judge_stream(self, run: InFlightRun, stream: StreamedRun, judgement: Judgement) -> None:
        exchange = stream.exchange
        terminals = [e.event for _, e in exchange.events if e.event in TERMINAL_EVENTS]
        if run.cancelled_at is not None:
            went_on = stream.seconds - run.cancelled_at
            is_late = terminals == ["WorkflowCompleted"] and went_on > WENT_ON_SECONDS
            message = (
                f"cancelled {run.cancelled_at:.1f} s after its start, the run went on for "
                f"{went_on:.1f} s and completed"
            )
            judgement.require("cancel.one-terminal-event", not is_late, message, exchange)
            # Cancelling came too late for the run, not for each of its steps: what it says of
            # their results is no other fault.
            judgement.breaches = [
                one for one in judgement.breaches if not one.requirement.startswith("results.")
            ]
            self.ended(run, completed=False)
            return
        if "WorkflowCancelled" in terminals and run.run_id not in self._cancelled:
            message = "nobody cancelled this run, and it ends with WorkflowCancelled"
            judgement.breach("session.isolation", message, exchange)
        if stream.is_completed and stream.terminal is not None:
            self._completed(run, stream.terminal.get("content"))
        self._judge_outcome(run, outcome_of_stream(stream), exchange, judgement)
        self.ended(run, completed=stream.is_completed)

    def _judge_outcome(
        self, run: InFlightRun, outcome: RunOutcome, exchange: Exchange, judgement: Judgement
    ) -> None:
        """The same workflow comes to the same, sent the same message after the same runs."""
        step = run.step
        usual = self._baseline.usual.get(step.workflow)
        session = self._sessions.get(run.asked_session or "", _Session(None))
        history = session.history
        is_comparable = usual is not None and usual.outcome is not None and outcome is not None
        if not is_comparable or history is None or step.extra or step.user is not None:
            return
        assert usual is not None
        key = (step.workflow, run.message, history)
        first = self._outcomes.setdefault(key, outcome)
        if step.message is None and not history:
            first = usual.outcome
        text = ""
        if first != outcome:
            differs = difference(first, outcome, ("in another run", "in this one"))
            text = f"{step.workflow}, asked the same in a session like that: {differs}"
        judgement.require("batch.equals-stream", not text, text, exchange)

    # -- other answers

    def judge_cancelling(
        self, run: InFlightRun, exchange: Exchange, judgement: Judgement, *, was_over: bool
    ) -> None:
        """The answer to a cancelling."""
        assert run.run_id is not None
        first = self._cancelled.setdefault(run.run_id, exchange)
        if exchange.error is not None:
            return
        message = f"cancelled once: {first.summary}; cancelled again: {exchange.summary}"
        is_same = first.status == exchange.status or (was_over and exchange.status in RUN_IS_OVER)
        judgement.require("cancel.idempotent", is_same, message, exchange)
        if not was_over and exchange.status != 200:
            message = f"an in-flight run was to be cancelled: {exchange.summary}"
            judgement.breach("cancel.one-terminal-event", message, exchange)

    def judge_read_run(self, run: InFlightRun, exchange: Exchange, judgement: Judgement) -> None:
        """A run that was read back: one that completed must be there, as its answer had it."""
        is_kept = run.session_id is not None and run.run_id in self.completed_in(run.session_id)
        if not is_kept or exchange.error is not None:
            return
        assert run.run_id is not None
        judgement.exercise("session.continuity")
        if exchange.status != 200:
            message = f"the run {run.run_id} completed and is not there: {exchange.summary}"
            is_overlapped = self._sessions[run.session_id or ""].overlapped
            when = frozenset({"overlapping"} if is_overlapped else ())
            judgement.breach("session.continuity", message, exchange, when=when)
        body = parse_object(exchange.body) or {} if exchange.status == 200 else {}
        content = self._contents[run.run_id]
        for key, wanted in (("run_id", run.run_id), ("status", "COMPLETED"), ("content", content)):
            if exchange.status == 200 and body.get(key) != wanted:
                came, was = unlike(body.get(key), wanted)
                message = f"the run was read back with the {key} {came}, not {was}"
                judgement.breach("session.continuity", message, exchange)

    def judge_read_session(
        self, session_id: str, expected: Sequence[str], exchange: Exchange, judgement: Judgement
    ) -> None:
        """A session's list, which has all runs that completed in it."""
        if not expected or exchange.error is not None:
            return
        runs = parse_json(exchange.body) if exchange.status == 200 else None
        listed = [run.get("run_id") for run in mappings(runs)]
        missing = [run_id for run_id in expected if run_id not in listed]
        message = (
            f"the session {session_id} had {len(expected)} completed runs and lists "
            f"{len(listed)}; missing: {', '.join(missing)} ({exchange.status})"
        )
        judgement.exercise("session.continuity")
        if missing:
            is_overlapped = self._sessions[session_id].overlapped
            when = frozenset({"overlapping"} if is_overlapped else ())
            judgement.breach("session.continuity", message, exchange, when=when)
        strangers = [run_id for run_id in listed if self._is_elsewhere(run_id, session_id)]
        if strangers:
            message = f"the session {session_id} lists a run of another one: {strangers[0]}"
            judgement.breach("session.isolation", message, exchange)
        if len(set(map(str, listed))) < len(listed):
            message = f"the session {session_id} lists a run twice"
            judgement.breach("session.continuity", message, exchange)

    def _is_elsewhere(self, run_id: object, session_id: str) -> bool:
        """Whether a run completed in another session, and not in this one."""
        return run_id not in self._sessions[session_id].completed and any(
            run_id in session.completed for session in self._sessions.values()
        )


def _refused(run: InFlightRun) -> str:
    """What is broken where a run's form is refused."""
    if not run.message:
        return "form.message-any-string"
    if ("version", "null") in run.step.extra:
        return "form.version-null"
    return "form.unknown-fields" if run.step.extra else "form.valid-accepted"
