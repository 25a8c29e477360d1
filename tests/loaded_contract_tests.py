"""What `contract-tests` makes once in a process, made: for tests/fork_server.py."""

from __future__ import annotations

from pathlib import Path

import yaml
from click.testing import CliRunner

from contract_tests.cli import main
from contract_tests.target.target import sample_of
from contract_tests.target.wrong_messages import with_all_members
from tests.contract_tests.servers import on_http_server
from tests.contract_tests.servers.story import Style

# A whole run: half of what a short one takes is done once.
with on_http_server.served(Style()) as url:
    done = CliRunner().invoke(main, [url, "--max-examples", "3", "--max-runs", "8", "--seed", "1"])
    assert done.exit_code == 0, done.output

for file in (Path(__file__).parent.parent / "fixtures" / "workflows").glob("*.yaml"):
    schema = yaml.safe_load(file.read_text(encoding="utf-8")).get("input_schema")
    if schema is not None:
        sample_of(schema)
        sample_of(with_all_members(schema))
