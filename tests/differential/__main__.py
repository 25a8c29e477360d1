"""`python -m tests.differential`: fresh trees by the thousand, and what differs, by its cause."""

from __future__ import annotations

import json
import logging
import random
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field

import click
import hypothesis
import yaml
from hypothesis import HealthCheck, Phase, Verbosity

from tests.differential.compare import Comparison, Difference, compare
from tests.differential.servers import Case, Pair, both_servers
from tests.differential.strategies import ALL, cases

SETTINGS = hypothesis.settings(
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Tally:
    trees: int = 0
    same_trees: int = 0
    frames: int = 0
    same_frames: int = 0
    same_batches: int = 0
    found: dict[str, list[tuple[Case, Difference]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(self, case: Case, comparison: Comparison) -> None:
        self.trees += 1
        self.frames += comparison.frames
        self.same_frames += comparison.same_frames
        self.same_batches += comparison.is_batch_same
        self.same_trees += comparison.is_same
        if comparison.differences:
            first = comparison.differences[0]
            self.found[first.signature].append((case, first))

    def lines(self) -> list[str]:
        def share(count: int, whole: int) -> str:
            return f"{count} of {whole} ({count / whole:.3%})" if whole else "none"

        lines = [
            f"frames identical: {share(self.same_frames, self.frames)}",
            f"batch bodies identical: {share(self.same_batches, self.trees)}",
            f"workflows identical: {share(self.same_trees, self.trees)}",
        ]
        for signature, sights in sorted(self.found.items(), key=lambda item: -len(item[1])):
            lines.append(f"{len(sights)} times first {signature}; such as {sights[0][1]}")
        return lines


@click.command()
@click.option("--trees", default=1000, show_default=True, help="How many to draw.")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--executor",
    "executors",
    multiple=True,
    type=click.Choice(ALL),
    default=ALL,
    help="What carries steps out; all, unless said.",
)
@click.option("--shrink/--no-shrink", default=True, help="Show the smallest tree of each cause.")
def main(trees: int, seed: int, executors: tuple[str, ...], shrink: bool) -> None:
    """Run drawn workflows by a real AgentOS and by the mock as it; exit 1 if any differs."""
    logging.disable(logging.WARNING)  # expressions are drawn to fail
    tally = Tally()
    strategy = cases(executors)
    started = time.monotonic()
    with both_servers() as pair:

        @hypothesis.seed(seed)
        @hypothesis.settings(SETTINGS, max_examples=trees)
        @hypothesis.given(strategy)
        def run(case: Case) -> None:
            tally.add(case, compare(*pair.run(case)))

        run()
        click.echo(f"{trees} trees, seed {seed}, {time.monotonic() - started:.0f} s")
        for line in tally.lines():
            click.echo(line)
        if shrink:
            for signature in tally.found:
                _show_smallest(pair, signature, strategy, seed)
    sys.exit(1 if tally.found else 0)


def _show_smallest(
    pair: Pair, signature: str, strategy: hypothesis.strategies.SearchStrategy[Case], seed: int
) -> None:
    def shows(case: Case) -> bool:
        found = compare(*pair.run(case)).differences
        return bool(found) and found[0].signature == signature

    settings = hypothesis.settings(
        SETTINGS,
        max_examples=2000,
        phases=[Phase.generate, Phase.shrink],
        verbosity=Verbosity.quiet,
    )
    try:
        case = hypothesis.find(strategy, shows, settings=settings, random=random.Random(seed))
    except hypothesis.errors.NoSuchExample:
        click.echo(f"--- {signature}: not found again")
        return
    difference = compare(*pair.run(case)).differences[0]
    click.echo(f"--- {difference}")
    content = {"message": case.message, "script": json.loads(json.dumps(case.script))}
    click.echo(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))


main()
