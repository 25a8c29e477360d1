"""What `contract-tests` makes once in a process, made: for tests/fork_server.py."""

from __future__ import annotations

from agentos_contract.document import load_document

load_document()
