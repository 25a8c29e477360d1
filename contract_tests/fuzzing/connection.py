"""The connection that sequences are carried out over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from contract_tests.checks.context import Context, make_context
from contract_tests.checks.plan import Plan
from contract_tests.fuzzing.baseline import Baseline
from contract_tests.fuzzing.outcome import Counted, Key, Outcome
from contract_tests.fuzzing.steps import Run, Steps
from contract_tests.running.run import Options, connect
from contract_tests.target.budget import RunBudget
from contract_tests.target.client import Client
from contract_tests.target.exchange import Exchange, Request
from contract_tests.target.target import Target

CLOSING_SECONDS = 5.0
"""How long a connection may take to be closed by us."""


class Connection:
    """A connection to the target, and what is known of it by now."""

    def __init__(
        self,
        options: Options,
        target: Target,
        baseline: Baseline,
        client: Client,
        deadline: float = float("inf"),
    ) -> None:
        """`deadline` is when nothing is started any more, by time.monotonic()."""
        self.context = context_for(options, target, client)
        self.context.history.was_let_in = True
        self.baseline = baseline
        self.deadline = deadline
        self.found: set[Key] = set()
        """What does not count any more."""
        self.requests = 0
        """How many were answered."""
        self.counted = Counted(options.known, options.level)
        self._closed: dict[int, Exchange] = {}
        """Answers that are over, by the identity of their request."""
        self._changed = threading.Condition()

    def exchanged(self, exchange: Exchange) -> None:
        """The client calls it for each answer that is over, in its own thread."""
        with self._changed:
            self.requests += 1
            self._closed[id(exchange.request)] = exchange
            self._changed.notify_all()

    def wait_closed(self, request: Request) -> Exchange | None:
        """The answer that we left, as far as it came; None where that does not end."""
        with self._changed:
            self._changed.wait_for(lambda: id(request) in self._closed, CLOSING_SECONDS)
            return self._closed.get(id(request))

    def begin(self) -> None:
        """Another sequence is next."""
        self.context.client.budget.renew()
        self._closed.clear()

    @property
    def plain(self) -> Steps:
        """The least that a server must do: the quickest workflow once in batch."""
        usual = self.baseline.usual
        able = [workflow for workflow in usual if usual[workflow].completes]
        quickest = min(able, key=lambda workflow: usual[workflow].seconds, default=None)
        return (Run(workflow=quickest, stream="false"),) if quickest is not None else ()

    def commands(self, outcome: Outcome) -> tuple[str, ...]:
        """What was sent, as shell commands without the token."""
        lines = []
        for request, note in outcome.sent:
            command = self.context.client.curl(request) if request is not None else ""
            lines.append("  ".join(part for part in (command, note and f"# {note}") if part))
        return tuple(lines)


@contextmanager
def connected(
    options: Options,
    target: Target,
    baseline: Baseline,
    budget: RunBudget,
    deadline: float = float("inf"),
) -> Iterator[Connection]:
    """An connection with a connection of its own."""
    connections: list[Connection] = []

    def exchanged(exchange: Exchange) -> None:
        for connection in connections:
            connection.exchanged(exchange)

    with connect(options, budget, exchanged) as client:
        connections.append(Connection(options, target, baseline, client, deadline))
        yield connections[0]


def context_for(options: Options, target: Target, client: Client) -> Context:
    ids = tuple(workflow.id for workflow in target.workflows)
    plan = Plan(ids, 0, ids, samples=0, repeats=0, generated=0, limit=options.max_runs)
    return make_context(options.document, client, target, plan, seed=options.seed)
