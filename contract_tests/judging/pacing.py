"""Judges when a stream's events came, by the times that they tell themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentos_contract.events import CONTAINERS, EVENTS, EventKind, Scope
from agentos_contract.spans import Span
from contract_tests.judging.streams import StreamedRun


def held_back(run: StreamedRun) -> str | None:
    """Why a stream's events cannot have been sent as they happened; None where they may have.

    An event that is as late as two seconds by its own created_at, in a stream where a later event
    is not, was held back. Whole seconds and clocks that differ cannot make that; a created_at that
    is the same on all events makes lateness grow, never shrink.
    """
    found = (_held_back(timed) for timed in _paced(run))
    return next((why for why in found if why is not None), None)


def _held_back(timed: Sequence[Timed]) -> str | None:
    late: tuple[float, str] | None = None
    for arrived, name, created in timed:
        lag = arrived - created
        if late is not None and late[0] - lag >= 2.0:
            return (
                f"{late[1]} came {late[0] - lag:.1f} s later after its created_at than {name}, "
                f"which came at {arrived:.1f} s: it was held back"
            )
        if late is None or lag > late[0]:
            late = (lag, name)
    return None


def shows_pacing(run: StreamedRun) -> bool:
    """Whether a run took long enough for its events to have been held back, by times that can be
    believed: those that go backwards say nothing."""
    return bool(_paced(run))


def _paced(run: StreamedRun) -> list[list[Timed]]:
    """What took that long: the workflow's own events, what each agent's or team's run says."""
    found = []
    for timed in (_timed(run), *_timed_contents(run)):
        times = [created for _, _, created in timed]
        if times and times == sorted(times) and times[-1] - times[0] >= 3:
            found.append(timed)
    return found


LASTS = 3.0
"""Seconds from a stream's first own event to its last, in which whole seconds go on."""


def time_stands_still(run: StreamedRun) -> bool | None:
    """Whether all events of a stream that took LASTS have one created_at; None of a shorter one."""
    timed = _timed(run)
    if not timed or timed[-1][0] - timed[0][0] < LASTS:
        return None
    return len({created for _, _, created in timed}) == 1


Timed = tuple[float, str, float]
"""An event's arrival, name and created_at."""


def _timed(run: StreamedRun) -> list[Timed]:
    """Of the workflow's own events: that of a nested run's may be that of its start."""
    scopes = CONTAINERS | {Scope.WORKFLOW, Scope.STEP, Scope.ITERATION}
    return [timed for kind, _, timed in _all_timed(run) if kind.scope in scopes]


def _timed_contents(run: StreamedRun) -> list[list[Timed]]:
    """Of what each agent's or team's run says. Where all of it has one time, the run's or that of
    the model's request, it does not show when it was said."""
    by_run: dict[str, list[Timed]] = {}
    for _, payload, timed in _all_timed(run):
        if timed[1].endswith("RunContent"):
            by_run.setdefault(str(payload.get("run_id")), []).append(timed)
    return list(by_run.values())


def _all_timed(run: StreamedRun) -> Iterator[tuple[EventKind, Mapping[str, Any], Timed]]:
    payloads = iter(run.judge.payloads)
    for arrived, event in run.exchange.events:
        payload = next(payloads, None)
        if payload is None:
            break
        kind = EVENTS.get(event.event)
        created = payload.get("created_at")
        if kind is not None and isinstance(created, int | float) and abs(created) < 1e15:
            yield kind, payload, (arrived, event.event, float(created))


HELD = 2.0
"""Seconds by which an event is late that was held back."""

BURST = 0.1
"""The part of the time before them in which words come that were held back."""


def words_at_once(run: StreamedRun) -> str | None:
    """Why an agent's words cannot have been sent as the model said them, by the time to the first
    token that its request tells; None where they may have.

    A model that thinks before it speaks may have told its first token sooner than its first word:
    such requests say nothing, nor do those whose words came one by one.
    """
    for request, words in _requests(run):
        waited = words[0] - request[0]
        if waited - request[1] >= HELD and words[-1] - words[0] <= BURST * waited:
            return (
                f"a model's first token came after {request[1]:.1f} s by its time_to_first_token, "
                f"and {len(words)} RunContents at once {waited:.1f} s after ModelRequestStarted"
            )
    return None


def tells_first_tokens(run: StreamedRun) -> bool:
    """Whether a model's request took long enough for its words to have been held back."""
    return any(words[-1] - started >= HELD for (started, _), words in _requests(run))


def _requests(run: StreamedRun) -> Iterator[tuple[tuple[float, float], list[float]]]:
    """Of each request to a model that says how long its first token took, and was answered in
    words: when it came and that time, and when the words came; in seconds."""
    root = run.judge.machine.root
    arrived = [at for at, _ in run.exchange.events]
    for span in root.walk() if root is not None else ():
        took = (span.ended or {}).get("time_to_first_token")
        if span.scope is not Scope.MODEL_REQUEST or not isinstance(took, int | float):
            continue
        if not 0 <= took < 1e6:
            continue
        if (span.ended or {}).get("reasoning_tokens") or span.parent is None:
            continue
        words = [arrived[index] for index in _said_during(span, span.parent)]
        if len(words) > 1:
            yield (arrived[span.started_index], float(took)), words


def _said_during(request: Span, of: Span) -> list[int]:
    """Where in the stream that came which a run said while a request of its own was open."""
    end = request.ended_index or 0
    return [index for index in of.within_indexes if request.started_index < index < end]
