"""What was asked of a target in one run of the tests, and what came back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agentos_contract.announcements import ANNOUNCED, announcements
from agentos_contract.events import Scope
from agentos_contract.json_values import canonical
from contract_tests.judging.batches import BatchRun
from contract_tests.judging.judgement import Breach, Judgement
from contract_tests.judging.rules import RunRules
from contract_tests.judging.streams import StreamedRun
from contract_tests.target.exchange import Exchange


@dataclass
class History:
    """The runs of one run of the tests, in order."""

    streams: dict[str, StreamedRun] = field(default_factory=dict)
    """The first stream of each workflow that gave one."""
    failed_streams: dict[str, Exchange] = field(default_factory=dict)
    """The first answer of each workflow to a stream that was a server error."""
    batches: dict[str, BatchRun] = field(default_factory=dict)
    """The batch run of each workflow that is compared with its stream."""
    all_streams: list[StreamedRun] = field(default_factory=list)
    """Every stream that was judged."""
    all_batches: list[BatchRun] = field(default_factory=list)
    failed: dict[str, list[Exchange]] = field(default_factory=dict)
    """By check: its requests that were answered with 500."""
    was_let_in: bool = False
    """Whether a run was ever answered with 200."""
    check: str = ""
    """The check that is running."""

    def __post_init__(self) -> None:
        self._completed: set[tuple[str, str]] = set()
        """Workflows and messages that they ran to their end with."""
        self._streamed: set[tuple[str, str]] = set()
        """The same, of streams."""
        self._given: dict[tuple[str, str], tuple[Exchange, str]] = {}
        """By kind and id: the exchange that it was given in first, and the check."""
        self._announced: dict[tuple[str, str, tuple[str, ...]], tuple[bool, Exchange, str]] = {}
        """By requirement, workflow and step or run: whether it announced what it said when it first
        ran, with the exchange and the check."""
        self._told: dict[tuple[str, str, str], tuple[str, Exchange, str]] = {}
        """By key of a batch body, workflow and message: the content of a run that had something
        there, with the exchange and the check."""

    def forget_answers(self) -> None:
        """Keep of the answers so far only which ids they gave: for who asks for hours."""
        self.all_streams.clear()
        self.all_batches.clear()
        self._announced.clear()
        self._told.clear()
        for key, (exchange, check) in self._given.items():
            if exchange.events or exchange.body:
                kept = replace(exchange, events=[], body=b"", decoder=None)
                self._given[key] = kept, check

    # -- what ran before

    def add_batch(self, run: BatchRun) -> None:
        """A batch run that was answered with a body."""
        self._completed.add((run.workflow_id, run.message))

    def add_stream(self, run: StreamedRun) -> None:
        """A stream that was judged."""
        self.all_streams.append(run)
        if run.is_completed:
            self._completed.add((run.workflow_id, run.message))
            self._streamed.add((run.workflow_id, run.message))

    def has_run(self, workflow_id: str, message: str | None = None) -> bool:
        """Whether a workflow ran to its end; with that message, if one is given."""
        if message is not None:
            return (workflow_id, message) in self._completed
        return any(ran == workflow_id for ran, _ in self._completed)

    def has_streamed(self, workflow_id: str, message: str) -> bool:
        """Whether a stream of a workflow with that message came to its end."""
        return (workflow_id, message) in self._streamed

    # -- what is lost in some runs

    def judge_announced(self, run: StreamedRun) -> Judgement:
        """What a step or an agent announces in one run of a workflow, it does in each."""
        judgement, root = Judgement(), run.judge.machine.root
        told = {violation.requirement for violation in run.judge.violations}
        for one in announcements(root) if root is not None and run.is_completed else ():
            key = (one.requirement, run.workflow_id, one.path)
            does, first, check = self._announced.setdefault(
                key, (one.does, run.exchange, self.check)
            )
            if first is run.exchange or one.requirement in told:
                continue
            judgement.exercise(one.requirement)
            if does != one.does:
                told.add(one.requirement)
                here, there = ("no", "one") if does else ("one", "none")
                text = (
                    f"{one.span.label} had {here} {ANNOUNCED[one.requirement]}, and {there} in an "
                    f"earlier run of {run.workflow_id}"
                )
                judgement.breaches.append(
                    _as_before(one.requirement, text, first, run.exchange, check)
                )
        return judgement

    def judge_told(self, run: BatchRun) -> Judgement:
        """What the body of a batch run tells, that of another does with that content."""
        judgement = Judgement()
        content = run.body.get("content")
        if not content or run.body.get("status") != "COMPLETED":
            return judgement
        for name, requirement in TOLD.items():
            key = (name, run.workflow_id, run.message)
            if run.body.get(name):
                self._told.setdefault(key, (canonical(content), run.exchange, self.check))
            if key not in self._told or self._told[key][0] != canonical(content):
                continue
            _, first, check = self._told[key]
            judgement.exercise(requirement)
            if not run.body.get(name):
                text = f"no {name}, which another run of {run.workflow_id} had with that content"
                judgement.breaches.append(_as_before(requirement, text, first, run.exchange, check))
        return judgement

    # -- ids

    def judge_ids(
        self, exchange: Exchange, run_id: Any, session_id: Any, rules: RunRules
    ) -> Judgement:
        """Judge ids that must be new. `session_id` only where none was asked for."""
        judgement = Judgement()
        if asked := exchange.request.field("session_id"):
            self._given.setdefault(("session", asked), (exchange, self.check))
        ids: Sequence[tuple[str, str | None, Any, str]] = (
            ("run", rules.fresh_run_id, run_id, "run_id {} had been given to another run before"),
            (
                "session",
                rules.fresh_session_id,
                session_id,
                "no session was asked for, and {} is that of another run",
            ),
        )
        for kind, requirement, identifier, message in ids:
            if not isinstance(identifier, str) or not identifier:
                continue
            first, check = self._given.setdefault((kind, identifier), (exchange, self.check))
            if requirement is None:
                continue
            judgement.exercise(requirement)
            if first is not exchange:
                text = message.format(identifier)
                judgement.breaches.append(_as_before(requirement, text, first, exchange, check))
        return judgement

    def judge_nested_ids(self, run: StreamedRun) -> Judgement:
        """No agent's or team's run has the id of one in another run of the tests."""
        judgement, root = Judgement(), run.judge.machine.root
        for span in root.walk() if root is not None else ():
            if span.scope is not Scope.RUN or not span.key:
                continue
            first, check = self._given.setdefault(("agent", span.key), (run.exchange, self.check))
            if first is not run.exchange:
                requirement = "identity.nested-run-id"
                text = f"{span.label} has the run_id {span.key} of one in an earlier run"
                breach = _as_before(requirement, text, first, run.exchange, check)
                judgement.breaches.append(breach)
                break
        return judgement


TOLD = {"step_results": "batch.body", "step_executor_runs": "batch.executor-runs"}
"""What a batch body tells of its run beside its content, by the requirement."""


def _as_before(
    requirement: str, text: str, first: Exchange, exchange: Exchange, check: str
) -> Breach:
    """A breach that shows beside an earlier exchange, of that check."""
    commands = f"{first.curl}\n{exchange.curl}"
    return Breach(requirement, text, commands, exchange, before=(first,), earlier_check=check)
