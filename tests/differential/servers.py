"""The two servers: a real AgentOS in a process of its own, and the mock as that server."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

import httpx

from agentos_contract.profiles import load_profile
from agentos_contract.sse import EventStreamDecoder
from mockserver.app import Settings, create_app
from mockserver.script import Workflow
from tests.conftest import AGENTOS_PYTHON, ROOT, START_SECONDS, serving
from tests.differential.compare import Outcome
from tests.scripts import workflow_from

PROFILE = "agno-2.5.6"


@dataclass(frozen=True)
class Case:
    """A workflow and what it is asked."""

    script: Mapping[str, Any]
    """Its id is given to it when it is run."""
    message: str = "tea"


class Pair:
    """Both servers, ready to run cases."""

    def __init__(
        self,
        real: httpx.Client,
        mock: httpx.Client,
        workflows: dict[str, Workflow],
        worker: subprocess.Popen[str],
    ) -> None:
        self._real = real
        self._mock = mock
        self._workflows = workflows
        self._worker = worker
        self._numbers = itertools.count()

    def run(self, case: Case) -> tuple[Outcome, Outcome]:
        """The case's stream and batch body by the mock and by the real server, in that order."""
        name = f"case-{next(self._numbers)}"
        script = {**case.script, "id": "drawn"}
        self._workflows["drawn"] = workflow_from(script)
        self._add(script)
        return self._ask(self._mock, case, name), self._ask(self._real, case, name)

    def _add(self, script: Mapping[str, Any]) -> None:
        stdin, stdout = self._worker.stdin, self._worker.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(script) + "\n")
        stdin.flush()
        answer = stdout.readline().strip()
        assert answer == "ok", f"the real server refused the script: {answer}"

    def _ask(self, client: httpx.Client, case: Case, name: str) -> Outcome:
        path = "/workflows/drawn/runs"
        form = {"message": case.message, "user_id": "ada"}
        streamed = client.post(path, data={**form, "session_id": f"{name}-stream"})
        decoder = EventStreamDecoder()
        frames = decoder.feed(streamed.content) + decoder.end()
        batch = client.post(path, data={**form, "session_id": f"{name}-batch", "stream": "false"})
        return Outcome(
            [(frame.event, json.loads(frame.data)) for frame in frames],
            (batch.status_code, batch.json()),
        )


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
    try:
        url = _url(worker.stdout)
        timer.cancel()
        with (
            serving(
                create_app(Settings(workflows=workflows, seed=1, deviations=deviations))
            ) as ours,
            httpx.Client(base_url=url, timeout=60) as real,
            httpx.Client(base_url=ours, timeout=60) as mock,
        ):
            yield Pair(real, mock, workflows, worker)
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
