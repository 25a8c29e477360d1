"""What is known of the runs and sessions of a sequence, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from agentos_contract.events import TERMINAL_EVENTS
from agentos_contract.json_values import mapping, parse_json, parse_object, short
from contract_tests.checks.context import Context
from contract_tests.fuzzing.baseline import Baseline
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
from contract_tests.target.target import Workflow

if TYPE_CHECKING:
    from contract_tests.fuzzing.execution import Going

WENT_ON_SECONDS = 1.0
"""A run that completes so long after its cancelling was answered has not been cancelled."""

History = tuple[tuple[str, str], ...]
"""What ran in a session before: workflow and message of each."""


class Model:
    """One sequence's runs and sessions, as they must be."""

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline
        self._sessions: dict[int, str] = {}
        """By the position of the run."""
        self._kept: dict[str, list[str]] = {}
        """Run ids that a session must have, by session."""
        self._users: dict[str, str | None] = {}
        """Who began a session that was named."""
        self._shared: set[str] = set()
        """Sessions that others ran in too: what becomes of that nobody says."""
        self._contents: dict[str, object] = {}
        """Contents of completed runs, by run id."""
        self._histories: dict[str, History | None] = {}
        """By session; None where more than one run was under way, or one did not complete."""
        self._under_way: dict[str, int] = {}
        self._stories: dict[tuple[str, str, History], RunOutcome] = {}
        self._cancelled: dict[str, Exchange] = {}
        """The first answer to a run's cancelling, by run id."""

    # -- what happens

    def started(self, going: Going) -> None:
        session_id = going.request.field("session_id") if going.request else None
        if session_id:
            user = going.step.user or None
            if self._users.setdefault(session_id, user) != user:
                self._shared.add(session_id)
            self._sessions[going.position] = session_id
            if self._under_way.get(session_id):
                self._histories[session_id] = None
            self._under_way[session_id] = self._under_way.get(session_id, 0) + 1

    def left(self, going: Going) -> None:
        """We hung up."""
        if going.session_id is not None:
            self._sessions.setdefault(going.position, going.session_id)
        self._over(going, going.session_id, completed=False)

    def session_of(self, position: int) -> str | None:
        """The session that the run of a step has, as far as it is known."""
        return self._sessions.get(position)

    def kept_in(self, session_id: str) -> list[str]:
        """Ids of the runs that the session must have by now."""
        return [] if session_id in self._shared else list(self._kept.get(session_id, ()))

    def fullest_sessions(self, number: int) -> list[str]:
        """Those that most runs have completed in, of those with two and more."""
        several = [name for name in self._kept if len(self.kept_in(name)) > 1]
        return sorted(several, key=lambda name: -len(self._kept[name]))[:number]

    # -- judgements

    def judge_end(
        self, context: Context, workflows: Mapping[str, Workflow], going: Going
    ) -> Judgement:
        """A run's answer that is over."""
        exchange, step = going.exchange, going.step
        assert exchange is not None
        workflow = workflows[step.workflow]
        message = exchange.request.field("message") or ""
        if message in workflow.wrong_messages:
            judgement = context.answers.judge(exchange, Expected.ANY)
            judgement.exercise("form.input-schema")
            if exchange.status not in (400, None):
                said = f"a message that breaks the input_schema: got {exchange.summary}, not 400"
                judgement.breach("form.input-schema", said, exchange)
            self._over(going, None, completed=False)
            return judgement
        requirement = "form.valid-accepted"
        if not message:
            requirement = "form.message-any-string"
        elif ("version", "null") in step.extra:
            requirement = "form.version-null"
        elif step.extra:
            requirement = "form.unknown-fields"
        judgement = self._run_end(context, workflow, going, requirement)
        if step.message is not None or step.user is not None or step.extra:
            self.judge_text(step.workflow, exchange, judgement)
        return judgement

    def judge_text(self, workflow_id: str, exchange: Exchange, judgement: Judgement) -> None:
        """What the page allows in a form is no reason to fail, where the workflow usually
        completes."""
        usual = self._baseline.usual.get(workflow_id)
        if usual is None or not usual.completes or exchange.status is None:
            return
        judgement.exercise("form.text-kept")
        if exchange.status >= 500:
            message = f"a valid form with other texts than usual: {exchange.summary}"
            judgement.breach("form.text-kept", message, exchange)

    def _run_end(
        self, context: Context, workflow: Workflow, going: Going, requirement: str
    ) -> Judgement:
        exchange, step = going.exchange, going.step
        assert exchange is not None
        if step.stream == "false":
            rules = RunRules(refused=requirement)
            judgement, batch = context.judge.batch(workflow, exchange, rules)
            self._ids(going, batch.body.get("run_id"), batch.body.get("session_id"))
            self._batch(going, batch, judgement)
        else:
            is_cancelled = going.cancelled_at is not None
            end = "cancel.one-terminal-event" if is_cancelled else None
            rules = RunRules(refused=requirement, end=end)
            judgement, stream = context.judge.stream(
                workflow, exchange, rules, explicit=step.stream == "true"
            )
            if stream is None:
                self._over(going, None, completed=False)
            else:
                self._ids(going, stream.run_id, stream.session_id)
                self._stream(going, stream, judgement)
        return judgement

    def judge_cancelling(
        self, going: Going, exchange: Exchange, judgement: Judgement, *, was_over: bool
    ) -> None:
        """The answer to a cancelling."""
        assert going.run_id is not None
        first = self._cancelled.setdefault(going.run_id, exchange)
        judgement.exercise("cancel.idempotent")
        if first.status != exchange.status and exchange.error is None:
            message = f"cancelled once: {first.summary}; cancelled again: {exchange.summary}"
            judgement.breach("cancel.idempotent", message, exchange)
        if not was_over and exchange.error is None and exchange.status != 200:
            message = f"a run that was under way was to be cancelled: {exchange.summary}"
            judgement.breach("cancel.one-terminal-event", message, exchange)

    def judge_read_run(self, going: Going, exchange: Exchange, judgement: Judgement) -> None:
        """A run that was read back: one that completed must be there, as it was told."""
        is_shared = going.session_id in self._shared
        if going.run_id not in self._contents or exchange.error is not None or is_shared:
            return
        judgement.exercise("session.continuity")
        if exchange.status != 200:
            message = f"the run {going.run_id} completed and is not there: {exchange.summary}"
            judgement.breach("session.continuity", message, exchange)
            return
        body = parse_object(exchange.body) or {}
        content = self._contents[going.run_id]
        for key, wanted in (("run_id", going.run_id), ("status", "COMPLETED")):
            if body.get(key) != wanted:
                message = f"the run was read back with the {key} {body.get(key)!r}, not {wanted!r}"
                judgement.breach("session.continuity", message, exchange)
        if body.get("content") != content:
            message = (
                f"the run {going.run_id} had the content {short(content)} and was read back "
                f"with {short(body.get('content'))}"
            )
            judgement.breach("session.continuity", message, exchange)

    def judge_read_session(
        self, session_id: str, expected: list[str], exchange: Exchange, judgement: Judgement
    ) -> None:
        """A session's list, which has all runs that completed in it."""
        if not expected or exchange.error is not None:
            return
        judgement.exercise("session.continuity")
        runs = parse_json(exchange.body) if exchange.status == 200 else None
        listed = [mapping(run).get("run_id") for run in runs] if isinstance(runs, list) else []
        missing = [run_id for run_id in expected if run_id not in listed]
        if missing:
            message = (
                f"the session {session_id} had {len(expected)} completed runs and lists "
                f"{len(listed)}; missing: {', '.join(missing)} ({exchange.status})"
            )
            judgement.breach("session.continuity", message, exchange)
        if len(set(map(str, listed))) < len(listed):
            message = f"the session {session_id} lists a run twice"
            judgement.breach("session.continuity", message, exchange)

    # -- parts

    def _ids(self, going: Going, run_id: object, session_id: object) -> None:
        if isinstance(run_id, str) and run_id:
            going.run_id = run_id
        # What was asked for counts; that the server says another is judged elsewhere.
        asked = going.request.field("session_id") if going.request else None
        given = session_id if isinstance(session_id, str) and session_id else None
        going.session_id = asked or given
        if going.session_id is not None:
            self._sessions.setdefault(going.position, going.session_id)

    def _batch(self, going: Going, run: BatchRun, judgement: Judgement) -> None:
        exchange = run.exchange
        completed = run.body.get("status") == "COMPLETED"
        if going.step.message is not None and exchange.status == 200:
            judgement.exercise("form.text-kept")
            given = run.body.get("input", going.step.message)
            if given != going.step.message and isinstance(given, str):
                message = (
                    f"the message was {short(going.step.message)} and arrived as {short(given)}"
                )
                judgement.breach("form.text-kept", message, exchange)
        if completed:
            self._completed(going, run.body.get("content"))
        self._story(going, outcome_of_batch(run), judgement)
        self._over(going, going.session_id, completed=completed)

    def _stream(self, going: Going, run: StreamedRun, judgement: Judgement) -> None:
        terminals = [event.event for _, event in run.exchange.events]
        terminals = [name for name in terminals if name in TERMINAL_EVENTS]
        if going.cancelled_at is not None:
            self._cancelled_end(going, run, terminals, judgement)
        elif "WorkflowCancelled" in terminals and going.run_id not in self._cancelled:
            message = "nobody cancelled this run, and it ends with WorkflowCancelled"
            judgement.breach("session.isolation", message, run.exchange)
        if run.is_completed and run.terminal is not None and going.cancelled_at is None:
            self._completed(going, run.terminal.get("content"))
        if going.cancelled_at is None:
            self._story(going, outcome_of_stream(run), judgement)
        is_usual = run.is_completed and going.cancelled_at is None
        self._over(going, going.session_id, completed=is_usual)

    def _cancelled_end(
        self, going: Going, run: StreamedRun, terminals: list[str], judgement: Judgement
    ) -> None:
        judgement.exercise("cancel.one-terminal-event")
        assert going.cancelled_at is not None
        went_on = run.seconds - going.cancelled_at
        if terminals == ["WorkflowCompleted"] and went_on > WENT_ON_SECONDS:
            message = (
                f"cancelled {going.cancelled_at:.1f} s after its start, the run went on for "
                f"{went_on:.1f} s and completed"
            )
            judgement.breach("cancel.one-terminal-event", message, run.exchange)

    def _completed(self, going: Going, content: object) -> None:
        if going.run_id is None:
            return
        self._contents[going.run_id] = content
        if going.session_id is not None:
            self._kept.setdefault(going.session_id, []).append(going.run_id)

    def _over(self, going: Going, session_id: str | None, *, completed: bool) -> None:
        """What comes of the session's history."""
        asked = going.request.field("session_id") if going.request else None
        if asked:
            self._under_way[asked] -= 1
        session_id = asked or session_id
        if session_id is None:
            return
        history = self._histories.get(session_id, ())
        message = (going.request.field("message") if going.request else None) or ""
        if not completed or going.step.extra or going.step.user is not None:
            self._histories[session_id] = None
        elif history is not None:
            self._histories[session_id] = (*history, (going.step.workflow, message))

    def _story(self, going: Going, story: RunOutcome, judgement: Judgement) -> None:
        """The same workflow, told the same message after the same runs, tells the same."""
        usual = self._baseline.usual.get(going.step.workflow)
        if story is None or usual is None or usual.story is None:
            return
        asked = going.request.field("session_id") if going.request else None
        history = self._histories.get(asked, ()) if asked else ()
        if history is None or going.step.extra or going.step.user is not None:
            return
        message = (going.request.field("message") if going.request else None) or ""
        key = (going.step.workflow, message, history)
        first = self._stories.setdefault(key, story)
        if going.step.message is None and not history:
            first = usual.story
        judgement.exercise("batch.equals-stream")
        if first != story and going.exchange is not None:
            told = difference(first, story, ("in another run", "in this one"))
            text = f"{going.step.workflow}, asked the same in a session like that: {told}"
            judgement.breach("batch.equals-stream", text, going.exchange)
