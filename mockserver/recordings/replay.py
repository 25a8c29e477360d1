"""A recording as a run: fresh ids that keep their relations, the caller's own where it was echoed.

What is put in, in every text of the recording:

    ids         the values of its id members, and every UUID: the same id, the same fresh one
    session_id  the caller's, user_id too
    message     the caller's, where the recorded one is the whole text, or stands in it as words of
                its own (a recorded message shorter than four characters only where it is the whole)
    times       created_at and the like are moved by as much as the request is later
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from agentos_contract.events import TERMINAL_EVENTS
from mockserver.engine.actions import (
    Actions,
    Event,
    NodeActions,
    RunCancelled,
    RunFailed,
    Wait,
)
from mockserver.engine.gates import Gates
from mockserver.engine.run import Run
from mockserver.recordings.format import Recording

MIN_ECHO = 4
"""Characters of a message that is looked for within other texts."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIMES = frozenset({"created_at", "updated_at", "start_time", "end_time"})
# Members that name what was configured, not what was made for the run.
_NAMED = frozenset({"workflow_id", "agent_id", "team_id", "user_id", "db_id", "tool_call_id", "id"})


@dataclass
class ReplayedRun(Run):
    """A run's record, as it was recorded."""

    recorded_body: dict[str, Any] | None = None
    """None where only its stream was recorded: then the body is made of that."""

    def to_dict(self) -> dict[str, Any]:
        if self.recorded_body is not None and self.status != "RUNNING":
            return self.recorded_body
        return super().to_dict()


class Replay:
    """Gives a recorded run again; takes the place of an engine."""

    def __init__(
        self,
        recording: Recording,
        run: ReplayedRun,
        *,
        ids: Callable[[], str],
        clock: Callable[[], float],
        is_streamed: bool,
        gates: Gates | None = None,
    ) -> None:
        """As `Engine`'s."""
        self.run = run
        self._gates = gates or Gates()
        self._recording = recording
        self._ids = ids
        self._clock = clock
        self._is_streamed = is_streamed
        self._replaced: dict[str, str] = {}
        recorded = [frame.data for frame in recording.frames] or [recording.body]
        self._learn_ids(recorded)
        started = next(_find(recorded, "created_at"), None)
        self._later = int(clock()) - int(started) if isinstance(started, int | float) else 0
        message = recording.message
        self._echo = (
            re.compile(rf"(?<!\w){re.escape(message)}(?!\w)") if len(message) >= MIN_ECHO else None
        )

    def _learn_ids(self, recorded: list[Any]) -> None:
        run = self.run
        for key, own in (("run_id", run.run_id), ("session_id", run.session_id)):
            # The workflow's own events come first, and have the run's ids.
            theirs = next(_find(recorded, key), None)
            if isinstance(theirs, str) and theirs:
                self._replaced[theirs] = own
        for value in _ids(recorded):
            if value not in self._replaced:
                self._replaced[value] = self._ids()

    def actions(self) -> Actions[None]:
        """The recorded events, each at its time; in batch nothing but the time it took."""
        yield from self._gates.around(self._run())

    def _run(self) -> NodeActions:
        frames = self._recording.frames
        now = late = 0.0
        try:
            for frame in frames:
                if frame.at > now:
                    # A gate that holds it up moves what comes after it.
                    late = max(late, self._gates.held_until - now)
                    yield Wait(frame.at + late)
                    now = frame.at
                event: Event = self.put_in(frame.data)
                event.setdefault("event", frame.event)
                if frame.event in TERMINAL_EVENTS:
                    self._end(event)
                if self._is_streamed:
                    yield event
            if not frames and self._recording.body_at > 0:
                yield Wait(self._recording.body_at)
        except RunFailed as error:
            yield from self._broken_off("ERROR", str(error))
            return None
        except RunCancelled:
            yield from self._broken_off("CANCELLED", f"Run {self.run.run_id} was cancelled")
            return None
        if isinstance(self._recording.body, dict):
            self.run.recorded_body = self.put_in(self._recording.body)
            self.run.status = str(self.run.recorded_body.get("status", "COMPLETED"))
        elif self.run.status == "RUNNING":
            self.run.status = "ERROR"
            self.run.content = "the recording ends without a terminal event"
        return None

    def _broken_off(self, status: str, content: str) -> Actions[None]:
        """The run's end where it is cancelled or made to fail."""
        run = self.run
        run.status, run.content = status, content
        name, member = "WorkflowCancelled", "reason"
        if status == "ERROR":
            name, member = "WorkflowError", "error"
        terminal: Event = {
            "created_at": int(self._clock()),
            "event": name,
            "workflow_id": run.workflow.id,
            "workflow_name": run.workflow_name,
            "session_id": run.session_id,
            "run_id": run.run_id,
            member: content,
        }
        if self._is_streamed:
            yield terminal

    def _end(self, event: Event) -> None:
        run = self.run
        if run.status != "RUNNING":
            return
        ends = {
            "WorkflowCompleted": "COMPLETED",
            "WorkflowCancelled": "CANCELLED",
            **dict.fromkeys(("StepPaused", "RouterPaused", "ConditionPaused"), "PAUSED"),
        }
        run.status = ends.get(event["event"], "ERROR")
        if run.status == "PAUSED" and type(event.get("step_index")) is int:
            run.paused_at = (event["step_index"], str(event.get("step_name")))
        run.content = event.get("content", event.get("error", event.get("reason")))
        run.step_results = event.get("step_results") or []

    def put_in(self, value: Any, key: str = "") -> Any:
        """A recorded value with the caller's and fresh values in it."""
        if isinstance(value, dict):
            return {name: self.put_in(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.put_in(item, key) for item in value]
        if key in _TIMES and isinstance(value, int | float) and not isinstance(value, bool):
            return value + self._later
        if not isinstance(value, str):
            return value
        if key == "user_id" and value == self._recording.form.get("user_id"):
            return self.run.user_id or value
        if value in self._replaced:
            return self._replaced[value]
        text = self.run.input if isinstance(self.run.input, str) else None
        if text is not None and value == self._recording.message:
            return text
        value = _UUID.sub(lambda found: self._replaced.get(found[0], found[0]), value)
        if text is not None and self._echo is not None:
            value = self._echo.sub(lambda found: text, value)
        return value


def _find(value: Any, key: str) -> Iterator[Any]:
    """The values of a member, in the order in which they stand."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == key:
                yield item
            yield from _find(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _find(item, key)


def _ids(value: Any, key: str = "") -> Iterator[str]:
    """What was made for a run: the values of members such as step_id, and every UUID."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _ids(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _ids(item, key)
    elif isinstance(value, str):
        if key.endswith("_id") and key not in _NAMED and value:
            yield value
        for found in _UUID.finditer(value):
            yield found[0]
