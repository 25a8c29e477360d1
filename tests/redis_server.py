"""A real redis-server for the tests, where there is one (`make redis`)."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextlib.contextmanager
def redis_server(
    port: int | None = None, *options: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Its URL, and the process. Skips the test where there is none to start."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server; `make redis` installs it")
    port = port or free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        started = any("Ready to accept connections" in line for line in process.stdout)
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        try:
            assert started, "redis-server did not start"
            yield f"redis://127.0.0.1:{port}/0", process
        finally:
            process.terminate()
            drain.join()
