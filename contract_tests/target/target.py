"""What is there to test: whether the target answers, lets us in, and which workflows it has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import quote

import hypothesis
import jsonschema_rs
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode

from agentos_contract.document import Document
from agentos_contract.json_values import mapping, mappings, parse_json, read_json
from agentos_contract.names import nearest
from contract_tests.target.boundaries import boundary_cases
from contract_tests.target.client import Client
from contract_tests.target.configuration import WorkflowSettings
from contract_tests.target.draws import by_seed_alone
from contract_tests.target.exchange import TIMEOUTS, Exchange, Request, TransferError
from contract_tests.target.gateway import describe, is_page
from contract_tests.target.operations import companion_request, run_path
from contract_tests.target.problems import CouldNotRun, GatewayAnswered
from contract_tests.target.wrong_messages import WrongMessage, with_all_members, wrong_messages

DEFAULT_MESSAGE = "Hello, what is new?"

MAX_WORKFLOWS = 1000
"""That are tested because the server lists them: each is asked for."""

SAMPLES = 5
"""Values that are made of a schema, of which the smallest is taken."""

MAX_ID = 2000
"""Characters of an id, as a URL has it, that servers and what stands before them take."""


@dataclass(frozen=True)
class Workflow:
    """One workflow of the target."""

    id: str
    message: str
    """A message that it takes."""
    input_schema: Mapping[str, Any] | None = None
    wrong_messages: tuple[WrongMessage, ...] = ()
    """Messages that break its input_schema."""
    more_messages: tuple[str, ...] = ()
    """Others that it takes."""
    deterministic: bool | None = None
    """Whether the same message gets the same answer; None where nobody said."""
    name: str | None = None
    """As the server describes it; None where it does not."""


@dataclass(frozen=True)
class Target:
    """The target, as far as it says."""

    workflows: tuple[Workflow, ...]
    unusable: tuple[tuple[str, str], ...] = ()
    """Workflows that cannot be run, and why."""


UNKNOWN_RUN = "contract-tests-no-such-run"
"""An id that no run has."""


def unknown_workflow_id() -> str:
    """An id that no server has. Always the same, as a seed repeats a run's requests."""
    return "no-such-workflow-5b0e9c47a1d3"


def discover(
    client: Client,
    document: Document,
    *,
    chosen: Sequence[str],
    message: str | None,
    settings: Mapping[str, WorkflowSettings] | None = None,
) -> Target:
    """Find out what can be tested. Raises CouldNotRun. Starts no run on a conforming server.

    `settings` of workflows by id; a message of theirs comes before `message`.
    """
    preflight(client, document)
    listed = _listed_workflows(client, document, is_needed=not chosen)
    settings = settings or {}
    for workflow_id in settings if listed else ():
        if workflow_id not in (listed or ()):
            near = _instead_of(workflow_id, listed or [])
            raise CouldNotRun(f"workflows.{workflow_id} is configured, and it has none such{near}")
    if chosen:
        for workflow_id in chosen:
            _must_exist(client, document, workflow_id, listed)
        ids = list(dict.fromkeys(chosen))
    elif listed is None:
        raise CouldNotRun("it does not list its workflows; name one with --workflow ID")
    elif not listed:
        raise CouldNotRun("it has no workflow")
    elif len(listed) > MAX_WORKFLOWS:
        count = f"{len(listed):,}"
        raise CouldNotRun(f"it lists {count} workflows; name those to test with --workflow ID")
    else:
        ids = list(dict.fromkeys(listed))
    workflows, unusable = [], []
    for workflow_id in ids:
        said = settings.get(workflow_id) or WorkflowSettings()
        workflow = _workflow(client, document, workflow_id, message, said)
        if isinstance(workflow, str):
            unusable.append((workflow_id, workflow))
        else:
            workflows.append(workflow)
    if not workflows:
        raise CouldNotRun(f"no workflow can be run: {unusable[0][0]}: {unusable[0][1]}")
    return Target(tuple(workflows), tuple(unusable))


def require_auth(exchange: Exchange, token: str | None) -> None:
    """Raises CouldNotRun where an ordinary request was not let in."""
    if exchange.status not in (401, 403):
        return
    if is_page(exchange):
        raise GatewayAnswered(describe(exchange))
    if token is None:
        raise CouldNotRun(f"it wants a token ({exchange.status}): give --token or AGENTOS_TOKEN")
    raise CouldNotRun(f"it refuses the token ({exchange.status})")


def preflight(client: Client, document: Document) -> None:
    """The first request: whether anybody answers, and lets us in."""
    path = run_path(document, unknown_workflow_id())
    for mode in ("false", "true"):
        fields = (("message", DEFAULT_MESSAGE), ("stream", mode))
        exchange = client.send(Request("POST", path, fields=fields, timeout=client.limits.idle))
        if exchange.error not in TIMEOUTS or exchange.status is not None:
            break  # one that hangs in one mode is found to do so by the checks
    if exchange.error is TransferError.UNREACHABLE:
        raise CouldNotRun(f"nothing listens there ({exchange.error_message})")
    if exchange.error is TransferError.UNTRUSTED:
        raise CouldNotRun(exchange.error_message)
    if exchange.status is None and exchange.error is not None:
        if exchange.error in TIMEOUTS:
            raise CouldNotRun(f"it does not answer ({exchange.error_message})")
        raise CouldNotRun(exchange.error_message)
    require_auth(exchange, client.token)


def read_companion(client: Client, document: Document, operation_id: str, **parameters: str) -> Any:
    """The JSON body of a companion operation; None where it cannot be had."""
    if operation_id not in document.operations:
        return None
    exchange = client.send(companion_request(document, operation_id, **parameters))
    require_auth(exchange, client.token)
    return parse_json(exchange.body) if exchange.succeeded else None


def read_version(client: Client, document: Document) -> str:
    """The server's name and version, as its API information has them; "" where it has none."""
    if "get_api_info" not in document.operations:
        return ""
    exchange = client.send(companion_request(document, "get_api_info"))
    said = mapping(parse_json(exchange.body) if exchange.succeeded else None)
    found = [said.get(key) for key in ("name", "version")]
    return " ".join(one for one in found if isinstance(one, str) and one)[:200]


def _listed_workflows(client: Client, document: Document, *, is_needed: bool) -> list[str] | None:
    """The ids that the server lists; None where it does not."""
    if "get_workflows" not in document.operations:
        return None
    request = companion_request(document, "get_workflows")
    exchange = client.send(request)
    require_auth(exchange, client.token)
    if is_needed and is_page(exchange):
        hint = "; where the server does not list its workflows, name one with --workflow ID"
        raise GatewayAnswered(describe(exchange) + hint)
    if is_needed and exchange.error is not None:
        why = f"the list of its workflows did not come: {exchange.error_message}"
        raise CouldNotRun(f"{why}; name one with --workflow ID")
    body = parse_json(exchange.body) if exchange.succeeded else None
    if not isinstance(body, list):
        return None
    client.asked_again = request
    ids = [item.get("id") for item in mappings(body)]
    return [identifier for identifier in ids if isinstance(identifier, str) and identifier]


def _must_exist(
    client: Client, document: Document, workflow_id: str, listed: list[str] | None
) -> None:
    if listed is not None:
        described = read_companion(client, document, "get_workflow", workflow_id=workflow_id)
        if workflow_id in listed or described is not None:
            return
    else:
        # A form without message starts no run. Where it is refused before the workflow is looked
        # for, the first run will tell.
        probe = client.send(
            Request("POST", run_path(document, workflow_id), fields=(("stream", "false"),))
        )
        require_auth(probe, client.token)
        if is_page(probe):
            raise GatewayAnswered(describe(probe))
        if probe.status != 404:
            return
    raise CouldNotRun(f"it has no workflow {workflow_id!r}{_instead_of(workflow_id, listed or [])}")


def _instead_of(workflow_id: str, listed: Sequence[str]) -> str:
    if not listed:
        return ""
    near = nearest(workflow_id, listed)
    return f"; did you mean {near}?" if near else f"; it has {', '.join(sorted(listed))}"


def _workflow(
    client: Client,
    document: Document,
    workflow_id: str,
    message: str | None,
    said: WorkflowSettings,
) -> Workflow | str:
    """The workflow, or why it cannot be run."""
    if workflow_id in (".", "..") or len(quote(workflow_id, safe="")) > MAX_ID:
        return "no URL can name it"
    described = mapping(read_companion(client, document, "get_workflow", workflow_id=workflow_id))
    schema, name = described.get("input_schema"), described.get("name")
    name = name if isinstance(name, str) else None
    if not isinstance(schema, Mapping) or not schema:
        first, *more = said.samples or (DEFAULT_MESSAGE if message is None else message,)
        return Workflow(
            workflow_id,
            first,
            more_messages=tuple(more),
            deterministic=said.deterministic,
            name=name,
        )
    try:
        validator = jsonschema_rs.Draft202012Validator(dict(schema), offline=True)
    except ValueError as error:
        return f"its input_schema is no JSON Schema: {error}"
    samples = said.samples
    for position, sample in enumerate(samples):
        if not _fits(sample, validator):
            return f"message {position + 1} of its configuration does not fit its input_schema"
    if not samples and message is not None and _fits(message, validator):
        samples = (message,)
    if not samples:
        made = sample_of(schema)
        if made is None or not validator.is_valid(made):
            return (
                "no message could be made from its input_schema; "
                f"give one as workflows.{workflow_id}.message in the configuration"
            )
        samples = (json.dumps(made, ensure_ascii=False),)
    full = sample_of(with_all_members(schema))
    right = read_json(samples[0]) if full is None or not validator.is_valid(full) else full
    wrong = wrong_messages(schema, right)
    return Workflow(workflow_id, samples[0], schema, wrong, samples[1:], said.deterministic, name)


def _fits(message: str, validator: jsonschema_rs.Draft202012Validator) -> bool:
    """Whether a message is JSON that fits."""
    try:
        return bool(validator.is_valid(read_json(message)))
    except ValueError:
        return False


def sample_of(schema: Mapping[str, Any]) -> Any:
    """A small value that fits a JSON Schema, by Schemathesis's generators; None if none came.

    The same one each time, so it is drawn once in a process: drawing takes as long as many runs.
    """
    try:
        made = _sample_of(json.dumps(schema))
    except (ValueError, RecursionError):
        return None
    return None if made is None else json.loads(made)


@lru_cache(maxsize=64)
def _sample_of(text: str) -> str | None:
    """A sample as JSON, of a schema as JSON."""
    schema: dict[str, Any] = json.loads(text)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "sample", "version": "1"},
        # A $ref such as #/$defs/Item is resolved against the whole document.
        "$defs": schema.get("$defs", {}),
        "definitions": schema.get("definitions", {}),
        "paths": {
            "/": {
                "post": {
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": schema}},
                    },
                    "responses": {"200": {"description": "ok"}},
                }
            }
        },
    }
    for bodies in (_boundaries, _drawn):
        try:
            validator = jsonschema_rs.Draft202012Validator(schema, offline=True)
            operation = schemathesis.openapi.from_dict(document)["/"]["post"]
            found = bodies(operation)
            fitting = [
                one for body in found if (one := _as_json(body)) and validator.is_valid(body)
            ]
        except Exception:
            fitting = []
        if fitting:
            return min(fitting, key=len)
    return None


def _boundaries(operation: Any) -> list[Any]:
    """The plainest bodies that an operation takes."""
    cases = boundary_cases(operation, GenerationMode.POSITIVE)
    return [case.body for case in islice(cases, SAMPLES)]


def _drawn(operation: Any) -> list[Any]:
    """Bodies that an operation takes, drawn: slower, and of schemas that have no boundary, too."""
    found: list[Any] = []

    def keep(case: Any) -> None:
        found.append(case.body)

    given: Any = hypothesis.given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    settings = hypothesis.settings(
        max_examples=SAMPLES,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with by_seed_alone():
        settings(given(keep))()
    return found


def _as_json(body: Any) -> str | None:
    try:
        return json.dumps(body)
    except (TypeError, ValueError):
        return None
