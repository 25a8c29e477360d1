"""The two servers: a real AgentOS in a process of its own, and the mock as that server."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Literal

import httpx2

from agentos_contract.profiles import load_profile
from agentos_contract.sse import EventStreamDecoder
from mockserver.app import Settings, create_app
from mockserver.script.model import Workflow
from tests.conftest import AGENTOS_PYTHON, ROOT, START_SECONDS, serving
from tests.differential.compare import Comparison, Outcome, compare
from tests.scripts import workflow_from

PROFILE = "agno-2.5.6"
WORKFLOW_ID = "drawn"


@dataclass(frozen=True)
class Case:
    """A workflow and what it is asked."""

    script: Mapping[str, Any]
    """Its id is given to it when it is run."""
    message: str = "tea"
    form: Mapping[str, str] = field(default_factory=dict)
    """The form's other fields; without `user_id`, it is ada."""
    session: Literal["given", "shared", "fresh"] = "given"
    """Whether each mode has a session of its own, both have one, or the server makes them."""
    pauses: bool = False
    """Whether the workflow is one that pauses, as those of the server's database do."""


class ScriptRefused(Exception):
    """The real server's builder cannot serve a script; str() says why."""


class Pair:
    """Both servers, ready to run cases."""

    def __init__(
        self,
        real: httpx2.Client,
        mock: httpx2.Client,
        workflows: dict[str, Workflow],
        worker: subprocess.Popen[str],
        pausing: dict[str, bool],
    ) -> None:
        self._real = real
        self._mock = mock
        self._workflows = workflows
        self._worker = worker
        self._pausing = pausing

    def run(self, case: Case) -> tuple[Outcome, Outcome]:
        """The case's stream and batch body by the mock and by the real server, in that order."""
        script = {**case.script, "id": WORKFLOW_ID}
        self._workflows[WORKFLOW_ID] = workflow_from(script)
        self._add(script, case)
        return self._ask(self._mock, case), self._ask(self._real, case)

    def run_for_real(self, case: Case) -> Outcome:
        """The same by the real server alone."""
        self._add({**case.script, "id": WORKFLOW_ID}, case)
        return self._ask(self._real, case)

    def _add(self, script: Mapping[str, Any], case: Case) -> None:
        self._pausing["pauses"] = case.pauses
        stdin, stdout = self._worker.stdin, self._worker.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"script": script, "pauses": case.pauses}) + "\n")
        stdin.flush()
        answer = stdout.readline().strip()
        if answer != "ok":
            raise ScriptRefused(answer)

    def _ask(self, client: httpx2.Client, case: Case) -> Outcome:
        path = f"/workflows/{WORKFLOW_ID}/runs"
        form = {"message": case.message, "user_id": "ada", **case.form}
        # Like the ids that servers make, so that they are masked like them.
        sessions = [str(uuid.uuid4()) for _ in range(2)]
        if case.session == "shared":
            sessions[1] = sessions[0]
        given = [{} if case.session == "fresh" else {"session_id": name} for name in sessions]
        streamed = client.post(path, data={**form, **given[0]})
        decoder = EventStreamDecoder()
        frames = decoder.feed(streamed.content) + decoder.end()
        batch = client.post(path, data={**form, **given[1], "stream": "false"})
        answers = streamed, batch
        heads = [f"{answer.status_code} {answer.headers['content-type']}" for answer in answers]
        return Outcome(
            [(frame.event, json.loads(frame.data)) for frame in frames],
            (batch.status_code, batch.json()),
            (heads[0], heads[1]),
            (streamed.content.decode(), batch.content.decode()),
        )


def compare_patiently(pair: Pair, case: Case, times: int = 3) -> Comparison:
    """The mock's outcome against the real server's; where they differ, against what it answers
    when it is asked again, up to `times`: with its processor busy, Agno's threads come in another
    order now and then. Raises ScriptError, ScriptRefused."""
    ours, theirs = pair.run(case)
    comparison = compare(ours, theirs)
    for _ in range(times):
        if comparison.is_same:
            break
        again = compare(ours, pair.run_for_real(case))
        if len(again.differences) < len(comparison.differences):
            comparison = again
    return comparison


@contextlib.contextmanager
def both_servers() -> Iterator[Pair]:
    """Start both; they end with the context."""
    worker = subprocess.Popen(
        [str(AGENTOS_PYTHON), "-m", "tests.differential.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )
    timer = threading.Timer(START_SECONDS, worker.kill)
    timer.start()
    workflows: dict[str, Workflow] = {}
    deviations = load_profile(PROFILE).deviations
    pausing = {"pauses": False}

    def performed() -> frozenset[str]:
        if not pausing["pauses"]:
            return deviations
        return deviations - {"pause.forgotten"} | {"pause.error-alone"}

    try:
        url = _url(worker.stdout)
        timer.cancel()
        with (
            serving(
                create_app(Settings(workflows=workflows, seed=1, deviations=performed))
            ) as ours,
            httpx2.Client(base_url=url, timeout=60) as real,
            httpx2.Client(base_url=ours, timeout=60) as mock,
        ):
            yield Pair(real, mock, workflows, worker, pausing)
    finally:
        timer.cancel()
        worker.kill()
        worker.wait()
        for pipe in (worker.stdin, worker.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _url(stdout: IO[str] | None) -> str:
    assert stdout is not None
    line = stdout.readline()
    assert line.startswith("listening on "), "the real AgentOS did not start"
    return line.removeprefix("listening on ").strip()
