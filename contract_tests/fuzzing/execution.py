"""Carries a sequence out against the target, and judges every answer by what judges it in the main
command; what only a sequence can show is judged by `Model`."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Collection, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agentos_contract.json_values import read_json_object
from agentos_contract.sse import ServerSentEvent
from contract_tests.checks.context import Context
from contract_tests.checks.form_answers import (
    judge_form_answer,
    suspects_of_acceptance,
    suspects_of_refusal,
)
from contract_tests.forms.form import Validity
from contract_tests.fuzzing.baseline import Baseline
from contract_tests.fuzzing.model import Model
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
    Steps,
)
from contract_tests.judging.answers import Expected
from contract_tests.judging.conditions import Conditions
from contract_tests.judging.judgement import Breach, Judgement
from contract_tests.judging.rules import ANY_RUN
from contract_tests.target.budget import NoMoreRuns
from contract_tests.target.exchange import Exchange, Request, TransferError
from contract_tests.target.operations import cancel_run, read_run, read_session

if TYPE_CHECKING:
    from contract_tests.judging.known import KnownList

GRACE_SECONDS = 5.0
"""How long runs that are under way may go on when the time is up."""

CLOSING_SECONDS = 5.0
"""How long a connection may take to be closed by us."""

REVIVAL_SECONDS = 5.0
"""How long a server that nobody reaches any more may take to be back."""


class TimeUp(KeyboardInterrupt):
    """Nothing more may be started. Hypothesis lets a KeyboardInterrupt through as it is."""


class TargetGone(KeyboardInterrupt):
    """Nothing listens at the target any more; the argument is the outcome so far."""


@dataclass(frozen=True, slots=True)
class Key:
    """What makes two failures the same one."""

    requirement: str
    where: str
    """The kind of step and of answer, and the event's name."""

    def __str__(self) -> str:
        return f"{self.requirement} ({self.where})"


@dataclass(frozen=True, slots=True)
class Sight:
    """A broken requirement, and where in the sequence it was seen."""

    key: Key
    breach: Breach
    step: int
    """The position of the step that it came to light at; that after the last is the end."""


@dataclass
class Outcome:
    """What carrying out a sequence came to."""

    sights: list[Sight] = field(default_factory=list)
    sent: list[tuple[Request | None, str]] = field(default_factory=list)
    """Each request, and what else there is to say, in their order."""


class Going:
    """A run that was started beside what follows."""

    def __init__(self, position: int, step: Run) -> None:
        self.position = position
        self.step = step
        self.request: Request | None = None
        self.future: Future[Exchange] | None = None
        self.exchange: Exchange | None = None
        """When its answer is over, or was left."""
        self.run_id: str | None = None
        self.session_id: str | None = None
        self.cancelled_at: float | None = None
        """When its cancelling was answered, in seconds since the request."""
        self.left = False
        """Whether we hung up."""
        self.started = time.monotonic()
        self._events = 0
        self._changed = threading.Condition()

    def listen(self, event: ServerSentEvent) -> None:
        """In the client's thread."""
        with self._changed:
            self._events += 1
            if event.event == "WorkflowStarted" and self.run_id is None:
                with contextlib.suppress(ValueError):
                    payload = read_json_object(event.data)
                    self.run_id = _text(payload.get("run_id"))
                    self.session_id = _text(payload.get("session_id"))
            self._changed.notify_all()

    def wake(self, future: Future[Exchange]) -> None:
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, events: int, seconds: float) -> None:
        """Until so many events have come, the run is over, or so many seconds have passed."""
        assert self.future is not None
        with self._changed:
            self._changed.wait_for(
                lambda: self._events >= events or self.future is None or self.future.done(),
                max(0.0, seconds),
            )

    @property
    def is_over(self) -> bool:
        return self.future is None or self.future.done()


@dataclass
class Settings:
    """What carrying out needs to know."""

    baseline: Baseline
    known: KnownList
    requirements: Collection[str]
    """Ids of those that count."""
    deadline: float = float("inf")
    """time.monotonic() after which nothing is started."""


class Executor:
    """Carries out sequences, one after the other."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.context = context
        self.settings = settings
        self.workflows = {workflow.id: workflow for workflow in context.target.workflows}
        self.found: set[Key] = set()
        """What does not count any more."""
        self.closed: dict[int, Exchange] = {}
        """Answers that are over, by the identity of their request; the client adds to it."""
        self._over = threading.Condition()

    def exchanged(self, exchange: Exchange) -> None:
        """The client calls it for each answer that is over, in its own thread."""
        with self._over:
            self.closed[id(exchange.request)] = exchange
            self._over.notify_all()

    def carry_out(self, steps: Sequence[Step]) -> Outcome:
        """Carry out a sequence; it ends at the first step that shows something new.

        Raises TimeUp, TargetGone.
        """
        self.context.client.budget.timeouts = 0
        self.closed.clear()
        performance = _Performance(self, steps)
        try:
            performance.run()
        except NoMoreRuns as reason:
            raise TimeUp(str(reason)) from None
        finally:
            performance.close()
            self.context.history.forget_answers()
        return performance.outcome

    def wait_closed(self, request: Request) -> Exchange | None:
        """The answer that we left, as far as it came; None where that does not end."""
        with self._over:
            self._over.wait_for(lambda: id(request) in self.closed, CLOSING_SECONDS)
            return self.closed.get(id(request))

    @property
    def seconds_left(self) -> float:
        return self.settings.deadline - time.monotonic()

    def commands(self, outcome: Outcome) -> tuple[str, ...]:
        """What was sent, as shell commands without the token."""
        lines = []
        for request, note in outcome.sent:
            command = self.context.client.curl(request) if request is not None else ""
            lines.append("  ".join(part for part in (command, note and f"# {note}") if part))
        return tuple(lines)

    @property
    def plain(self) -> Steps:
        """The least that a server must do: the quickest workflow once in batch."""
        usual = self.settings.baseline.usual
        able = [workflow for workflow in usual if usual[workflow].completes]
        quickest = min(able, key=lambda workflow: usual[workflow].seconds, default=None)
        return (Run(workflow=quickest, stream="false"),) if quickest is not None else ()


class _Performance:
    """One time that a sequence is carried out."""

    def __init__(self, executor: Executor, steps: Sequence[Step]) -> None:
        self.executor = executor
        self.context = executor.context
        self.steps = steps
        self.outcome = Outcome()
        self.going: dict[int, Going] = {}
        self.token = secrets.token_hex(6)
        self.model = Model(executor.settings.baseline)
        self.position = 0
        self.is_odd = False
        """Whether something was asked that a server might not survive."""

    # -- the sequence

    def run(self) -> None:
        for position, step in enumerate(self.steps):
            if self.executor.seconds_left <= 0:
                raise TimeUp
            self.position = position
            self._step(step)
            if self._is_something_new:
                break
        self._end()

    @property
    def _is_something_new(self) -> bool:
        return any(sight.key not in self.executor.found for sight in self.outcome.sights)

    def _step(self, step: Step) -> None:
        match step:
            case Run():
                self._run(step)
            case Form():
                self._form(step)
            case Odd():
                self._odd(step)
            case Cancel():
                self._cancel(step)
            case Disconnect():
                self._disconnect(step)
            case Await():
                self._await(self.going.get(step.run))
            case ReadRun():
                self._read_run(step)
            case ReadSession():
                self._read_session(step)

    def _end(self) -> None:
        """Read out what is under way, look at the sessions, and ask whether the server still
        answers."""
        was_new = self._is_something_new
        for going in list(self.going.values()):
            self.position = len(self.steps)
            self._await(going)
        self.position = len(self.steps)
        if was_new or self._is_something_new or self.executor.seconds_left <= 0:
            return
        if "get_session_runs" in self.executor.settings.baseline.companions:
            for session_id in self.model.fullest_sessions(2):
                self._look_at(session_id, "does it have all its runs?")
        if self.is_odd:
            self._knock()

    def _knock(self) -> None:
        for step in self.executor.plain:
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
        """Leave what is still under way: time is up, or something went wrong."""
        can_cancel = "cancel_workflow_run" in self.executor.settings.baseline.companions
        for going in self.going.values():
            if going.is_over or going.future is None:
                continue
            if can_cancel and going.run_id:
                request = cancel_run(self.context.document, going.step.workflow, going.run_id)
                with contextlib.suppress(Exception):
                    self.context.client.start(request).result(GRACE_SECONDS)
            going.future.cancel()

    # -- runs

    def _run(self, step: Run) -> None:
        going = Going(self.position, step)
        going.request = self._request(step)
        self._say(going.request, "beside what comes next" if step.beside else "")
        going.started = time.monotonic()
        going.future = self.context.client.start(going.request, on_event=going.listen)
        going.future.add_done_callback(going.wake)
        self.going[self.position] = going
        self.model.started(going)
        if not step.beside:
            self._finish(going)

    def _request(self, step: Run) -> Request:
        workflow = self.executor.workflows[step.workflow]
        fields = [("message", workflow.message if step.message is None else step.message)]
        if step.stream is not None:
            fields.append(("stream", step.stream))
        session_id = self._session(step)
        if session_id is not None:
            fields.append(("session_id", session_id))
        if step.user is not None:
            fields.append(("user_id", step.user))
        return self.context.requests.make(step.workflow, [*fields, *step.extra])

    def _session(self, step: Run) -> str | None:
        if step.session is None or not step.session.startswith("run:"):
            return self._own(step.session)
        return self.model.session_of(int(step.session.removeprefix("run:")))

    def _own(self, name: str | None) -> str | None:
        return None if name is None else name.replace(MARK, self._mark)

    @property
    def _mark(self) -> str:
        return MARK.replace("0" * 12, self.token)

    def _await(self, going: Going | None) -> None:
        """Read a run to its end, unless that takes too long: such a one is left."""
        if going is None or going.exchange is not None:
            return
        is_lasting = self.executor.settings.baseline.is_lasting(going.step.workflow)
        if is_lasting and going.cancelled_at is None:
            self._leave(going)
        else:
            self._finish(going)

    def _finish(self, going: Going | None) -> None:
        """Read a run to its end and judge it, once."""
        if going is None or going.exchange is not None or going.future is None:
            return
        try:
            going.exchange = going.future.result(max(0.0, self._patience()))
        except TimeoutError:
            raise TimeUp from None
        except CancelledError:
            return
        self._reached(going.exchange)
        judgement = self.model.judge_end(self.context, self.executor.workflows, going)
        self._see(judgement, "run")

    def _patience(self) -> float:
        if self.executor.seconds_left == float("inf"):
            return threading.TIMEOUT_MAX
        return self.executor.seconds_left + GRACE_SECONDS

    def _cancel(self, step: Cancel) -> None:
        going = self.going.get(step.run)
        if going is None or going.left:
            return
        going.wait_for(step.after, self._patience())
        if not going.run_id:
            return
        self.is_odd = True
        request = cancel_run(self.context.document, going.step.workflow, going.run_id)
        was_over = going.is_over
        note = f"cancels the run of {step.run + 1}, after {step.after} of its events"
        exchange = self._send(request, note)
        if exchange.succeeded and not was_over:
            going.cancelled_at = going.cancelled_at or time.monotonic() - going.started
        judgement = self._companion(exchange)
        self.model.judge_cancelling(going, exchange, judgement, was_over=was_over)
        self._see(judgement, "cancel")

    def _disconnect(self, step: Disconnect) -> None:
        going = self.going.get(step.run)
        if going is None or going.future is None or going.exchange is not None:
            return
        going.wait_for(step.after, self._patience())
        self.is_odd = True
        self._say(None, f"kill the curl of {step.run + 1}, after {step.after} of its events")
        self._leave(going)

    def _leave(self, going: Going) -> None:
        """Hang up."""
        if going.future is None or not going.future.cancel():
            self._finish(going)
            return
        assert going.request is not None
        going.left = True
        going.exchange = self.executor.wait_closed(going.request)
        if going.exchange is not None:
            judgement = self.context.history.judge_ids(going.exchange, going.run_id, None, ANY_RUN)
            self.model.left(going)
            self._see(judgement, "disconnect")

    # -- other requests

    def _form(self, step: Form) -> None:
        context = self.context
        workflow = self.executor.workflows[step.workflow]
        content = step.content.replace(MARK.encode(), self._mark.encode())
        request = context.requests.make(
            step.workflow, content=content, content_type=step.content_type
        )
        verdict = context.forms.judge(content, step.content_type)
        if verdict.validity is Validity.VALID and ";" in (step.content_type or ""):
            # A charset that is another, or none, may be refused.
            verdict = type(verdict)(Validity.UNDECIDED, (), verdict.fields, verdict.undeclared)
        self.is_odd = self.is_odd or verdict.validity is not Validity.VALID
        exchange = self._send(request)
        known = self.executor.settings.known
        accepted, refused = suspects_of_acceptance(verdict), suspects_of_refusal(verdict)
        judgement = judge_form_answer(
            context,
            workflow,
            verdict,
            exchange,
            lambda name: name in known,
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
            judgement.exercise("routing.unknown-workflow")
            if exchange.status not in (404, None):
                message = f"no workflow has that id: expected 404, got {exchange.summary}"
                judgement.breach("routing.unknown-workflow", message, exchange)
        elif step.expects == "405":
            judgement.exercise("routing.method-not-allowed")
            if exchange.status not in (405, None):
                message = f"{step.method}: expected 405, got {exchange.summary}"
                judgement.breach("routing.method-not-allowed", message, exchange)
        self._see(judgement, "odd request")

    def _read_run(self, step: ReadRun) -> None:
        going = self.going.get(step.run)
        session_id = self.model.session_of(step.run)
        if going is None or not going.run_id or session_id is None:
            return
        note = f"reads the run of {step.run + 1} back"
        request = read_run(self.context.document, going.step.workflow, session_id, going.run_id)
        exchange = self._send(request, note)
        judgement = self._companion(exchange)
        self.model.judge_read_run(going, exchange, judgement)
        self._see(judgement, "run read back")

    def _read_session(self, step: ReadSession) -> None:
        session_id = self.model.session_of(step.run)
        if session_id is None:
            return
        self._look_at(session_id, f"lists the runs of the session of {step.run + 1}")

    def _look_at(self, session_id: str, note: str) -> None:
        expected = self.model.kept_in(session_id)
        exchange = self._send(read_session(self.context.document, session_id), note)
        judgement = self._companion(exchange)
        self.model.judge_read_session(session_id, expected, exchange, judgement)
        self._see(judgement, "session read back")

    # -- parts

    def _companion(self, exchange: Exchange) -> Judgement:
        """What holds for any answer, of an operation that the page does not document."""
        return self.context.answers.judge(exchange, Expected.ANY, is_documented=False)

    def _send(self, request: Request, note: str = "") -> Exchange:
        self._say(request, note)
        future = self.context.client.start(request)
        try:
            exchange = future.result(max(0.0, self._patience()))
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
        message = f"the server is gone: {exchange.error_message}"
        judgement = Judgement()
        judgement.breach("error.recovery", message, exchange)
        self._see(judgement, "gone")
        raise TargetGone(self.outcome)

    def _see(self, judgement: Judgement, kind: str) -> None:
        self.outcome.sights += sights(judgement, kind, self.position, self.executor.settings)

    def _say(self, request: Request | None, note: str) -> None:
        self.outcome.sent.append((request, note))


def sights(judgement: Judgement, kind: str, position: int, settings: Settings) -> list[Sight]:
    """What a judgement shows that is not known. `kind` of step, and its `position`."""
    found = []
    for breach in judgement.breaches:
        conditions = breach.conditions
        entries = settings.known.get(breach.requirement, ())
        if breach.requirement in settings.requirements and not any(
            entry.covers(conditions) for entry in entries
        ):
            key = Key(breach.requirement, _where(breach, conditions, kind))
            found.append(Sight(key, breach, position))
    return found


def _where(breach: Breach, conditions: Conditions, kind: str) -> str:
    parts = [kind if kind != "run" else "", *sorted(conditions.answers)]
    if breach.requirement == "event.schema" and breach.exchange and breach.event_index is not None:
        parts.append(breach.exchange.events[breach.event_index][1].event)
    return ", ".join(part for part in parts if part) or kind


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
