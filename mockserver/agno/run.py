"""How the real server's runs depart: their end, cancellation, steps, containers, results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mockserver.engine.actions import Event, RunCancelled, StepFailed, StepIndex
from mockserver.engine.context import with_content
from mockserver.engine.hooks import Ending, EngineHooks, Maker
from mockserver.engine.media import FIELDS, media_of
from mockserver.engine.results import Result, result
from mockserver.faults.registry import departure
from mockserver.script.model import Condition, Container, Loop, Node, Parallel, Router, Step, Steps

# -- the run's name and its end


@departure("run.unnamed")
class Unnamed(EngineHooks):
    def workflow_name(self) -> str | None:
        return super().workflow_name() if self.run.workflow.source.get("name") else None


@departure("run.error-twice")
class ErrorTwice(EngineHooks):
    def last_events(self, event: Event) -> Iterable[Event]:
        is_error = event["event"] == "WorkflowError"
        # What a function in the place of steps raises nothing of the workflow sees.
        if not is_error or self.run.workflow.function is None:
            yield from super().last_events(event)
        if is_error:
            # Without ids, as the server answers an exception.
            yield {key: event[key] for key in ("created_at", "event", "error")}


@departure("cancel.completed-too")
class CancelledAndCompleted(EngineHooks):
    def last_events(self, event: Event) -> Iterable[Event]:
        yield from super().last_events(event)
        if event["event"] == "WorkflowCancelled":
            completed = {**event, "event": "WorkflowCompleted"}
            del completed["reason"]
            completed |= with_content(self.run.content)
            yield {**completed, "content_type": "str", "step_results": self.run.step_results}


# -- where a cancellation is noticed, and what is kept


@departure("cancel.noticed-late")
class CancellationNoticedLate(EngineHooks):
    """Within a step: before the step's next event; in batch when the step is over."""

    def __init__(self) -> None:
        super().__init__()
        self._is_due = False

    def is_cancelled_at_once(self) -> bool:
        if self.step is None:
            return super().is_cancelled_at_once()
        self._is_due = True
        return False

    def before_event(self, event: Event) -> None:
        if self._is_due and self.step is not None and self.run.is_streamed:
            raise RunCancelled
        super().before_event(event)

    def before_step(self, node: Node) -> None:
        self._raise_if_due()
        super().before_step(node)

    def after_step(self, node: Node) -> None:
        self._raise_if_due()
        super().after_step(node)

    def _raise_if_due(self) -> None:
        if self._is_due:
            raise RunCancelled

    def on_end(self) -> None:
        super().on_end()
        if self.run.status == "CANCELLED" and not self.run.is_streamed:
            self.run.step_results = []


@departure("cancel.partial-result")
class PartialResult(EngineHooks):
    def __init__(self) -> None:
        super().__init__()
        self._last: Node | None = None
        self._content = ""

    def before_step(self, node: Node) -> None:
        super().before_step(node)
        self._last, self._content = node, ""

    def before_event(self, event: Event) -> None:
        super().before_event(event)
        if event["event"] in ("RunContent", "TeamRunContent"):
            self._content += str(event.get("content") or "")

    def on_end(self) -> None:
        super().on_end()
        node = self._last
        is_kept = self.run.status == "CANCELLED" and self.run.is_streamed and self._content
        if node is not None and is_kept:
            executor = node.executor if isinstance(node, Step) else None
            kept = result(
                self._content,
                node.name,
                None,
                "Step",
                executor.type if executor else None,
                executor.name if executor else None,
                success=False,
                error="Cancelled during execution",
            )
            self.run.step_results.append(kept)


@departure("cancel.step-skipped")
class CancelledStepSkipped(EngineHooks):
    def goes_on(self, step: Step, error: StepFailed | RunCancelled) -> bool:
        is_cancelled = isinstance(error, RunCancelled) and self.run.is_streamed
        return is_cancelled or super().goes_on(step, error)


@departure("step.failure-skipped")
class FailedStepSkipped(EngineHooks):
    def goes_on(self, step: Step, error: StepFailed | RunCancelled) -> bool:
        return isinstance(error, StepFailed) or super().goes_on(step, error)


# -- pauses


@departure("pause.forgotten")
class PauseForgotten(EngineHooks):
    def pauses(self, node: Node, *, has_failed: bool = False) -> bool:
        # It forgets what a step asks, not what its function does.
        is_of_function = node.pause is not None and node.pause.is_of_function
        return is_of_function and not has_failed and super().pauses(node)


@departure("pause.error-alone")
class PauseErrorAlone(EngineHooks):
    def pause_after_failure(self, paused: Event, error: Event, *, is_said: bool) -> list[Event]:
        return [] if is_said else [error]


# -- steps and containers that have no end event


def _left_open(kind: type[Node], how: Ending) -> type[EngineHooks]:
    class LeftOpen(EngineHooks):
        def has_end_event(self, node: Node, ending: Ending, *, is_top_level: bool) -> bool:
            is_left_open = isinstance(node, kind) and ending == how
            if how == "stopped":
                is_left_open = is_left_open and is_top_level
            return not is_left_open and super().has_end_event(
                node, ending, is_top_level=is_top_level
            )

    return LeftOpen


departure("step.failure-left-open")(_left_open(Step, "failed"))
departure("step.skip-left-open")(_left_open(Step, "skipped"))
departure("step.stop-left-open")(_left_open(Step, "stopped"))
departure("parallel.stop-left-open")(_left_open(Parallel, "stopped"))
departure("loop.failure-left-open")(_left_open(Loop, "failed"))
departure("steps.failure-left-open")(_left_open(Steps, "failed"))


# -- results


@departure("result.failure-anonymous")
class AnonymousFailure(EngineHooks):
    def on_failed_result(self, outcome: Result, maker: Maker) -> None:
        super().on_failed_result(outcome, maker)
        outcome["executor_type"] = outcome["executor_name"] = None
        outcome.pop("steps", None)
        if maker != "run":
            outcome["step_id"] = outcome["step_type"] = None


@departure("result.skip-anonymous")
class AnonymousSkip(EngineHooks):
    def on_failed_result(self, outcome: Result, maker: Maker) -> None:
        super().on_failed_result(outcome, maker)
        if maker == "step":
            outcome["step_name"] = outcome["step_id"] = outcome["step_type"] = None
            outcome["executor_type"] = outcome["executor_name"] = None


@departure("parallel.other-result-id")
class OtherIdInResult(EngineHooks):
    def result_id(self, node: Node, node_id: str) -> str:
        return self.new_id() if isinstance(node, Parallel) else super().result_id(node, node_id)


@departure("parallel.results-as-completed")
class ResultsAsCompleted(EngineHooks):
    def parallel_order(self, ended: Iterable[int]) -> Iterable[int]:
        return ended if self.run.is_streamed else super().parallel_order(ended)


@departure("condition.unmet-without-result")
class UnmetWithoutResult(EngineHooks):
    def has_empty_result(self, node: Condition | Router) -> bool:
        has_none = isinstance(node, Condition) and self.run.is_streamed
        return not has_none and super().has_empty_result(node)


@departure("router.empty-without-result")
class NothingSelectedWithoutResult(EngineHooks):
    def has_empty_result(self, node: Condition | Router) -> bool:
        has_none = isinstance(node, Router) and self.run.is_streamed
        return not has_none and super().has_empty_result(node)


# -- what containers carry out, and say of it


@departure("condition.else-forgotten")
class ElseForgotten(EngineHooks):
    def else_steps(self, node: Condition) -> Sequence[Node]:
        return ()


@departure("condition.all-counted")
class AllStepsCounted(EngineHooks):
    def executed_steps(self, steps: Sequence[Node], results: Sequence[Result]) -> int:
        return len(steps)


@departure("loop.last-continues")
class LastIterationContinues(EngineHooks):
    def should_continue(self, is_wanted: bool, *, is_last: bool) -> bool:
        return is_wanted


@departure("step-index.shared")
class SharedIndex(EngineHooks):
    def child_index(
        self, node: Container, index: StepIndex, position: int, *, is_alone: bool
    ) -> StepIndex:
        if isinstance(node, Parallel | Condition) and not isinstance(index, int):
            return index
        is_alone = is_alone or isinstance(node, Router)
        return super().child_index(node, index, position, is_alone=is_alone)


@departure("router.id-repeated")
class RouterIdRepeated(EngineHooks):
    def has_new_id(self, node: Router) -> bool:
        return False


# -- what a function gives


@departure("media.as-text")
class MediaAsText(EngineHooks):
    def step_output(self, output: Result) -> Result:
        shown = {
            kind: [_as_pydantic(kind, item) for item in items]
            for kind, items in media_of(output).items()
        }
        return super().step_output({**output, **shown})


def _as_pydantic(kind: str, item: Mapping[str, Any]) -> str:
    """One of them as the text that Pydantic makes of it."""
    return " ".join(f"{name}={item.get(name)!r}" for name in FIELDS[kind])
