"""What was asked of a target in one run of the tests, and what came back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

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

    def forget_answers(self) -> None:
        """Keep of the answers so far only which ids they gave: for who asks for hours."""
        self.all_streams.clear()
        self.all_batches.clear()
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

    # -- ids

    def judge_ids(
        self, exchange: Exchange, run_id: Any, session_id: Any, rules: RunRules
    ) -> Judgement:
        """Judge ids that must be new. `session_id` only where none was asked for."""
        judgement = Judgement()
        ids: Sequence[tuple[str, str | None, Any, str]] = (
            ("run", rules.fresh_run_id, run_id, "run_id {} had been given to another run before"),
            (
                "session",
                rules.fresh_session_id,
                session_id,
                "no session was asked for, and {} had been given out before",
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
                judgement.breaches.append(
                    Breach(
                        requirement,
                        message.format(identifier),
                        f"{first.curl}\n{exchange.curl}",
                        exchange,
                        before=(first,),
                        earlier_check=check,
                    )
                )
        return judgement
