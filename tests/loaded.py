"""What `agentos-mock serve` loads, loaded: for tests/fork_server.py."""

from __future__ import annotations

import mockserver.cli  # noqa: F401
from mockserver.app import create_app

create_app()  # what is made once in a process has been made
