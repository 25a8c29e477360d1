"""The client of the contract tests leaves nothing behind, whatever was under way."""

from __future__ import annotations

import gc

from contract_tests.target.budget import RunBudget
from contract_tests.target.client import Client
from contract_tests.target.exchange import Request
from tests.conftest import Serve
from tests.contract_tests.checks.test_mutations import CommentsForEver


def test_what_nobody_waits_for_is_broken_off(serve: Serve) -> None:
    """A check that gives up may leave a run under way; its connection is closed all the same,
    or the unclosed socket would fail whichever test is running when it is found."""
    url = serve(CommentsForEver())
    with Client(url, budget=RunBudget(1)) as client:
        future = client.start(Request("POST", "/workflows/main/runs", fields=(("message", "x"),)))
    assert future.cancelled()
    gc.collect()
