"""Proves checks: each deviation is found, and nothing else is reported; of servers that conform
nothing is. What the kit's own matrix (docs/self-proof.md) does for its checks."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from agentos_contract.document import load_document
from agentos_contract.requirements import Level
from contract_tests.judging.results import Status
from contract_tests.plugins.loading import load_plugins
from contract_tests.running.run import Options, Report, run_contract_tests
from contract_tests.target.serving import serving


@dataclass(frozen=True)
class Case:
    """A server that deviates in one way; one that breaks nothing is a variation, or conforms."""

    name: str
    app: Any
    """The ASGI application: the mock (`mockserver.app.create_app`) with a deviation of its own, or
    in a wrapper that has one."""
    breaks: frozenset[str] = frozenset()
    """Every requirement that it breaks, the kit's too."""


@dataclass(frozen=True)
class Proof:
    """What was found."""

    rows: tuple[tuple[str, str, str], ...]
    """Requirement, case and the check that found it, of each requirement that a case breaks."""

    def __str__(self) -> str:
        """A table in Markdown."""
        lines = ["| Requirement | Deviation | Found by |", "|---|---|---|"]
        return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in self.rows)])


def prove(
    requirements: Iterable[str],
    cases: Sequence[Case],
    *,
    workflows: Sequence[str] = (),
    token: str | None = None,
    max_runs: int = 80,
    seed: int | None = None,
) -> Proof:
    """Run the whole contract tests against each case, served over HTTP.

    Raises AssertionError, with everything that is not as it should be: a case that broke something
    else than it says, one of `requirements` that no case breaks, or that a case neither broke nor
    kept. `workflows`: those to run; all, unless said. Raises PluginError, CannotServe,
    CouldNotRun.
    """
    load_plugins()
    wanted, problems, rows = list(requirements), [], []
    seed = secrets.randbits(32) if seed is None else seed
    for case in cases:
        with serving(case.app) as url:
            options = Options(
                url,
                load_document(),
                seed,
                token=token,
                workflows=workflows,
                level=Level.OBSERVED,
                max_examples=0,
                max_runs=max_runs,
            )
            report = run_contract_tests(options)
        problems += [f"{case.name}: {problem}" for problem in _problems(case, report, wanted)]
        rows += [
            (result.requirement.id, case.name, result.shown.check)
            for result in report.results
            if result.shown is not None
        ]
    for name in wanted:
        if not any(name in case.breaks for case in cases):
            problems.append(f"{name}: no case breaks it")
        if not any(name not in case.breaks for case in cases):
            problems.append(f"{name}: no case keeps it")
    if problems:
        raise AssertionError("\n".join([*problems, f"(seed {seed})"]))
    return Proof(tuple(rows))


def _problems(case: Case, report: Report, wanted: Sequence[str]) -> list[str]:
    results = {result.requirement.id: result for result in report.results}
    broken = {name for name, result in results.items() if result.status is Status.FAILED}
    problems = list(report.crashes)
    problems += [f"{name} was not found" for name in sorted(case.breaks - broken)]
    problems += [
        f"{name} was found broken: {results[name].message}" for name in sorted(broken - case.breaks)
    ]
    problems += [
        f"{name} was not exercised: {results[name].message}"
        for name in wanted
        if name in results and results[name].status is Status.SKIPPED
    ]
    return problems + [f"there is no requirement {name}" for name in wanted if name not in results]
