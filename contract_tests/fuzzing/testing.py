"""Fuzzing from a test of one's own: `fuzz` fails the test with what it found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agentos_contract.connection import PLAIN, Connection, below
from agentos_contract.document import load_document
from agentos_contract.requirements import load_catalogue
from contract_tests.fuzzing.campaign import Campaign, Fuzzing, fuzz_target
from contract_tests.fuzzing.rounds import Failure
from contract_tests.fuzzing.saved import save
from contract_tests.judging.known import load_known
from contract_tests.running.run import Options
from contract_tests.target.client import Limits
from contract_tests.target.redaction import redact


def fuzz(
    url: str,
    *,
    seconds: float,
    seed: int,
    token: str | None = None,
    connection: Connection = PLAIN,
    workflows: Sequence[str] = (),
    known: str | None = None,
    database: str | None = None,
    max_runs: int = 1000,
    max_failures: int | None = None,
    report_dir: Path | None = None,
    limits: Limits | None = None,
) -> Campaign:
    """Fuzz the server at `url` for so many seconds. Raises AssertionError with every failure.

    With pytest-xdist give each test a seed of its own and all the same `database`: a folder, or
    `redis://HOST:PORT/NUMBER` for several machines. `known` is a profile or a file of known
    deviations. Raises CouldNotRun, DatabaseError, KnownError where it cannot be run.
    """
    options = Options(
        below(url, ""),
        load_document(),
        seed,
        token=token,
        connection=connection,
        workflows=workflows,
        known=load_known(known, load_catalogue().requirements) if known is not None else {},
        max_runs=max_runs,
        limits=limits or Limits(idle=30.0, total=120.0),
    )

    def redacted(text: str) -> str:
        return redact(text, options.secrets)

    fuzzing = Fuzzing(options, seconds, database=database, max_failures=max_failures)
    campaign = fuzz_target(fuzzing)
    if campaign.failures:
        if report_dir is not None:
            save(campaign.failures.values(), options, report_dir, redacted)
        texts = [_text(failure) for failure in campaign.failures.values()]
        raise AssertionError(redacted("\n\n".join(texts)))
    return campaign


def _text(failure: Failure) -> str:
    kind = "replayed" if failure.replayed else "found"
    return "\n".join(
        [
            f"{kind}: {failure.key} ({failure.certainty})",
            f"seen: {failure.message}",
            *(f"{number}. {command}" for number, command in enumerate(failure.commands, 1)),
        ]
    )
