"""Shell commands that show what several exchanges showed: in their order, those that went on while
another began in the background, and with the id that a run is given then, not that of the day."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from agentos_contract.json_values import parse_object
from contract_tests.target.exchange import Exchange

_AWAIT_ID = (
    """while ! grep -q '"run_id"' {file} && kill -0 $! 2>/dev/null; do sleep 0.1; done""",
    """run_id=$(grep -o '"run_id": *"[^"]*"' {file} | head -n 1 | cut -d '"' -f 4)""",
)
"""Of a run that has just begun."""


def commands_of(exchanges: Sequence[Exchange]) -> str:
    """The commands, one a line, for a POSIX shell."""
    lines: list[str] = []
    background: list[Exchange] = []
    ids: dict[str, str] = {}
    """Files with the answers of runs, by the id that each run was given."""
    for number, exchange in enumerate(exchanges, 1):
        if background and all(_end(one) <= exchange.began for one in background):
            lines.append("wait")
            background.clear()
        command = exchange.curl
        for run_id, file in ids.items():
            if f"/{run_id}/" in f"{exchange.request.path}/":
                if not any(line.startswith("run_id=") for line in lines):
                    lines += [line.format(file=file) for line in _AWAIT_ID]
                command = _with_variable(command, run_id)
        if any(exchange.began <= later.began < _end(exchange) for later in exchanges[number:]):
            file = f"run-{number}.txt"
            ids[_run_id(exchange) or f"/{number}"] = file
            background.append(exchange)
            command = f"{command} > {file} &"
        lines.append(command)
    if ids:
        lines.append(f"wait; cat {' '.join(ids.values())}")
    return "\n".join(lines)


def _end(exchange: Exchange) -> float:
    return exchange.began + exchange.seconds


def _run_id(exchange: Exchange) -> str | None:
    """The id of the run that a stream is of, as a path has it."""
    for _, event in exchange.events:
        run_id = (parse_object(event.data) or {}).get("run_id")
        if isinstance(run_id, str) and run_id:
            return quote(run_id, safe="")
    return None


def _with_variable(command: str, run_id: str) -> str:
    before, _, after = command.partition(f"/{run_id}")
    is_quoted = before.count("'") % 2 == 1
    return f"""{before}/{"'" if is_quoted else ""}"$run_id"{"'" if is_quoted else ""}{after}"""
