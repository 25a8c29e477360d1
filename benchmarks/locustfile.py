"""Load on any AgentOS, by Locust: `locust -f benchmarks/locustfile.py --host URL`.

Users start runs, one after another, over streams and in batch. A stream is read and judged as the
contract tests do it (EventStreamDecoder, RunJudge), so that what a server breaks only under load is
counted: such a run is a failure with the names of the requirements. Beside the requests the
statistics have of each workflow's streams `first event` and `between events`, in milliseconds; they
are in no sum. docs/performance.md tells how to run it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from random import choice
from typing import Any, ClassVar

import gevent
import jsonschema_rs
import requests
from locust import User, constant, events, tag, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from agentos_contract.document import load_document
from agentos_contract.json_values import mapping, mappings
from agentos_contract.judge import RunJudge
from agentos_contract.sse import EventStreamDecoder
from contract_tests.judging.runs import EventValidators
from contract_tests.target.target import DEFAULT_MESSAGE, sample_of

logger = logging.getLogger(__name__)

SECONDS = 120
"""Without a byte, after which a run is given up."""

DOCUMENT = load_document()
VALIDATORS = EventValidators(DOCUMENT)
BATCH = jsonschema_rs.Draft202012Validator(
    DOCUMENT.response_schema(DOCUMENT.run_operation, 200, "application/json") or {}
)


Reader = Callable[["Workflow", requests.Response, float], int]


@dataclass(frozen=True)
class Workflow:
    id: str
    message: str
    """One that it takes."""


class NothingToRun(Exception):
    """The server cannot be asked, or has no such workflow; str() says which."""


def add_options(parser: LocustArgumentParser) -> None:
    parser.add_argument(
        "--workflow",
        action="append",
        metavar="ID",
        help="A workflow to run; may be repeated. All that the server lists, unless said.",
    )
    parser.add_argument("--message", metavar="TEXT", help="What runs are started with.")
    parser.add_argument(
        "--runs", type=int, metavar="N", help="Stop once so many were made, or a few seconds later."
    )
    parser.add_argument(
        "--token", env_var="AGENTOS_TOKEN", is_secret=True, help="The bearer token."
    )


def find_workflows(environment: Environment, **_: Any) -> None:
    """In each process: what its users run."""
    try:
        Runs.workflows = tuple(_workflows(environment))
    except (NothingToRun, requests.RequestException) as error:
        logger.error("%s: %s", environment.host, error)
        environment.process_exit_code = 2
        if environment.runner is not None:
            environment.runner.quit()


def end_after_runs(environment: Environment, **_: Any) -> None:
    """Has the process that counts all runs end the load after --runs of them."""
    options, runner = environment.parsed_options, environment.runner
    if options is None or options.runs is None or isinstance(runner, WorkerRunner):
        return
    assert runner is not None
    ending: list[Any] = []

    def look(**_: Any) -> None:
        # Not here: it ends the greenlets that tell this one, and would wait for itself.
        if environment.stats.total.num_requests >= options.runs and not ending:
            ending.append(gevent.spawn(runner.quit))

    counted = events.worker_report if isinstance(runner, MasterRunner) else events.request
    counted.add_listener(look)  # type: ignore[no-untyped-call]


def _workflows(environment: Environment) -> Iterable[Workflow]:
    options = environment.parsed_options
    assert options is not None
    host = (environment.host or "").rstrip("/")

    def read(path: str) -> Any:
        answer = requests.get(host + path, headers=_headers(options.token), timeout=30)
        answer.raise_for_status()
        return answer.json()

    listed = [str(one.get("id")) for one in mappings(read("/workflows"))]
    for id_ in options.workflow or listed:
        if id_ not in listed:
            raise NothingToRun(f"it has no workflow {id_!r}; it has {', '.join(listed)}")
        schema = mapping(mapping(read(f"/workflows/{id_}")).get("input_schema"))
        message = options.message or DEFAULT_MESSAGE
        if schema and options.message is None:
            message = json.dumps(sample_of(schema))
        yield Workflow(id_, message)
    if not listed:
        raise NothingToRun("it has no workflow")


def _headers(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


events.init_command_line_parser.add_listener(add_options)  # type: ignore[no-untyped-call]
events.init.add_listener(end_after_runs)  # type: ignore[no-untyped-call]
events.test_start.add_listener(find_workflows)  # type: ignore[no-untyped-call]


class Failed(Exception):
    """What is wrong with an answer; failures are counted by it."""

    def __repr__(self) -> str:
        return str(self)  # what Locust counts by


class Runs(User):
    """Starts runs of workflows, one after another."""

    wait_time = constant(0)
    workflows: ClassVar[tuple[Workflow, ...]] = ()

    def on_start(self) -> None:
        options = self.environment.parsed_options
        assert options is not None
        self.session = requests.Session()
        self.session.headers.update(_headers(options.token))

    def on_stop(self) -> None:
        self.session.close()

    @tag("stream")
    @task(4)
    def stream(self) -> None:
        self._run("STREAM", "true", self._read_stream)

    @tag("batch")
    @task
    def batch(self) -> None:
        self._run("BATCH", "false", self._read_batch)

    def _run(self, kind: str, stream: str, read: Reader) -> None:
        workflow = choice(self.workflows)
        started, length, exception = time.perf_counter(), 0, None
        try:
            with self.session.post(
                f"{(self.host or '').rstrip('/')}/workflows/{workflow.id}/runs",
                data={"message": workflow.message, "stream": stream},
                stream=True,
                timeout=SECONDS,
            ) as response:
                if response.status_code != 200:
                    raise Failed(f"answered {response.status_code}")
                length = read(workflow, response, started)
        except (Failed, requests.RequestException) as error:
            exception = error
        self.environment.events.request.fire(
            request_type=kind,
            name=workflow.id,
            response_time=(time.perf_counter() - started) * 1000,
            response_length=length,
            exception=exception,
            context={},
        )

    def _read_stream(self, workflow: Workflow, response: requests.Response, started: float) -> int:
        """Its bytes. Raises Failed with the requirements that it breaks."""
        stats = self.environment.stats
        first, between = (
            stats.get(workflow.id, "first event"),
            stats.get(workflow.id, "between events"),
        )
        decoder = EventStreamDecoder()
        judge = RunJudge(workflow_id=workflow.id, validators=VALIDATORS)
        length, last = 0, None
        for chunk in response.iter_content(chunk_size=None):
            length += len(chunk)
            for event in decoder.feed(chunk):
                now = time.perf_counter()
                if last is None:
                    first.log((now - started) * 1000, 0)
                else:
                    between.log((now - last) * 1000, 0)
                last = now
                judge.receive(event)
        decoder.end()
        judge.end(lost_event=decoder.incomplete)
        broken = {violation.requirement: violation.message for violation in judge.violations}
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            broken["sse.content-type"] = response.headers.get("content-type", "none")
        if decoder.incomplete:
            broken["sse.complete"] = "the stream ended within an event"
        if decoder.invalid_utf8:
            broken["sse.utf-8"] = "the stream has bytes that are no UTF-8"
        if decoder.unknown_fields:
            broken["sse.known-fields"] = ", ".join(sorted(decoder.unknown_fields)[:5])
        _refuse(workflow, broken)
        return length

    def _read_batch(self, workflow: Workflow, response: requests.Response, started: float) -> int:
        """Its bytes. Raises Failed with the requirement that it breaks."""
        body = response.content
        broken = {"batch.body": "it is no JSON"}
        with suppress(ValueError):
            error = next(BATCH.iter_errors(json.loads(body)), None)
            broken = {"batch.body": error.message} if error is not None else {}
        _refuse(workflow, broken)
        return len(body)


_told: set[str] = set()


def _refuse(workflow: Workflow, broken: dict[str, str]) -> None:
    """Raises Failed where anything is. The log has the first of each requirement."""
    for requirement, message in broken.items():
        if requirement not in _told:
            _told.add(requirement)
            logger.warning("%s breaks %s: %s", workflow.id, requirement, message)
    if broken:
        raise Failed(f"breaks {', '.join(sorted(broken))}")
