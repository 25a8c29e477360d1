"""The mock's throughput beside its peers', in one run: `python -m benchmarks.throughput`.

Each serves from one process (`servers`), and is asked by one client in another process of this
machine, on keep-alive connections. Rounds go through all servers in turn, so that what else the
machine does falls on each. A ratio is that of a round's two rates; the table has the median of
the rounds' ratios, and the lowest and highest. `--write` keeps the figures in
benchmarks/results/throughput.json.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import statistics
from pathlib import Path
from typing import Any

import httpx2
import uvloop

from agentos_contract.sse import EventStreamDecoder, encode_event
from benchmarks.load import load
from benchmarks.servers import (
    MODES,
    PATH,
    Server,
    agentos,
    aimock,
    connexion,
    mock,
    prism,
    starlette,
    why_not,
)

RESULTS = Path(__file__).parent / "results" / "throughput.json"


def answers_of(server: Server) -> tuple[bytes, list[bytes]]:
    """The body of a batch run, and the frames of a stream."""
    url = f"http://127.0.0.1:{server.port}{PATH}"
    body = httpx2.post(url, data={"message": "tea", "stream": "false"}).content
    raw = httpx2.post(url, data={"message": "tea", "stream": "true"}).content
    events = EventStreamDecoder().feed(raw)
    return body, [encode_event(event.event, event.data) for event in events]


def measured(
    servers: list[Server], mode: str, rounds: int, seconds: float, connections: int
) -> dict[str, Any]:
    """Of each server: the median of its rates, and the mock's ratio to it."""
    servers = [server for server in servers if mode in server.requests]
    rates: list[list[float]] = []
    for _ in range(rounds):
        rates.append(
            [
                uvloop.run(load(server.port, server.requests[mode], seconds, connections))
                for server in servers
            ]
        )
    found: dict[str, Any] = {}
    for place, server in enumerate(servers):
        ratios = [each[0] / each[place] for each in rates]
        found[server.name] = {
            "rate": round(statistics.median(each[place] for each in rates)),
            "ratio": round(statistics.median(ratios), 2),
            "lowest": round(min(ratios), 2),
            "highest": round(max(ratios), 2),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--write", action="store_true", help=f"into {RESULTS.name}")
    arguments = parser.parse_args()
    options = arguments.rounds, arguments.seconds, arguments.connections
    figures: dict[str, Any] = {"date": str(datetime.date.today())}
    figures |= dict(zip(("rounds", "seconds", "connections"), options, strict=True))
    with contextlib.ExitStack() as running:
        ours = running.enter_context(mock())
        body, frames = answers_of(ours)
        servers = [ours, running.enter_context(starlette(body, frames))]
        servers.append(running.enter_context(connexion(body)))
        for peer, needs in ((prism, (body,)), (aimock, ()), (agentos, ())):
            if (reason := why_not(peer)) is not None:
                print(f"{peer.__name__} is left out: {reason}")
                continue
            servers.append(running.enter_context(peer(*needs)))
        for mode in MODES:
            figures[mode] = measured(servers, mode, *options)
            for name, found in figures[mode].items():
                print(
                    f"{mode:6}  {name:15} {found['rate']:7} req/s   "
                    f"mock {found['ratio']:.2f} times that "
                    f"({found['lowest']:.2f}-{found['highest']:.2f})"
                )
    if arguments.write:
        RESULTS.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
