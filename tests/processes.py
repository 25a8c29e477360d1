"""The kit's commands and the real server, each in a process of its own that tests start and end."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from filelock import FileLock

ROOT = Path(__file__).parent.parent
AGENTOS_PYTHON = ROOT / ".venv-agentos" / "bin" / "python"


class Forked:
    """`python -m MODULE ARGUMENTS` in a process of its own, with what subprocess.Popen has. Its
    standard output and error are one pipe, `stdout`."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        python: Path | None = None,
        folder: Path = ROOT,
        environment: Mapping[str, str] = os.environ,
        is_quiet: bool = False,
    ) -> None:
        """`is_quiet`: its standard error is nobody's."""
        self.returncode: int | None = None
        asked = {
            "module": module,
            "arguments": arguments,
            "folder": str(folder),
            "environment": dict(environment),
            "is_quiet": is_quiet,
        }
        read, written = os.pipe()
        read_status, status = os.pipe()
        self.stdout: IO[str] = os.fdopen(read)
        self._status = os.fdopen(read_status)
        packages = next(names for names in _LOADED if module.startswith(names))
        with _fork_server(python or Path(sys.executable), packages) as server:
            socket.send_fds(server, [json.dumps(asked).encode()], [status, written])
        os.close(written)
        os.close(status)
        self.pid = int(self._status.readline())

    def poll(self) -> int | None:
        """Its exit code, or None: it has not ended."""
        return self.returncode if self._has_ended(0) else None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended. Raises subprocess.TimeoutExpired."""
        if not self._has_ended(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def _has_ended(self, timeout: float | None) -> bool:
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._status, selectors.EVENT_READ)
                if not selector.select(timeout):
                    return False
            self.returncode = int(self._status.readline())
            self._status.close()
        return True

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def communicate(self, timeout: float) -> tuple[str, None]:
        """What it says until it ends. When the time is over it is killed."""
        timer = threading.Timer(timeout, self.kill)
        timer.start()
        with self.stdout:
            said = self.stdout.read()
        timer.cancel()
        self.wait(timeout)
        return said, None

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


KIT = {
    "agentos-mock": "mockserver",
    "mockserver": "mockserver",
    "contract-tests": "contract_tests",
    "pytest": "pytest",
}
"""The kit's commands, and the one that has its plugins: their modules."""


def module_of(command: Sequence[str]) -> str | None:
    """The module of such a command, of the path or of `.venv`; None: it is another's."""
    file = Path(command[0])
    return KIT.get(file.name) if str(file.parent) in (".", ".venv/bin") else None


_MOCK = [
    "mockserver.cli",
    *(f"mockserver.commands.{name}" for name in ("check", "record", "serve")),
    "tests.loaded",
]
_CONTRACT_TESTS = [
    "contract_tests.cli",
    *(f"contract_tests.commands.{name}" for name in ("diff", "drift", "fuzz", "judge", "learn")),
    "schemathesis.specs.openapi.schemas",
    "tests.loaded_contract_tests",
]
_LOADED = {
    ("mockserver",): _MOCK,
    # One for both: what it makes takes as long as some runs.
    ("contract_tests", "pytest"): ["pytest", *_MOCK, *_CONTRACT_TESTS],
    # Not agno.os, which reads the token of the environment as it is imported.
    ("scripted_agentos",): ["agno.workflow", "agno.team", "agno.db.sqlite", "fastapi", "uvicorn"],
    ("tests.agentos",): ["agno.client"],
}
"""What has been imported where each is forked, by their packages."""


def _fork_servers() -> Path:
    """The folder of the fork servers, which pytest-xdist's workers share: their sockets, and a pipe
    that the first process has open for writing. They live as long as that does."""
    if VARIABLE not in os.environ:
        folder = os.environ[VARIABLE] = tempfile.mkdtemp(prefix="fork-servers-")
        os.mkfifo(f"{folder}/alive")
        os.open(f"{folder}/alive", os.O_RDWR)
        atexit.register(shutil.rmtree, folder)
    return Path(os.environ[VARIABLE])


VARIABLE = "TESTS_FORK_SERVERS"
FORK_SERVERS = _fork_servers()


def _fork_server(python: Path, packages: tuple[str, ...]) -> socket.socket:
    """A connection to what forks the processes of packages, which the first to ask starts."""
    name = hashlib.sha256(f"{python} {packages}".encode()).hexdigest()[:16]
    place = FORK_SERVERS / name
    connection = socket.socket(socket.AF_UNIX)
    with FileLock(f"{place}.lock"):
        if not place.exists():
            _start_fork_server(python, packages, place)
    connection.connect(str(place))
    return connection


def _start_fork_server(python: Path, packages: tuple[str, ...], place: Path) -> None:
    environment = {**os.environ, "AGNO_TELEMETRY": "false"}
    if python != Path(sys.executable):
        environment["PYTHONWARNINGS"] = "ignore"  # Agno's own
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        descriptor = listener.fileno()
        words = [str(descriptor), str(FORK_SERVERS / "alive"), *_LOADED[packages]]
        process = subprocess.Popen(
            [str(python), "-m", "tests.fork_server", *words],
            pass_fds=[descriptor],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    process.returncode = 0  # nobody waits for it: it outlives the worker that was the first to ask
