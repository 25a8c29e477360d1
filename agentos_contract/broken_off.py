"""What broke off in a run before it was through: steps that failed for good or stopped the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentos_contract.conditions import about
from agentos_contract.events import TERMINAL_EVENTS, Scope
from agentos_contract.json_values import canonical, mappings
from agentos_contract.results import results_of
from agentos_contract.spans import EventData, Span, steps_of


@dataclass(frozen=True)
class BrokenOff:
    """The spans of a run that failed for good, were skipped, or stopped the run."""

    failed: frozenset[Span]
    """Steps whose failure was not skipped, and the iterations, Loops and Steps that failed with
    them."""
    skipped: frozenset[Span]
    stopped: frozenset[Span]
    """The workflow's own steps and containers that stopped the run."""

    def about(self, span: Span) -> frozenset[str]:
        """The conditions that hold of how a span came to its end."""
        words = {
            "step-stopped": self.stopped,
            "step-failed": self.failed,
            "step-skipped": self.skipped,
        }
        return about(span) | {word for word, spans in words.items() if span in spans}


def broken_off(root: Span, payloads: Sequence[EventData]) -> BrokenOff:
    """What broke off in a run whose payloads these are."""
    names = {skipped_name(result) for result in all_results(payloads)}
    failed_for_good = _Ends().failed
    failed: set[Span] = set()
    skipped: set[Span] = set()
    for step in root.walk():
        if not step.ended and step.scope in (Scope.LOOP, Scope.STEPS) and failed_for_good(step):
            failed.add(step)
            # Its iterations that ended did so before it broke off.
            failed.update(c for c in step.children if c.scope is Scope.ITERATION and not c.ended)
        if step.scope is not Scope.STEP or not failed_for_good(step):
            continue
        if step.name in names:
            skipped.add(step)
            continue
        # What its agent had begun is broken off with it.
        failed.update(span for span in step.walk() if span is step or not span.ended)
        # It fails the Loop that it is in, and what that is in; a Steps has the failure as a result.
        span = step.parent
        while span is not None and span.scope is Scope.ITERATION:
            loop = span.parent
            if loop is None or not failed_for_good(loop):
                break
            failed |= {span, loop}
            span = loop.parent
        if span is not None and span.scope is Scope.STEPS and failed_for_good(span):
            failed.add(span)
    stops = {r.get("step_name") for r in results_in(root) or () if r.get("stop")}
    stopped = {span for span in steps_of(root) if span.name in stops}
    return BrokenOff(frozenset(failed - stopped), frozenset(skipped - stopped), frozenset(stopped))


class _Ends:
    """How steps ended, by their own last event and by the results of what they stand in."""

    def __init__(self) -> None:
        self._results: dict[Span, dict[str, list[EventData]]] = {}
        """By container, then by step_id."""

    def failed(self, span: Span) -> bool:
        """Whether a step failed for good; or a Loop or a Steps with a step that did."""
        if not span.ended:  # nobody says that it ended well
            return not any(result.get("success") for result in self._own(span))
        if span.scope is Scope.STEP:
            return span.ended.get("event") != "StepCompleted"
        return any(result.get("success") is False for result in self._own(span))

    def _own(self, span: Span) -> list[EventData]:
        if span.parent is None:
            return []
        by_id = self._results.get(span.parent)
        if by_id is None:
            by_id = self._results[span.parent] = {}
            for result in results_in(span.parent) or ():
                by_id.setdefault(canonical(result.get("step_id")), []).append(result)
        return by_id.get(canonical(span.started.get("step_id")), [])


def failures(root: Span, payloads: Sequence[EventData]) -> Iterator[tuple[Span, bool]]:
    """The steps that failed for good, and of each whether it was skipped."""
    results = all_results(payloads)
    skipped = {name for result in results if (name := skipped_name(result)) is not None}
    failed = {
        str(result.get("step_name"))
        for result in results
        if result.get("success") is False and skipped_name(result) is None
    }
    steps = [span for span in root.walk() if span.scope is Scope.STEP]
    steps.sort(key=lambda span: span.started_index)
    names = (str(payload.get("event")) for payload in payloads)
    ended_by = next((name for name in names if name in TERMINAL_EVENTS), "")
    for span in steps:
        if span.ended and span.ended.get("event") == "StepCompleted":
            continue
        if span.name in skipped:
            yield span, True
        elif (
            span.ended
            or span.name in failed
            or (ended_by == "WorkflowError" and span is steps[-1])
            or any(outer.name in failed and _is_last(span, outer) for outer in ancestors(span))
        ):
            yield span, False


def all_results(payloads: Iterable[EventData]) -> list[EventData]:
    """Every result that a stream shows, at every depth, each as often as it is shown."""
    found: list[EventData] = []
    for payload in payloads:
        for key in ("step_results", "iteration_results"):
            found += walk_results(mappings(payload.get(key)))
        found += mappings([payload.get("step_output"), payload.get("step_response")])
    return found


def ancestors(span: Span) -> Iterator[Span]:
    """What a span stands in, from the inside out, without the run itself."""
    outer = span.parent
    while outer is not None and outer.scope is not Scope.WORKFLOW:
        yield outer
        outer = outer.parent


def results_in(span: Span) -> list[EventData] | None:
    """The results in a container's end; None where it did not end so."""
    return results_of(span) if span.ended else None


def walk_results(results: Iterable[EventData]) -> list[EventData]:
    """Results and those within them."""
    found: list[EventData] = []
    for result in results:
        found.append(result)
        found += walk_results(mappings(result.get("steps")))
    return found


def skipped_name(result: Mapping[str, Any]) -> str | None:
    """The step's name where the result says that its failure was skipped (Agno's words)."""
    content = result.get("content")
    if result.get("success") is not False or not isinstance(content, str):
        return None
    head, tail = "Step ", " failed but skipped"
    if not (content.startswith(head) and content.endswith(tail)):
        return None
    return content[len(head) : -len(tail)]


def _is_last(span: Span, outer: Span) -> bool:
    return [inner for inner in outer.walk() if inner.scope is Scope.STEP][-1] is span
