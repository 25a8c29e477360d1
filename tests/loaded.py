"""What `agentos-mock serve` makes once in a process, made: for tests/fork_server.py."""

from __future__ import annotations

from mockserver.app import create_app

create_app()
