"""`/workflows/ws`: runs over a websocket, as the observed server has them (no document says so).

A client sends JSON objects with an `action`: `authenticate`, `ping`, `start-workflow`, `reconnect`.
What a run says comes as texts, each a server-sent event with its `event_index`. A run goes on when
its client leaves; `reconnect` gives what was missed, and what is still to come.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import jsonschema_rs
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from agentos_contract.json_values import read_json
from agentos_contract.names import did_you_mean
from agentos_contract.sse import json_of_event
from mockserver.http.errors import ApiError
from mockserver.http.hooks import RunInput, hooks_of
from mockserver.http.preferences import ASK_RULES_KEY, Preferences
from mockserver.http.request import MOCK_SCOPE_KEY, LoadedScripts
from mockserver.http.scenarios import fitting_scenario, named_scenario
from mockserver.runner.active import ActiveRun
from mockserver.runner.hooks import RunRequest
from mockserver.runner.recent import StreamedRun
from mockserver.runner.room import TooManyRuns
from mockserver.runner.runner import Runner
from mockserver.runner.scopes import MockScope
from mockserver.runner.sharing import Subscriber
from mockserver.script.problems import instead_of
from mockserver.sessions.keeping import find_session
from mockserver.sessions.store import StoreError

PATH = "/workflows/ws"
ACTIONS = ("authenticate", "ping", "reconnect", "start-workflow")
"""What a message can ask for."""

Json = dict[str, Any]

_SERVER_ENDS = 1012
"""The code of a disconnect where it is the server that ends; the socket is still open then."""

_SECONDS_BETWEEN_LOOKS = 0.02

_TEXT = {"type": ["string", "null"]}
_FIELDS: dict[str, Mapping[str, Any]] = {
    "authenticate": {"token": _TEXT},
    "start-workflow": {"workflow_id": _TEXT, "session_id": _TEXT, "user_id": _TEXT},
    "reconnect": {
        "run_id": _TEXT,
        "workflow_id": _TEXT,
        "session_id": _TEXT,
        # -1: none has been received.
        "last_event_index": {"type": ["integer", "null"], "minimum": -1},
    },
}
"""The schemas of an action's fields; start-workflow's `message` may be anything."""

_VALIDATORS = {
    action: jsonschema_rs.Draft202012Validator(
        {"properties": fields},
        # What was sent for a token is not repeated.
        mask="what was sent" if action == "authenticate" else None,
    )
    for action, fields in _FIELDS.items()
}


class WorkflowSocket:
    """ASGI middleware that serves the websocket; all else goes on to `application`."""

    def __init__(
        self,
        application: ASGIApp,
        scripts: LoadedScripts,
        runner: Runner,
        *,
        token: str | None,
    ) -> None:
        self._application = application
        self._scripts = scripts
        self._runner = runner
        self._token = token
        self._subscribers: dict[str, Subscriber] = {}
        """Who takes a run's events besides the one who started it, by run id: the last to ask."""
        if runner.sharing is not None:
            runner.sharing.on_follow(self._follow, self._pass_on)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._application(scope, receive, send)
            return
        socket = WebSocket(scope, receive, send)
        if scope["path"] != PATH:
            await socket.close(reason=f"expected {PATH}")  # before it is accepted: a 403
            return
        await socket.accept()
        runs: set[asyncio.Task[None]] = set()
        try:
            await self._serve(socket, runs)
        except WebSocketDisconnect as end:
            if end.code == _SERVER_ENDS:
                await self._finish(socket, runs)
        self._subscribers = {
            run_id: subscriber
            for run_id, subscriber in self._subscribers.items()
            if not (isinstance(subscriber, _Connected) and subscriber.socket is socket)
        }

    async def _finish(self, socket: WebSocket, runs: set[asyncio.Task[None]]) -> None:
        """The server ends, and with it the runs whose events the client takes: it is told how."""
        while runs or any(  # noqa: ASYNC110 - it happens once, and lasts two seconds at most
            isinstance(each, _Connected) and each.socket is socket
            for each in self._subscribers.values()
        ):
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
        await _close(socket, _SERVER_ENDS)

    async def _serve(self, socket: WebSocket, runs: set[asyncio.Task[None]]) -> None:
        """`runs`: where those stand that the client has started, and that are under way."""
        needs_token = self._token is not None
        please = " Please authenticate to continue." if needs_token else ""
        await _say(
            socket, "connected", message=f"Connected to AgentOS.{please}", requires_auth=needs_token
        )
        is_known = not needs_token
        while True:
            message = await self._receive(socket)
            if message is None:
                return
            action = message.get("action")
            if action != "authenticate" and not is_known:
                error = "Authentication required. Send authenticate action with valid token."
                await _say(socket, "auth_required", error=error)
            elif faults := _faults(message):
                await _say(socket, "error", error=f"{action}: {faults}")
            elif action == "authenticate":
                is_known = await self._authenticate(socket, message.get("token")) or is_known
            elif action == "ping":
                await _say(socket, "pong")
            elif action == "start-workflow":
                await self._start(socket, message, runs)
            elif action == "reconnect":
                try:
                    await self._reconnect(socket, message)
                except StoreError as unread:
                    await _say(socket, "error", error=str(unread))
            else:
                await _refuse(socket, f"Unknown action: {action}", instead_of(str(action), ACTIONS))

    async def _receive(self, socket: WebSocket) -> Json | None:
        """The next message; None where a text that is none ends the connection."""
        while True:
            received = await socket.receive()
            if received["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(received.get("code", 1005))
            try:
                value = read_json(received.get("text") or "")
            except ValueError:
                value = None
            if isinstance(value, dict):
                return value
            if not hooks_of(socket.scope).broken_text_is_answered:
                return None
            expected = 'expected a JSON object, such as {"action": "ping"}'
            await _say(socket, "error", error=expected)

    async def _authenticate(self, socket: WebSocket, token: str | None) -> bool:
        if not token:
            await _say(socket, "auth_error", error="Token is required")
            return False
        if self._token is not None and not hmac.compare_digest(
            token.encode(), self._token.encode()
        ):
            await _say(socket, "auth_error", error="Invalid token")
            return False
        welcome = "Authentication successful. You can now send commands."
        await _say(socket, "authenticated", message=welcome)
        return True

    def _mock_scope(self, socket: WebSocket, message: Json) -> MockScope:
        """Whose message it is."""
        named: MockScope | None = socket.scope.get(MOCK_SCOPE_KEY)
        session_id = message.get("session_id")
        scopes = self._runner.scopes
        return named or (session_id and scopes.of_session(session_id)) or scopes.unnamed

    # -- runs

    async def _start(self, socket: WebSocket, message: Json, runs: set[asyncio.Task[None]]) -> None:
        workflow_id = message.get("workflow_id")
        if not workflow_id:
            await _say(socket, "error", error="workflow_id is required")
            return
        mock_scope = self._mock_scope(socket, message)
        workflow = mock_scope.over(self._scripts.workflows).get(workflow_id)
        if workflow is None:
            known = mock_scope.over(self._scripts.workflows)
            near = did_you_mean(str(workflow_id), known).removeprefix("; ")
            await _refuse(socket, f"Workflow {workflow_id} not found", near)
            return
        said = message.get("message", "")
        try:
            asked = RunInput(said)
            if isinstance(said, str) or workflow.input_validator is not None:
                text = said if isinstance(said, str) else json.dumps(said)
                asked = hooks_of(socket.scope).read_input(workflow, text)
        except ApiError as error:
            await _say(socket, "error", error=error.detail)
            return
        ask = socket.scope.get(ASK_RULES_KEY)
        preferences = Preferences() if ask is None else await ask(mock_scope, message)
        request = RunRequest(
            workflow,
            asked.value,
            asked.text,
            asked.members,
            message.get("session_id") or None,
            message.get("user_id") or None,
            is_background=True,
            is_over_websocket=True,
            stream=True,
            scope=mock_scope,
            steering=preferences.steering(),
            hooks=hooks_of(socket.scope).runner,
        )
        # Beside what the client says next.
        run = asyncio.create_task(self._answer(request, preferences, mock_scope, socket))
        for kept in (self._tasks, runs):
            kept.add(run)
            run.add_done_callback(kept.discard)

    async def _answer(
        self,
        request: RunRequest,
        preferences: Preferences,
        mock_scope: MockScope,
        socket: WebSocket,
    ) -> None:
        """A run, or the error that comes instead."""
        try:
            instead = await self._instead(request, preferences, mock_scope)
            await self._run(request, instead, socket)
        finally:
            preferences.on_over()

    async def _run(self, request: RunRequest, instead: str | None, socket: WebSocket) -> None:
        if instead is not None:
            await _say(socket, "error", error=instead)
            return
        try:
            active = await self._runner.start(request)
        except TooManyRuns as error:
            await _say(socket, "error", error=f"{error}; {error.hint}")
            return
        except StoreError as error:
            await _say(socket, "error", error=str(error))
            return
        await self._carry_out(active, socket)

    async def _instead(
        self, request: RunRequest, preferences: Preferences, scope: MockScope
    ) -> str | None:
        """The error that rules or a scenario answer a run with, once its time has passed.

        A socket has no status: what is no error starts the run.
        """
        answer = preferences.rule_answer
        if answer.delay:
            preferences.apply("delay")
            await scope.clock.sleep(answer.delay)
        if answer.status is not None:
            if answer.status < 400:
                return None
            preferences.apply("status")
            return answer.detail or _phrase(answer.status)
        scenario = named_scenario(request.workflow, answer.scenario)
        if scenario is not None:
            preferences.apply("scenario")
        else:
            about = {"session_id": request.session_id, "user_id": request.user_id}
            form = {"message": request.input_text or request.input, **about}
            scenario = await fitting_scenario(request.workflow, form, scope.store)
        if scenario is None or scenario.status < 400:
            return None
        if scenario.delay:
            await scope.clock.sleep(scenario.delay)
        return scenario.detail

    async def _carry_out(self, active: ActiveRun, socket: WebSocket) -> None:
        """A run's events to whoever started it, and to whoever subscribed since."""
        run_id = active.run.run_id
        index = 0
        async with contextlib.aclosing(self._runner.events(active)) as moments:
            async for events in moments:
                for name, block in events:
                    if name == "StepOutput" or (
                        hooks_of(socket.scope).hides_failures and name == "WorkflowError"
                    ):
                        continue
                    data = _indexed(json.loads(json_of_event(block)), index)
                    await _send(socket, f"event: {name}\ndata: {data}\n\n")
                    other = self._subscribers.get(run_id)
                    if other is not None:
                        await other.send(index, data)
                    index += 1
        if active.is_cut:
            await _close(socket, 1011)
        recent = self._runner.recent(run_id, active.scope)
        if recent is None or recent.status != "RUNNING":
            self._subscribers.pop(run_id, None)

    async def _reconnect(self, socket: WebSocket, message: Json) -> None:
        run_id = message.get("run_id")
        if not run_id:
            await _say(socket, "error", error="run_id is required for subscription")
            return
        mock_scope = self._mock_scope(socket, message)
        subscriber = _Connected(socket)
        recent = self._runner.recent(run_id, mock_scope)
        if recent is None and self._runner.sharing is not None:
            self._subscribers[run_id] = subscriber  # what comes may be there before the answer
            recent = await self._runner.sharing.follow(run_id, mock_scope)
        if recent is not None and recent.status == "RUNNING":
            self._subscribers[run_id] = subscriber
        elif self._subscribers.get(run_id) is subscriber:
            del self._subscribers[run_id]
        if recent is None:
            await self._replay_stored(socket, run_id, message)
            return
        events = recent.event_payloads()
        status = recent.status
        if status != "RUNNING":
            said = f"Run {status}. Replaying all events."
            await _replay(socket, run_id, status, events, said)
            return
        last = message.get("last_event_index")
        first = 0 if last is None else int(last) + 1
        missed = events[first:]
        if missed:
            await _say(
                socket,
                "catch_up",
                run_id=run_id,
                status="running",
                missed_events=len(missed),
                current_event_count=len(events),
                message=f"Catching up on {len(missed)} missed events.",
            )
            for index, event in enumerate(missed, first):
                await _send(socket, _indexed(event, index))
        await _say(
            socket,
            "subscribed",
            run_id=run_id,
            status="running",
            current_event_count=len(events),
            message="Subscribed to workflow run. You will receive new events as they occur.",
        )
        await subscriber.begin(len(events))

    def _follow(
        self, run_id: str, mock_scope: MockScope, subscriber: Subscriber
    ) -> StreamedRun | None:
        """A run as far as it has come, whose events another process takes from now on."""
        recent = self._runner.recent(run_id, mock_scope)
        if recent is not None and recent.status == "RUNNING":
            self._subscribers[run_id] = subscriber
        return recent

    def _pass_on(self, run_id: str, index: int, text: str) -> None:
        """An event of a run that another process carries out."""
        subscriber = self._subscribers.get(run_id)
        if isinstance(subscriber, _Connected):
            subscriber.put(index, text)

    async def _replay_stored(self, socket: WebSocket, run_id: str, message: Json) -> None:
        session_id = message.get("session_id")
        stored = None
        mock_scope = self._mock_scope(socket, message)
        workflows = mock_scope.over(self._scripts.workflows)
        if session_id and message.get("workflow_id") in workflows:
            session = await find_session(mock_scope.store, session_id)
            if session is not None:
                stored = await self._runner.stored_run(session, run_id, mock_scope)
        if stored is None:
            await _say(socket, "error", error=f"Run {run_id} not found in buffer or database")
            return
        try:
            hooks_of(socket.scope).check_stored(stored)
        except ApiError as error:
            await _say(socket, "error", error=error.detail)
            return
        events = stored.event_payloads()
        said = "Run completed. Replaying all events from database."
        if not events:
            said = "Run completed but no events stored."
        await _replay(socket, run_id, stored.to_dict()["status"], events, said)


class _Connected:
    """A connection that takes a run's events, once it was sent those that it has missed."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self._held: list[tuple[int, str]] | None = []
        """What came before it had; None: it has."""
        self._queue: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def send(self, index: int, text: str) -> None:
        if self._held is not None:
            self._held.append((index, text))
        else:
            await _send(self.socket, text)

    async def begin(self, first: int) -> None:
        """It has those before `first`."""
        while self._held:
            index, text = self._held.pop(0)
            if index >= first:
                await _send(self.socket, text)
        self._held = None

    def put(self, index: int, text: str) -> None:
        """Send, in the order of the calls, while whoever calls goes on."""
        self._queue.put_nowait((index, text))
        if self._task is None:
            self._task = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        while not self._queue.empty():
            await self.send(*self._queue.get_nowait())
        self._task = None


async def _replay(
    socket: WebSocket, run_id: str, status: str, events: list[Json], said: str
) -> None:
    await _say(
        socket, "replay", run_id=run_id, status=status, total_events=len(events), message=said
    )
    for index, event in enumerate(events):
        await _send(socket, _indexed(event, index))


def _indexed(event: Mapping[str, Any], index: int) -> str:
    """An event as the real server writes it here: with spaces, and in ASCII."""
    return json.dumps({**event, "event_index": index})


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else f"status {status}"


async def _refuse(socket: WebSocket, statement: str, hint: str) -> None:
    """Say what was wrong and, unless the server is terse, what would be right."""
    error = ApiError(400, statement, hint=hint)
    await _say(socket, "error", error=hooks_of(socket.scope).error_detail(error))


async def _say(socket: WebSocket, event: str, **members: Any) -> None:
    await _send(socket, json.dumps({"event": event, **members}))


async def _send(socket: WebSocket, text: str) -> None:
    """Send to a client, who may be gone: its run goes on."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
        await socket.send_text(text)


async def _close(socket: WebSocket, code: int) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
        await socket.close(code)


def _faults(message: Mapping[str, Any]) -> str:
    """What is wrong with the fields of a message, by its action."""
    action = message.get("action")
    validator = _VALIDATORS.get(action) if isinstance(action, str) else None
    if validator is None:
        return ""
    return "; ".join(
        f"{'.'.join(map(str, error.instance_path))}: {error.message}"
        for error in validator.iter_errors(message)
    )
