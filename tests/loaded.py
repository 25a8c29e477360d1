"""What `agentos-mock serve` loads, loaded: for tests/fork_server.py."""

from __future__ import annotations

import mockserver.cli  # noqa: F401
from agentos_contract.document import load_document
from mockserver.control.application import load_control_document
from mockserver.script.cel import Cel

load_document()
load_control_document()
Cel("true", ())  # makes CEL's parser
