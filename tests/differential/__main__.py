"""`python -m tests.differential`: fresh trees by the thousand, and what differs, by its cause."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.strategies import SearchStrategy

from mockserver.script.cel import Cel
from mockserver.script.problems import ScriptError
from tests.differential.case_files import FOLDER, case_key, case_text
from tests.differential.compare import Comparison, Difference, compare
from tests.differential.exceptions import listed_exceptions
from tests.differential.servers import Case, Pair, ScriptRefused, both_servers
from tests.differential.strategies import ALL, cases

SETTINGS = hypothesis.settings(
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    verbosity=Verbosity.quiet,
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

    def add(self, case: Case, comparison: Comparison, causes: list[Difference]) -> None:
        self.trees += 1
        self.frames += comparison.frames
        self.same_frames += comparison.same_frames
        self.same_batches += not comparison.batch
        self.same_trees += comparison.is_same
        for cause in causes:
            self.found[cause.signature].append((case, cause))

    def lines(self) -> Iterator[str]:
        def share(count: int, whole: int) -> str:
            return f"{count} of {whole} ({count / whole:.3%})" if whole else "none"

        yield f"frames identical: {share(self.same_frames, self.frames)}"
        yield f"batch bodies identical: {share(self.same_batches, self.trees)}"
        yield f"workflows identical: {share(self.same_trees, self.trees)}"
        for signature, sights in sorted(self.found.items(), key=lambda item: -len(item[1])):
            names = [
                f" (exception {one.name})"
                for one in listed_exceptions()
                if one.excuses(sights[0][1])
            ]
            yield f"{len(sights)} x {signature}{''.join(names)}; such as {sights[0][1]}"


class Search:
    """Runs cases, each once, and knows what came of it."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._causes: dict[str, list[Difference]] = {}

    def run(self, case: Case) -> tuple[Comparison, list[Difference]]:
        """How the case compares, and the first difference of each mode."""
        try:
            ours, theirs = self._pair.run(case)
        except (ScriptError, ScriptRefused) as error:
            comparison = Comparison(0, 0, [], [])
            causes = [_refusal(error)]
        else:
            comparison = compare(ours, theirs)
            causes = comparison.causes
            if causes and compare(self._pair.run_for_real(case), theirs).causes:
                causes = [_unsteady(cause) for cause in causes]
        self._causes[case_key(case)] = causes
        return comparison, causes

    def shows(self, case: Case, signature: str) -> bool:
        causes = self._causes.get(case_key(case))
        if causes is None:
            _, causes = self.run(case)
        return any(cause.signature == signature for cause in causes)


def _refusal(error: Exception) -> Difference:
    who = "the mock" if isinstance(error, ScriptError) else "the real server's builder"
    what = re.sub(r"'.*'|[0-9]+|script.*json:", "", str(error))[:60]
    return Difference("script", f"{who} refuses a script: {what}", str(error), None)


def _unsteady(cause: Difference) -> Difference:
    """A difference in what the real server does now so, now so."""
    signature = f"the real server differs from itself: {cause.signature}"
    return Difference(cause.where, signature, cause.ours, cause.theirs)


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
@click.option("--only", metavar="TEXT", default="", help="Shrink the causes with this text alone.")
@click.option("--save", is_flag=True, help=f"Write the smallest trees to {FOLDER.name}/ as cases.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the smallest tree seen of each cause into this folder, unshrunk.",
)
@click.option("--report", type=click.Path(path_type=Path), help="Write what is printed here too.")
def main(
    trees: int,
    seed: int,
    executors: tuple[str, ...],
    shrink: bool,
    only: str,
    save: bool,
    keep: Path | None,
    report: Path | None,
) -> None:
    """Run drawn workflows by a real AgentOS and by the mock as it; exit 1 if any differs.

    Two frames are the same if they are so to the byte, but for ids, which are renamed by first
    appearance, and times. Differences are counted by the first one of a run.
    """
    logging.disable(logging.WARNING)  # expressions are drawn to fail
    # cel-python raises the recursion limit at its first expression; Hypothesis minds if that
    # happens in the middle of a test.
    Cel("true", ())
    printed: list[str] = []

    def say(line: str) -> None:
        click.echo(line)
        printed.append(line)

    tally = Tally()
    strategy = cases(executors)
    started = time.monotonic()
    with both_servers() as pair:
        search = Search(pair)
        _draw(strategy, lambda case: tally.add(case, *search.run(case)), trees, seed)
        say(f"{tally.trees} trees, seed {seed}, {time.monotonic() - started:.0f} s")
        for line in tally.lines():
            say(line)
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            for signature, sights in tally.found.items():
                least, cause = min(sights, key=lambda sight: len(case_key(sight[0])))
                file = keep / f"{_file_name(signature)}.yaml"
                file.write_text(case_text(least, f"{signature}; {cause}"), encoding="utf-8")
        for signature in tally.found if shrink else ():
            if only in signature:
                case = _smallest(search, signature, strategy, trees, seed)
                about = f"{search.run(case)[1][0]}" if case else ""
                say(f"--- {signature}")
                say(case_text(case, about) if case else "not found again")
                if case and save:
                    file = FOLDER / f"{_file_name(signature)}.yaml"
                    file.write_text(case_text(case, about), encoding="utf-8")
    if report:
        report.write_text("\n".join(printed) + "\n", encoding="utf-8")
    new = [s for s, sights in tally.found.items() if not _is_listed(sights[0][1])]
    sys.exit(1 if new else 0)


def _file_name(signature: str) -> str:
    return re.sub(r"\W+", "-", signature).strip("-").lower()[:100]


def _is_listed(cause: Difference) -> bool:
    return any(one.excuses(cause) for one in listed_exceptions())


def _draw(
    strategy: SearchStrategy[Case], use: Callable[[Case], None], trees: int, seed: int
) -> None:
    @hypothesis.seed(seed)
    @hypothesis.settings(SETTINGS, max_examples=trees)
    @hypothesis.given(strategy)
    def run(case: Case) -> None:
        use(case)

    run()


class _Shown(Exception):
    pass


def _smallest(
    search: Search, signature: str, strategy: SearchStrategy[Case], trees: int, seed: int
) -> Case | None:
    """The smallest tree that Hypothesis finds: the same drawing again, and then shrinking."""
    shown: list[Case] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(SETTINGS, max_examples=trees, phases=[Phase.generate, Phase.shrink])
    @hypothesis.given(strategy)
    def run(case: Case) -> None:
        if search.shows(case, signature):
            shown.append(case)
            raise _Shown

    with contextlib.suppress(_Shown, hypothesis.errors.Flaky):
        run()
    return shown[-1] if shown else None


main()
