"""What `contract-tests` makes once in a process, made: for tests/fork_server.py."""

from __future__ import annotations

from pathlib import Path

import yaml

from agentos_contract.document import load_document
from contract_tests.target.target import sample_of
from contract_tests.target.wrong_messages import with_all_members

load_document()
for file in (Path(__file__).parent.parent / "fixtures" / "workflows").glob("*.yaml"):
    schema = yaml.safe_load(file.read_text(encoding="utf-8")).get("input_schema")
    if schema is not None:
        sample_of(schema)
        sample_of(with_all_members(schema))
