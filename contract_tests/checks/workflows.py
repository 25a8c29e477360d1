"""Which of the target's workflows a probe runs, by how their streams went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentos_contract.events import Scope
from contract_tests.checks.stages import CannotDecide
from contract_tests.judging.streams import StreamedRun
from contract_tests.target.target import Workflow

QUICK_SECONDS = 1.0

LASTING_SECONDS = 2.0
"""Runs that are to overlap take no longer than that."""


class Workflows:
    """Chooses among the target's workflows. Each choice raises CannotDecide where there is none."""

    def __init__(self, workflows: Sequence[Workflow], streams: Mapping[str, StreamedRun]) -> None:
        """`streams`: the first stream of each workflow, as far as there is one by now."""
        self._workflows = workflows
        self._streams = streams

    @property
    def any(self) -> Workflow:
        """Whichever comes first: for requests that start no run."""
        return self._workflows[0]

    def by_id(self, workflow_id: str) -> Workflow:
        return next(workflow for workflow in self._workflows if workflow.id == workflow_id)

    @property
    def completed(self) -> list[tuple[Workflow, StreamedRun]]:
        """Those whose stream ran to its end, with it."""
        return [
            (workflow, stream)
            for workflow in self._workflows
            if (stream := self._streams.get(workflow.id)) is not None and stream.is_completed
        ]

    @property
    def probed(self) -> Workflow:
        """For probes that start runs: the quickest that ran to its end, untyped if there is one."""
        return min(
            self._completed_or_raise(),
            key=lambda found: (found[0].input_schema is not None, found[1].seconds),
        )[0]

    @property
    def untyped(self) -> Workflow:
        """The same, only where it takes any text."""
        workflow = self.probed
        if workflow.input_schema is not None:
            raise CannotDecide("every workflow that ran to its end has an input_schema")
        return workflow

    def seconds(self, workflow: Workflow) -> float:
        """What its first stream took."""
        return self._streams[workflow.id].seconds

    def is_quick(self, workflow: Workflow) -> bool:
        """Whether many runs of it take no time worth mentioning."""
        return self.seconds(workflow) <= QUICK_SECONDS

    def asks_models(self, workflow: Workflow) -> bool:
        """Whether agents or teams had a part in its first stream."""
        root = self._streams[workflow.id].judge.machine.root
        return root is not None and any(span.scope is Scope.RUN for span in root.walk())

    @property
    def quick_with_agents(self) -> Workflow | None:
        """The quickest whose agents or teams answer at once, as in tests; None where none does."""
        able = [
            found
            for found in self.completed
            if self.is_quick(found[0]) and self.asks_models(found[0])
        ]
        return min(able, key=lambda found: found[1].seconds)[0] if able else None

    @property
    def lasting(self) -> Workflow:
        """The one that takes longest, up to two seconds: for runs that are to overlap."""
        able = [found for found in self.completed if found[1].seconds <= LASTING_SECONDS]
        return max(able, key=lambda found: found[1].seconds)[0] if able else self.probed

    @property
    def slowest(self) -> tuple[Workflow, StreamedRun]:
        """The one that takes longest, with its stream."""
        return max(self._completed_or_raise(), key=lambda found: found[1].seconds)

    def _completed_or_raise(self) -> list[tuple[Workflow, StreamedRun]]:
        if found := self.completed:
            return found
        raise CannotDecide("no workflow ran to its end")
