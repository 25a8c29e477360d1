"""What a server lists of a session's runs, where it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentos_contract.json_values import mappings, parse_json
from contract_tests.checks.context import Context
from contract_tests.target.exchange import Exchange
from contract_tests.target.operations import read_session


@dataclass(frozen=True)
class Listed:
    """A session's runs, and the answer that had them."""

    runs: tuple[Mapping[str, Any], ...]
    exchange: Exchange

    def has(self, run_id: str | None) -> bool:
        return any(run.get("run_id") == run_id for run in self.runs)

    def is_running(self, run_id: str | None) -> bool:
        """Whether a run is listed as one that is not over."""
        found = (run.get("status") for run in self.runs if run.get("run_id") == run_id)
        return any(isinstance(status, str) and status.upper() == "RUNNING" for status in found)

    def input_of(self, run_id: str | None) -> str | None:
        """The message that a run got, as the list has it; None where it does not say."""
        for run in self.runs:
            if run.get("run_id") == run_id and isinstance(run.get("run_input"), str):
                return str(run["run_input"])
        return None


def listed_runs(context: Context, session_id: str, user_id: str | None = None) -> Listed | None:
    """The runs of a session of the tests' own, as that user has them; None where the server does
    not list any."""
    if "get_session_runs" not in context.document.operations:
        return None
    return listed_in(context.client.send(read_session(context.document, session_id, user_id)))


def listed_in(exchange: Exchange) -> Listed | None:
    """The runs that an answer lists; None where it is no list."""
    runs = parse_json(exchange.body) if exchange.succeeded else None
    return Listed(tuple(mappings(runs)), exchange) if isinstance(runs, list) else None
