"""What was seen of a server, and the register of those who look at it for deviations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote

from agentos_contract.events import STEPS_AND_CONTAINERS, TERMINAL_EVENTS, Scope
from agentos_contract.json_values import mapping, mappings, parse_object
from agentos_contract.spans import Span
from contract_tests.checks.context import Context
from contract_tests.judging.batches import BatchRun
from contract_tests.judging.streams import StreamedRun
from contract_tests.target.budget import NoMoreRuns
from contract_tests.target.exchange import Exchange, Request, TransferError
from contract_tests.target.target import read_companion

Json = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sighting:
    """One occasion on which a deviation would show."""

    shown: bool
    where: str
    """Where and how, in a few words."""


Look = Callable[["Evidence"], Iterable[Sighting]]


@dataclass(frozen=True, slots=True)
class Observer:
    """Looks for one deviation."""

    deviation: str
    occasion: str
    """What has to happen for the deviation to show, or not to."""
    look: Look


OBSERVERS: dict[str, Observer] = {}
"""By deviation."""


def observes(deviation: str, *, occasion: str) -> Callable[[Look], Look]:
    """Register a function as the one that looks for this deviation."""

    def register(look: Look) -> Look:
        assert deviation not in OBSERVERS, deviation
        OBSERVERS[deviation] = Observer(deviation, occasion, look)
        return look

    return register


@dataclass
class Evidence:
    """A server that the contract tests have gone through, and may still be asked."""

    context: Context
    exchanges: list[Exchange]
    """Everything that was asked so far, and answered."""
    scripts: Mapping[str, Json] = field(default_factory=dict)
    """The scripts that the server was made of, by workflow id, where somebody has them."""
    _made: dict[str, Any] = field(default_factory=dict)

    # -- what was seen

    @cached_property
    def runs(self) -> list[Run]:
        """The streams that began with WorkflowStarted, but for those that were cancelled."""
        cancelled = [e.request.path for e in self.exchanges if e.request.path.endswith("/cancel")]
        return [
            Run(stream)
            for stream in self.context.history.all_streams
            if stream.judge.machine.root is not None
            and stream.exchange.error is None
            and not any(quote(stream.run_id or "?", safe="") in path for path in cancelled)
        ]

    @cached_property
    def batches(self) -> list[BatchRun]:
        """The batch runs that were answered with a body."""
        return [run for run in self.context.history.all_batches if run.body]

    @cached_property
    def pairs(self) -> list[tuple[Run, Json]]:
        """Each workflow's first completed stream, with the body of a batch run that was asked
        the same."""
        pairs: list[tuple[Run, Json]] = []
        for workflow in self.context.target.workflows:
            runs = [run for run in self.runs if run.workflow_id == workflow.id]
            bodies: dict[str, Json] = {
                batch.message: batch.body
                for batch in reversed(self.batches)
                if batch.workflow_id == workflow.id
            }
            for run in runs:
                if run.message in bodies:
                    pairs.append((run, bodies[run.message]))
                    break
        return pairs

    # -- what the workflows are

    def description(self, workflow_id: str) -> Json:
        """The workflow's script, else what the server says of it; empty where neither is known."""
        if workflow_id in self.scripts:
            return self.scripts[workflow_id]
        return self.once(
            f"description of {workflow_id}",
            lambda: mapping(self.companion("get_workflow", workflow_id=workflow_id)),
        )

    def nodes(self, workflow_id: str) -> Iterator[Json]:
        """The workflow's steps and containers at every depth, as its description has them."""

        def below(outer: Json) -> Iterator[Json]:
            for key in ("steps", "else_steps", "choices"):
                for inner in mappings(outer.get(key)):
                    yield inner
                    yield from below(inner)

        yield from below(self.description(workflow_id))

    # -- what may still be asked

    def once(self, what: str, make: Callable[[], T]) -> T:
        """What several observers need, made when the first asks for it."""
        if what not in self._made:
            self._made[what] = make()
        made: T = self._made[what]
        return made

    def ask(self, method: str, path: str, **more: Any) -> Exchange:
        """Ask once more. `more` are a Request's other members. An exchange without a status where
        nothing was sent, as all runs that are allowed had been started."""
        request = Request(method, path, **more)
        try:
            answer = self.context.client.send(request)
            if answer.error is TransferError.NO_ANSWER:
                # A server that has crashed over the request before closes the connection.
                answer = self.context.client.send(request)
            return answer
        except NoMoreRuns as error:
            return Exchange(request, "", error_message=str(error))

    def path(self, operation_id: str, **parameters: str) -> str | None:
        """The path of an operation; None where the document does not have it."""
        operation = self.context.document.operations.get(operation_id)
        if operation is None:
            return None
        path = operation.path
        for name, value in parameters.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        return path

    def companion(self, operation_id: str, **parameters: str) -> Any:
        """The JSON body of a companion operation; None where it cannot be had."""
        return read_companion(self.context.client, self.context.document, operation_id, parameters)


class Run:
    """A stream as observers read it."""

    def __init__(self, stream: StreamedRun) -> None:
        self.stream = stream
        self.workflow_id = stream.workflow_id
        self.message = stream.message
        self.payloads = stream.judge.payloads
        root = stream.judge.machine.root
        assert root is not None
        self.root = root

    @cached_property
    def spans(self) -> list[Span]:
        """What started, in that order, without the run itself."""
        spans = list(self.root.walk())[1:]
        return sorted(spans, key=lambda span: span.started_index)

    def of(self, *scopes: Scope) -> list[Span]:
        """The spans of these kinds."""
        return [span for span in self.spans if span.scope in scopes]

    def only(self, *names: str) -> list[Json]:
        """The payloads of these events."""
        return [payload for payload in self.payloads if payload.get("event") in names]

    @property
    def ended_by(self) -> str:
        """The first terminal event; "" where there was none."""
        return next((e for e in map(event_of, self.payloads) if e in TERMINAL_EVENTS), "")

    def say(self, text: str) -> str:
        """Where something was seen."""
        return f"{self.workflow_id}: {text}"

    @cached_property
    def results(self) -> list[Json]:
        """Every result that the stream shows, at every depth, each as often as it is shown."""
        found: list[Json] = []
        for payload in self.payloads:
            for key in ("step_results", "iteration_results"):
                found += walk_results(mappings(payload.get(key)))
            found += mappings([payload.get("step_output"), payload.get("step_response")])
        return found

    @property
    def own_results(self) -> list[Json]:
        """The results of the workflow's own steps; none where the run failed."""
        return results_of(self.root) or []

    @cached_property
    def failures(self) -> list[Failure]:
        """The steps that failed for good."""
        return list(_failures(self))


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that failed for good."""

    span: Span
    is_left_open: bool
    """It has neither StepError nor StepCompleted."""
    is_skipped: bool
    """By skip_on_failure."""


def _failures(run: Run) -> Iterator[Failure]:
    skipped = {name for result in run.results if (name := skipped_name(result)) is not None}
    failed = {
        str(result.get("step_name"))
        for result in run.results
        if result.get("success") is False and skipped_name(result) is None
    }
    steps = run.of(Scope.STEP)
    for span in steps:
        if span.ended and event_of(span.ended) == "StepCompleted":
            continue
        is_left_open = not span.ended
        if span.name in skipped:
            yield Failure(span, is_left_open, is_skipped=True)
        elif (
            not is_left_open
            or span.name in failed
            or (run.ended_by == "WorkflowError" and span is steps[-1])
            or any(outer.name in failed and _is_last(span, outer) for outer in ancestors(span))
        ):
            yield Failure(span, is_left_open, is_skipped=False)


def _is_last(span: Span, outer: Span) -> bool:
    return [inner for inner in outer.walk() if inner.scope is Scope.STEP][-1] is span


def ancestors(span: Span) -> Iterator[Span]:
    """What a span stands in, from the inside out, without the run itself."""
    outer = span.parent
    while outer is not None and outer.scope is not Scope.WORKFLOW:
        yield outer
        outer = outer.parent


def is_top_level(span: Span) -> bool:
    """Whether it is one of the workflow's own steps."""
    return span.parent is not None and span.parent.scope is Scope.WORKFLOW


def children_of(span: Span) -> list[Span]:
    """The steps and containers in a container, in the order in which they started."""
    children = [child for child in span.children if child.scope in STEPS_AND_CONTAINERS]
    return sorted(children, key=lambda child: child.started_index)


def results_of(span: Span) -> list[Json] | None:
    """The results in a container's end; None where it did not end so."""
    key = "iteration_results" if span.scope is Scope.ITERATION else "step_results"
    if not span.ended or not _is_list(span.ended.get(key)):
        return None
    return mappings(span.ended[key])


def result_of(span: Span) -> Json | None:
    """A span's result among its parent's; None where there is none, or none of its name."""
    results = (results_of(span.parent) if span.parent else None) or []
    by_id = [r for r in results if r.get("step_id") and r["step_id"] == span.started.get("step_id")]
    by_name = [r for r in results if r.get("step_name") == span.name]
    return next(iter([*by_id, *by_name]), None)


def walk_results(results: Iterable[Json]) -> list[Json]:
    """Results and those within them."""
    found: list[Json] = []
    for result in results:
        found.append(result)
        found += walk_results(mappings(result.get("steps")))
    return found


def skipped_name(result: Json) -> str | None:
    """The step's name where the result says that its failure was skipped (Agno's words)."""
    content = result.get("content")
    if result.get("success") is not False or not isinstance(content, str):
        return None
    head, tail = "Step ", " failed but skipped"
    if not (content.startswith(head) and content.endswith(tail)):
        return None
    return content[len(head) : -len(tail)]


def event_of(payload: Json) -> str:
    return str(payload.get("event"))


def json_of(exchange: Exchange) -> Json:
    """An answer's JSON object; empty where it is none."""
    return parse_object(exchange.body) or {}


def _is_list(value: Any) -> bool:
    return isinstance(value, list)
