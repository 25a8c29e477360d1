"""What `contract-tests` loads, loaded: for tests/fork_server.py."""

from __future__ import annotations

import schemathesis.specs.openapi.schemas  # noqa: F401

import contract_tests.cli  # noqa: F401
from agentos_contract.document import load_document

load_document()
