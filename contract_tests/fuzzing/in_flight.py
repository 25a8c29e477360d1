"""An in-flight run: one that was started, while it goes on and when it is over."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

from agentos_contract.json_values import parse_object
from agentos_contract.sse import ServerSentEvent
from contract_tests.fuzzing.steps import Run
from contract_tests.target.client import Client
from contract_tests.target.exchange import Exchange, Request


class InFlightRun:
    """A run that a step started. `listen` and `wake` are called in the client's thread."""

    def __init__(self, step: Run, request: Request, client: Client) -> None:
        self.step = step
        self.request = request
        self.asked_session = request.field("session_id") or None
        self.message = request.field("message") or ""
        self.exchange: Exchange | None = None
        """When its answer is over, or was left."""
        self.run_id: str | None = None
        self.session_id = self.asked_session
        """What was asked for counts; that the server says another is judged elsewhere."""
        self.cancelled_at: float | None = None
        """When its cancelling was answered, in seconds since the request."""
        self.is_left = False
        """Whether we hung up."""
        self.started = time.monotonic()
        self._events = 0
        self._changed = threading.Condition()
        self.future: Future[Exchange] = client.start(request, on_event=self.listen)
        self.future.add_done_callback(self.wake)

    def listen(self, event: ServerSentEvent) -> None:
        with self._changed:
            self._events += 1
            if event.event == "WorkflowStarted" and self.run_id is None:
                payload = parse_object(event.data) or {}
                self.note_ids(payload.get("run_id"), payload.get("session_id"))
            self._changed.notify_all()

    def note_ids(self, run_id: object, session_id: object) -> None:
        """The ids that the server gave."""
        if isinstance(run_id, str) and run_id:
            self.run_id = run_id
        if isinstance(session_id, str) and session_id and self.session_id is None:
            self.session_id = session_id

    def wake(self, future: Future[Exchange]) -> None:
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, events: int, seconds: float) -> None:
        """Until so many events have come, the run is over, or so many seconds have passed."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._events >= events or self.future.done(), max(0.0, seconds)
            )
