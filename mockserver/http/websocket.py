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
from collections.abc import Coroutine, Mapping
from http import HTTPStatus
from typing import Any

import jsonschema_rs
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from agentos_contract.events import TERMINAL_EVENTS
from agentos_contract.json_values import read_json
from agentos_contract.names import did_you_mean
from agentos_contract.sse import json_of_event
from mockserver.http.errors import ApiError
from mockserver.http.hooks import RunInput, hooks_of
from mockserver.http.preferences import ASK_RULES_KEY, Preferences
from mockserver.http.request import MOCK_SCOPE_KEY, LoadedScripts
from mockserver.http.scenarios import fitting_scenario, named_scenario
from mockserver.http.websocket_sending import Connected, close, indexed, refuse, replay, say, send
from mockserver.runner.active import ActiveRun
from mockserver.runner.hooks import RunRequest
from mockserver.runner.recent import StreamedRun
from mockserver.runner.room import TooManyRuns
from mockserver.runner.runner import Runner
from mockserver.runner.scopes import MockScope
from mockserver.runner.sharing import Sharing, Subscriber
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

SECONDS_BETWEEN_ASKING = 5.0
"""Whether a run that is followed here is still under way elsewhere."""

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
            if not (isinstance(subscriber, Connected) and subscriber.socket is socket)
        }

    async def _finish(self, socket: WebSocket, runs: set[asyncio.Task[None]]) -> None:
        """The server ends, and with it the runs whose events the client takes: it is told how."""
        while runs or any(  # noqa: ASYNC110 - it happens once, and lasts two seconds at most
            isinstance(each, Connected) and each.socket is socket and self._runner.under_way(run_id)
            for run_id, each in self._subscribers.items()
        ):
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
        await close(socket, _SERVER_ENDS)

    async def _serve(self, socket: WebSocket, runs: set[asyncio.Task[None]]) -> None:
        """`runs`: where those stand that the client has started, and that are under way."""
        needs_token = self._token is not None
        please = " Please authenticate to continue." if needs_token else ""
        await say(
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
                await say(socket, "auth_required", error=error)
            elif faults := _faults(message):
                await say(socket, "error", error=f"{action}: {faults}")
            elif action == "authenticate":
                is_known = await self._authenticate(socket, message.get("token")) or is_known
            elif action == "ping":
                await say(socket, "pong")
            elif action == "start-workflow":
                await self._start(socket, message, runs)
            elif action == "reconnect":
                try:
                    await self._reconnect(socket, message)
                except StoreError as unread:
                    await say(socket, "error", error=str(unread))
            else:
                await refuse(socket, f"Unknown action: {action}", instead_of(str(action), ACTIONS))

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
            await say(socket, "error", error=expected)

    async def _authenticate(self, socket: WebSocket, token: str | None) -> bool:
        if not token:
            await say(socket, "auth_error", error="Token is required")
            return False
        if self._token is not None and not hmac.compare_digest(
            token.encode(), self._token.encode()
        ):
            await say(socket, "auth_error", error="Invalid token")
            return False
        welcome = "Authentication successful. You can now send commands."
        await say(socket, "authenticated", message=welcome)
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
            await say(socket, "error", error="workflow_id is required")
            return
        mock_scope = self._mock_scope(socket, message)
        workflow = mock_scope.over(self._scripts.workflows).get(workflow_id)
        if workflow is None:
            known = mock_scope.over(self._scripts.workflows)
            near = did_you_mean(str(workflow_id), known).removeprefix("; ")
            await refuse(socket, f"Workflow {workflow_id} not found", near)
            return
        said = message.get("message", "")
        try:
            asked = RunInput(said)
            if isinstance(said, str) or workflow.input_validator is not None:
                text = said if isinstance(said, str) else json.dumps(said)
                asked = hooks_of(socket.scope).read_input(workflow, text)
        except ApiError as error:
            await say(socket, "error", error=error.detail)
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
        run = self._keep(self._answer(request, preferences, mock_scope, socket))
        runs.add(run)
        run.add_done_callback(runs.discard)

    async def _answer(
        self,
        request: RunRequest,
        preferences: Preferences,
        mock_scope: MockScope,
        socket: WebSocket,
    ) -> None:
        """A run, or the error that comes instead."""
        try:
            with self._runner.about_to_start(request):
                instead = await self._instead(request, preferences, mock_scope)
            await self._run(request, instead, socket)
        except TooManyRuns as error:
            await say(socket, "error", error=f"{error}; {error.hint}")
        finally:
            preferences.on_over()

    async def _run(self, request: RunRequest, instead: str | None, socket: WebSocket) -> None:
        if instead is not None:
            await say(socket, "error", error=instead)
            return
        try:
            active = await self._runner.start(request)
        except StoreError as error:
            await say(socket, "error", error=str(error))
            return
        await self._carry_out(active, socket)

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

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
                    data = indexed(json.loads(json_of_event(block)), index)
                    await send(socket, f"event: {name}\ndata: {data}\n\n")
                    other = self._subscribers.get(run_id)
                    if other is not None:
                        await other.send(index, data)
                    index += 1
        if active.is_cut:
            await close(socket, 1011)
        recent = self._runner.recent(run_id, active.scope)
        if recent is None or recent.status != "RUNNING":
            self._subscribers.pop(run_id, None)

    async def _reconnect(self, socket: WebSocket, message: Json) -> None:
        run_id = message.get("run_id")
        if not run_id:
            await say(socket, "error", error="run_id is required for subscription")
            return
        mock_scope = self._mock_scope(socket, message)
        subscriber = Connected(socket)
        recent = self._runner.recent(run_id, mock_scope)
        elsewhere = self._runner.sharing if recent is None else None
        if elsewhere is not None:
            self._subscribers[run_id] = subscriber  # what comes may be there before the answer
            recent = await elsewhere.follow(run_id, mock_scope)
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
            await replay(socket, run_id, status, events, said)
            return
        last = message.get("last_event_index")
        first = 0 if last is None else int(last) + 1
        missed = events[first:]
        if missed:
            await say(
                socket,
                "catch_up",
                run_id=run_id,
                status="running",
                missed_events=len(missed),
                current_event_count=len(events),
                message=f"Catching up on {len(missed)} missed events.",
            )
            for index, event in enumerate(missed, first):
                await send(socket, indexed(event, index))
        await say(
            socket,
            "subscribed",
            run_id=run_id,
            status="running",
            current_event_count=len(events),
            message="Subscribed to workflow run. You will receive new events as they occur.",
        )
        await subscriber.begin(len(events))
        if elsewhere is not None:
            self._keep(self._look_after(run_id, mock_scope, subscriber, elsewhere))

    async def _look_after(
        self, run_id: str, mock_scope: MockScope, subscriber: Connected, sharing: Sharing
    ) -> None:
        """Tell a subscriber where the process has ended that carries its run out: no event would
        come any more."""
        missed = 0
        while self._subscribers.get(run_id) is subscriber:
            if missed == 2:  # after the first its last event may still have been on its way
                del self._subscribers[run_id]
                subscriber.put_failure(run_id, int(mock_scope.clock()))
                return
            await asyncio.sleep(SECONDS_BETWEEN_ASKING)
            with contextlib.suppress(StoreError):  # the next time, then
                missed = 0 if await sharing.is_under_way(run_id, mock_scope) else missed + 1

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
        if isinstance(subscriber, Connected):
            subscriber.put(index, text)
            if json.loads(text)["event"] in TERMINAL_EVENTS:
                del self._subscribers[run_id]

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
            await say(socket, "error", error=f"Run {run_id} not found in buffer or database")
            return
        try:
            hooks_of(socket.scope).check_stored(stored)
        except ApiError as error:
            await say(socket, "error", error=error.detail)
            return
        events = stored.event_payloads()
        said = "Run completed. Replaying all events from database."
        if not events:
            said = "Run completed but no events stored."
        await replay(socket, run_id, stored.to_dict()["status"], events, said)


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else f"status {status}"


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
