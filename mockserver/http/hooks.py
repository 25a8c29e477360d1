"""Where an answer may part from the contract: each member's default is the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

from agentos_contract.document import EVENT_STREAM
from agentos_contract.json_values import read_json
from mockserver.http.bodies import Fields, SentBody
from mockserver.http.errors import ApiError, strict_json, writable
from mockserver.http.forms import BOOLEANS
from mockserver.http.validation import OperationSchema
from mockserver.runner.hooks import RunnerHooks
from mockserver.script.model import Workflow
from mockserver.sessions.records import Session, SessionType, StoredRun

HOOKS_KEY = "mockserver.hooks"

STAGES = (
    "route",  # 404
    "method",  # 405
    "authenticate",  # 401
    "workflow",  # 404
    "size",  # 413
    "media type",  # 415
    "syntax",  # 422: no form, no JSON
    "values",  # 422: not what the document has
    "input schema",  # 400
    "preferences",  # 400
    "scenario",  # any status that the script says
)
"""What a request passes, in order: the first that refuses it decides the status."""

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class RunInput:
    """A run's input, as its message gives it."""

    value: Any
    """The message: a text, or its JSON value where the workflow has an input_schema."""
    text: str = ""
    """The input as steps are given it, where the value is not a text; "": as JSON."""
    members: Any = None
    """The input as scripts see it; None: the same as `value`."""


NO_INPUT = RunInput(None)


class HttpHooks:
    """What is asked while a request is answered."""

    runner: RunnerHooks = RunnerHooks()

    def stages(self) -> tuple[str, ...]:
        """What a request passes, in order."""
        return STAGES

    # -- routing and authentication

    answers_head = True
    """Whether HEAD is answered where GET is."""
    challenges = True
    """Whether a 401 says how to authenticate."""

    def allowed(self, methods: Sequence[str]) -> Sequence[str]:
        """What the Allow header of a 405 names of a path's methods, in the document's order."""
        return sorted(methods)

    # -- what a request is given

    def reads_media_type(self, body: SentBody) -> bool:
        """Whether a body of its media type is read, instead of being refused."""
        return body.is_of_document()

    async def read_form(self, body: SentBody) -> Fields:
        """A form's fields. Raises ApiError."""
        return body.form()

    def read_json(self, body: SentBody) -> Any:
        """What is read of a JSON body; ABSENT where there is none. Raises ApiError."""
        return self.parse_json(body)

    def parse_json(self, body: SentBody) -> Any:
        """The value of JSON; ABSENT where there is none. Raises ApiError."""
        return body.json()

    def judge(
        self, schema: OperationSchema, query_string: bytes, body: Any
    ) -> tuple[Mapping[str, Any], Any]:
        """The values of the query and of a body that was read. Raises ApiError(422)."""
        return schema.judge(query_string, body)

    # -- errors

    has_error_codes = True
    """Whether an error's body has an `error_code`."""

    def error_detail(self, error: ApiError) -> Any:
        """The `detail` of an error's body."""
        return error.detail

    def error_body(self, members: Mapping[str, Any]) -> bytes:
        """An error's body; what JSON cannot say is shown as Python writes it.

        TypeError and ValueError are answered with a 500.
        """
        try:
            return strict_json(members)
        except (TypeError, ValueError):
            return strict_json(writable(members))

    # -- what pages of other origins may read

    origins: tuple[str, ...] | None = None
    """Of whose pages; None: of all."""
    answers_private_network = True
    """Whether those of a public address may call a server on a private one (preflights with
    Access-Control-Request-Private-Network)."""
    exposed_headers: tuple[str, ...] = ("WWW-Authenticate", "Allow", "Preference-Applied")
    crashes_are_readable = True
    """Whether they may read the answer to an error that its server did not foresee."""

    # -- runs

    stream_headers: tuple[Header, ...] = (
        (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
        # Proxies must not hold events back.
        (b"cache-control", b"no-cache"),
        (b"x-accel-buffering", b"no"),
    )
    wrong_input_fails_run = False
    """Whether a message that breaks the input_schema fails the run, instead of the request."""

    def run_failure(
        self, form: Mapping[str, Any], failure: str | None, *, stream: bool
    ) -> str | None:
        """Why a run with this form fails before it starts; None: it does not.

        `failure`: what is wrong with its message, where that fails the run. Raises ApiError.
        """
        return failure

    def read_input(self, workflow: Workflow, message: str) -> RunInput:
        """A run's input: the message, or its JSON value where the workflow has an input_schema.

        Raises ApiError(400) where the message breaks that.
        """
        return read_input(workflow, message)

    def is_background(self, text: Any) -> bool:
        """Whether the form's field `background` asks to be answered before the run is over."""
        return BOOLEANS.get(str(text).lower(), False)

    # -- descriptions

    describes_else_steps = True
    """Whether a Condition is described with its else_steps."""

    def workflow_name(self, workflow: Workflow) -> str | None:
        """The name that a workflow is described with."""
        return workflow.name

    # -- sessions

    ties_newest_first = True
    """Whether a list from the last to the first has the newest of what sorts alike first."""

    def check_session_id(self, session_id: str) -> None:
        """Raises ApiError for an id in whose session no run can be looked up."""

    def name_matches(self, session: Session, shown: str, wanted: str) -> bool:
        """Whether a session, whose name is `shown`, is found by what `session_name` asks for."""
        return wanted.lower() in shown.lower()

    def check_owner(self, session: Session, there: Session) -> None:
        """Raises ApiError for a new session with the id of another user's."""

    def created(self, session: Session, there: Session, changed: Session) -> Session:
        """What a new session with the id of one of the same user comes to: that one, changed."""
        return changed

    def check_changes(self, changes: Mapping[str, Any]) -> None:
        """Raises ApiError for changes that cannot be made to a session."""

    def updated(self, session: Session, as_type: SessionType) -> Session:
        """What is kept of a session that was changed as one of that type."""
        return session

    def check_listed(self, stored: StoredRun, form: str) -> None:
        """Raises ApiError for a run that a session's list cannot show in that form of the API."""

    # -- the websocket

    broken_text_is_answered = True
    """Whether a message that is no JSON object is answered, instead of ending the connection."""
    hides_failures = False
    """Whether a failed run's WorkflowError is left out."""

    def check_stored(self, stored: StoredRun) -> None:
        """Raises ApiError for a run that cannot be replayed from its session."""


def read_input(workflow: Workflow, message: str) -> RunInput:
    """As HttpHooks.read_input, by JSON Schema."""
    if workflow.input_validator is None:
        return RunInput(message)
    try:
        value = read_json(message)
    except ValueError as error:
        raise ApiError(400, f"message: no JSON, as input_schema asks for: {error}") from error
    faults = [
        f"{'.'.join(['message', *map(str, error.instance_path)])}: {error.message}"
        for error in workflow.input_validator.iter_errors(value)
    ]
    if faults:
        raise ApiError(400, "; ".join(faults))
    return RunInput(value)


def hooks_of(scope: Scope) -> HttpHooks:
    """What to ask for this request's answer."""
    hooks: HttpHooks = scope[HOOKS_KEY]
    return hooks
