"""Carries a sequence out against the target, and judges every answer by what judges it in the main
command; what only a sequence can show is judged by `Model`."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace

from contract_tests.checks.form_answers import (
    judge_form_answer,
    suspects_of_acceptance,
    suspects_of_refusal,
)
from contract_tests.forms.form import Validity
from contract_tests.fuzzing.connection import Connection
from contract_tests.fuzzing.in_flight import InFlightRun
from contract_tests.fuzzing.model import Model
from contract_tests.fuzzing.outcome import Outcome, TargetGone, TimeUp
from contract_tests.fuzzing.steps import (
    MARK,
    Await,
    Cancel,
    Disconnect,
    Form,
    Odd,
    ReadRun,
    ReadSession,
    Run,
    Step,
)
from contract_tests.judging.answers import Expected
from contract_tests.judging.judgement import Judgement
from contract_tests.judging.rules import ANY_RUN
from contract_tests.target.budget import NoMoreRuns
from contract_tests.target.exchange import Exchange, Request, TransferError
from contract_tests.target.operations import cancel_run, read_run, read_session

GRACE_SECONDS = 5.0
"""How long in-flight runs may go on when the time is up."""

REVIVAL_SECONDS = 5.0
"""How long a server that nobody reaches any more may take to be back."""


def carry_out(connection: Connection, steps: Sequence[Step]) -> Outcome:
    """Carry out a sequence; it ends at the first step that shows something new.

    Raises TimeUp, TargetGone.
    """
    connection.begin()
    execution = _Execution(connection, steps)
    try:
        execution.run()
    except NoMoreRuns as reason:
        raise TimeUp(str(reason)) from None
    finally:
        execution.close()
        connection.context.history.forget_answers()
    return execution.outcome


class _Execution:
    """One time that a sequence is carried out."""

    def __init__(self, connection: Connection, steps: Sequence[Step]) -> None:
        self.connection = connection
        self.context = connection.context
        self.steps = steps
        self.outcome = Outcome()
        self.runs: dict[int, InFlightRun] = {}
        """By the position of their step."""
        self.mark = MARK.replace("0" * 12, secrets.token_hex(6))
        self.model = Model(self.context, connection.baseline)
        self.position = 0
        self.is_odd = False
        """Whether something was asked that a server might not survive."""
        self._by_kind: dict[type[Step], Callable[..., None]] = {
            Run: self._run,
            Form: self._form,
            Odd: self._odd,
            Cancel: self._cancel,
            Disconnect: self._disconnect,
            Await: lambda step: self._await(step.run),
            ReadRun: self._read_run,
            ReadSession: self._read_session,
        }

    # -- the sequence

    def run(self) -> None:
        for position, step in enumerate(self.steps):
            if self._seconds_left <= 0:
                raise TimeUp
            self.position = position
            self._by_kind[type(step)](step)
            if self._is_something_new:
                break
        was_new = self._is_something_new
        self.position = len(self.steps)
        for position in self.runs:
            self._await(position)
        if not was_new and not self._is_something_new and self._seconds_left > 0:
            self._look_back()

    @property
    def _is_something_new(self) -> bool:
        return any(seen.key not in self.connection.found for seen in self.outcome.seen)

    def _look_back(self) -> None:
        """Look at the sessions, and ask whether the server still answers."""
        if "get_session_runs" in self.connection.baseline.companions:
            for session_id in self.model.fullest_sessions(2):
                self._list(session_id, "does it have all its runs?")
        for step in self.connection.plain if self.is_odd else ():
            assert isinstance(step, Run)
            exchange = self._send(self._request(step), "does it still answer?")
            judgement = self.context.answers.judge(
                exchange, Expected.BATCH, transfer="error.recovery"
            )
            if exchange.status != 200 and exchange.error is None:
                message = f"after all that a good request was answered with {exchange.summary}"
                judgement.breach("error.recovery", message, exchange)
            self._see(judgement, "recovery")

    def close(self) -> None:
        """Leave what is still in flight: time is up, or something went wrong."""
        for run in self.runs.values():
            if run.future.done():
                continue
            if "cancel_workflow_run" in self.connection.baseline.companions and run.run_id:
                with contextlib.suppress(Exception):
                    self.context.client.start(self._cancelling(run)).result(GRACE_SECONDS)
            run.future.cancel()

    # -- runs

    def _run(self, step: Run) -> None:
        request = self._request(step)
        self._say(request, "beside what comes next" if step.beside else "")
        run = self.runs[self.position] = InFlightRun(step, request, self.context.client)
        self.model.started(run)
        if not step.beside:
            self._finish(run)

    def _request(self, step: Run) -> Request:
        workflow = next(w for w in self.context.target.workflows if w.id == step.workflow)
        fields = [("message", workflow.message if step.message is None else step.message)]
        if step.stream is not None:
            fields.append(("stream", step.stream))
        session_id = step.session
        if session_id is not None and session_id.startswith("run:"):
            session_id = self.runs[int(session_id.removeprefix("run:"))].session_id
        if session_id is not None:
            fields.append(("session_id", session_id.replace(MARK, self.mark)))
        if step.user is not None:
            fields.append(("user_id", step.user))
        request = self.context.requests.make(step.workflow, [*fields, *step.extra])
        return replace(request, headers=step.headers)

    def _await(self, position: int) -> None:
        """Read a run to its end, unless that takes too long: such a one is left."""
        run = self.runs.get(position)
        if run is None or run.exchange is not None:
            return
        if self.connection.baseline.is_lasting(run.step.workflow) and run.cancelled_at is None:
            self._leave(run)
        else:
            self._finish(run)

    def _finish(self, run: InFlightRun) -> None:
        """Read a run to its end and judge it."""
        try:
            run.exchange = run.future.result(max(0.0, self._patience))
        except TimeoutError:
            raise TimeUp from None
        except CancelledError:
            return
        self._reached(run.exchange)
        self._see(self.model.judge_run(run, run.exchange), "run")

    def _cancelling(self, run: InFlightRun) -> Request:
        return cancel_run(self.context.document, run.step.workflow, run.run_id or "")

    def _cancel(self, step: Cancel) -> None:
        run = self.runs.get(step.run)
        if run is None or run.is_left:
            return
        run.wait_for(step.after, self._patience)
        if not run.run_id:
            return
        self.is_odd = True
        was_over = run.future.done()
        note = f"cancels the run of {step.run + 1}, after {step.after} of its events"
        exchange = self._send(self._cancelling(run), note)
        if exchange.succeeded and not was_over:
            run.cancelled_at = run.cancelled_at or time.monotonic() - run.started
        judgement = self._judge_companion(exchange)
        self.model.judge_cancelling(run, exchange, judgement, was_over=was_over)
        self._see(judgement, "cancel")

    def _disconnect(self, step: Disconnect) -> None:
        run = self.runs.get(step.run)
        if run is not None and run.exchange is None:
            run.wait_for(step.after, self._patience)
            self.is_odd = True
            self._say(None, f"kill the curl of {step.run + 1}, after {step.after} of its events")
            self._leave(run)

    def _leave(self, run: InFlightRun) -> None:
        """Hang up."""
        if not run.future.cancel():
            self._finish(run)
            return
        run.is_left = True
        run.exchange = self.connection.wait_closed(run.request)
        if run.exchange is not None:
            judgement = self.context.history.judge_ids(run.exchange, run.run_id, None, ANY_RUN)
            self.model.ended(run, completed=False)
            self._see(judgement, "disconnect")

    # -- other requests

    def _form(self, step: Form) -> None:
        context = self.context
        workflow = next(w for w in context.target.workflows if w.id == step.workflow)
        content = step.content.replace(MARK.encode(), self.mark.encode())
        verdict = context.forms.judge(content, step.content_type)
        if verdict.validity is Validity.VALID and ";" in (step.content_type or ""):
            # A charset that is another, or none, may be refused.
            verdict = type(verdict)(Validity.UNDECIDED, (), verdict.fields, verdict.undeclared)
        self.is_odd = self.is_odd or verdict.validity is not Validity.VALID
        exchange = self._send(
            context.requests.make(step.workflow, content=content, content_type=step.content_type)
        )
        accepted, refused = suspects_of_acceptance(verdict), suspects_of_refusal(verdict)
        judgement = judge_form_answer(
            context,
            workflow,
            verdict,
            exchange,
            self.connection.counted.is_known,
            accepted=(accepted and None not in accepted and accepted[0]) or "form.invalid-refused",
            refused=refused[0] if refused else "form.valid-accepted",
        )
        if verdict.validity is Validity.VALID:
            self.model.judge_text(step.workflow, exchange, judgement)
        self._see(judgement, "run")

    def _odd(self, step: Odd) -> None:
        self.is_odd = True
        exchange = self._send(Request(step.method, step.path, headers=step.headers))
        judgement = self.context.answers.judge(exchange, Expected.REFUSAL, is_documented=False)
        if step.expects == "404":
            message = f"no workflow has that id: expected 404, got {exchange.summary}"
            is_kept = exchange.status in (404, None)
            judgement.require("routing.unknown-workflow", is_kept, message, exchange)
        elif step.expects == "405":
            message = f"{step.method}: expected 405, got {exchange.summary}"
            is_kept = exchange.status in (405, None)
            judgement.require("routing.method-not-allowed", is_kept, message, exchange)
        self._see(judgement, "odd request")

    def _read_run(self, step: ReadRun) -> None:
        run = self.runs.get(step.run)
        if run is not None and run.run_id and run.session_id:
            ids = (run.step.workflow, run.session_id, run.run_id)
            request = read_run(self.context.document, *ids)
            exchange = self._send(request, f"reads the run of {step.run + 1} back")
            judgement = self._judge_companion(exchange)
            self.model.judge_read_run(run, exchange, judgement)
            self._see(judgement, "run read back")

    def _read_session(self, step: ReadSession) -> None:
        run = self.runs.get(step.run)
        if run is not None and run.session_id:
            self._list(run.session_id, f"lists the runs of the session of {step.run + 1}")

    def _list(self, session_id: str, note: str) -> None:
        expected = list(self.model.completed_in(session_id))
        exchange = self._send(read_session(self.context.document, session_id), note)
        judgement = self._judge_companion(exchange)
        self.model.judge_read_session(session_id, expected, exchange, judgement)
        self._see(judgement, "session read back")

    # -- parts

    def _judge_companion(self, exchange: Exchange) -> Judgement:
        """What holds for any answer, of an operation that the page does not document."""
        return self.context.answers.judge(exchange, Expected.ANY, is_documented=False)

    @property
    def _seconds_left(self) -> float:
        return self.connection.deadline - time.monotonic()

    @property
    def _patience(self) -> float:
        """How long an answer may take that is awaited."""
        return min(self._seconds_left + GRACE_SECONDS, threading.TIMEOUT_MAX)

    def _send(self, request: Request, note: str = "") -> Exchange:
        self._say(request, note)
        future = self.context.client.start(request)
        try:
            exchange = future.result(max(0.0, self._patience))
        except TimeoutError:
            future.cancel()
            raise TimeUp from None
        self._reached(exchange)
        return exchange

    def _reached(self, exchange: Exchange) -> None:
        """Raises TargetGone where nothing listens any more, and nothing comes back."""
        if exchange.error is not TransferError.UNREACHABLE:
            return
        until = time.monotonic() + REVIVAL_SECONDS
        while time.monotonic() < until:
            again = self.context.client.send(Request("GET", "/"))
            if again.error is not TransferError.UNREACHABLE:
                return
            time.sleep(0.2)
        judgement = Judgement()
        message = f"the server is gone: {exchange.error_message}"
        judgement.breach("error.recovery", message, exchange)
        self._see(judgement, "gone")
        raise TargetGone(self.outcome)

    def _see(self, judgement: Judgement, kind: str) -> None:
        self.outcome.seen += self.connection.counted.breaches(judgement, kind, self.position)

    def _say(self, request: Request | None, note: str) -> None:
        self.outcome.sent.append((request, note))
