"""`python -m tests.differential.requests`: drawn requests to the real server and to the mock as it.

What differs is grouped by its cause, each group with its shortest request.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import defaultdict

import click
import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st

from tests.differential.requests_drawn import HttpRequest, requests
from tests.differential.requests_exceptions import excuse
from tests.differential.requests_sent import Found, Servers, both_servers

Sight = tuple[HttpRequest, bool, Found]


@click.command()
@click.option("--examples", default=1000, show_default=True, help="How many requests to draw.")
@click.option("--seed", default=0, show_default=True)
def main(examples: int, seed: int) -> None:
    """Send drawn requests to both servers, half with a key; exit 1 if any answers differ."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    logging.disable(logging.ERROR)  # requests are drawn to fail
    groups: dict[str, list[Sight]] = defaultdict(list)
    started, counts = time.monotonic(), [0, 0]

    def run(servers: Servers) -> None:
        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        @hypothesis.given(requests(), st.booleans())
        def ask(request: HttpRequest, locked: bool) -> None:
            found = servers.differences(request, locked=locked)
            counts[0] += 1
            counts[1] += not found
            # What comes after the first difference may follow from it.
            for difference in found[:1]:
                groups[difference.signature].append((request, locked, difference))

        ask()

    with both_servers() as servers:
        run(servers)
    seconds = time.monotonic() - started
    print(f"{counts[0]} requests, seed {seed}, {seconds:.0f} s; {counts[1]} answered alike")
    for signature, sights in sorted(groups.items(), key=lambda group: -len(group[1])):
        request, locked, difference = min(sights, key=lambda sight: len(str(sight[0])))
        reason = excuse(request, difference)
        print(f"{len(sights)} x {signature}{f' (listed: {reason})' if reason else ''}")
        print(f"    {str(request)[:1000]}{' (with a key)' if locked else ''}\n    {difference}")
    new = [s for group in groups.values() for s in group if not excuse(s[0], s[2])]
    sys.exit(1 if new else 0)


if __name__ == "__main__":
    main()
