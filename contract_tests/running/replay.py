"""Failures of a run of the tests, saved so that each can be had again: replay.json.

What is saved of a failure is the check that saw it, the workflow and messages that it took, and
the request, where the check had drawn it. To replay is to run that check alone, with sessions
of its own; it judges as it did. Of what fuzzing found the sequence of steps is saved instead.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agentos_contract.names import nearest
from agentos_contract.output import json_text
from agentos_contract.requirements import Level
from contract_tests.checks.own_ids import session_prefix
from contract_tests.checks.registry import CHECKS
from contract_tests.judging.judgement import Breach
from contract_tests.judging.results import Status
from contract_tests.running.run import Listener, Options, Report, run_contract_tests
from contract_tests.target.configuration import WorkflowSettings
from contract_tests.target.exchange import Request

FILE_NAME = "replay.json"


class ReplayError(ValueError):
    """What is to be replayed cannot be; str() says why."""


class _Saved(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SavedRequest(_Saved):
    """A form that was drawn."""

    path: Annotated[str, Field(pattern="^/")]
    """Below the target's URL."""
    content: str
    """Its bytes, as ISO 8859-1 reads them."""
    content_type: str | None


class SavedFailure(_Saved):
    requirement: str
    message: str
    """What was seen."""
    checks: list[str] = []
    """The check that saw it, last; before it one that it took."""
    workflows: dict[str, WorkflowSettings] = {}
    """Those that it took, and what they were started with."""
    request: SavedRequest | None = None
    sequences: list[list[dict[str, Any]]] = []
    """What fuzzing drew, instead of a check: sequences of steps (fuzzing/steps.py has their form).
    The last one showed it, after those before."""
    commands: list[str] = []
    """What the last one sent, as shell commands with the ids of that time."""

    @model_validator(mode="after")
    def _has_a_way(self) -> Self:
        if not self.checks and not self.sequences:
            raise ValueError("expected checks or sequences, by which it can be had again")
        return self


class SavedFailures(_Saved):
    """A file."""

    version: Literal[1] = 1
    target: str
    seed: int
    spec: Path | None = None
    idle_timeout: float
    total_timeout: float
    browser_origin: str | None = None
    failures: list[SavedFailure]


def write_replay(
    report: Report, options: Options, directory: Path, clean: Callable[[str], str]
) -> Path:
    """Save the failures of a report, known ones too; `clean` takes the token out of a text."""
    failures = [
        _saved(result.shown, report)
        for result in report.results
        if result.shown is not None and result.status in (Status.FAILED, Status.KNOWN)
    ]
    return save_failures(failures, options, directory, clean)


def save_failures(
    failures: list[SavedFailure], options: Options, directory: Path, clean: Callable[[str], str]
) -> Path:
    """Save failures that the target of these options showed. Raises OSError."""
    saved = SavedFailures(
        target=options.url,
        seed=options.seed,
        spec=options.spec and options.spec.absolute(),
        idle_timeout=options.limits.idle,
        total_timeout=options.limits.total,
        browser_origin=options.browser_origin,
        failures=failures,
    )
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / FILE_NAME
    content = _cleaned(saved.model_dump(mode="json", by_alias=True, exclude_none=True), clean)
    text = json_text(content, indent=2) + "\n"
    file.write_text(text, encoding="utf-8", errors="backslashreplace")
    return file


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(one, clean) for one in value]
    if isinstance(value, dict):
        return {clean(key): _cleaned(one, clean) for key, one in value.items()}
    return value


def _saved(breach: Breach, report: Report) -> SavedFailure:
    told = breach.conditions.workflows
    took = [workflow for workflow in report.workflows if workflow.id in told]
    messages = {exchange.request.field("message") for exchange in breach.exchanges}
    request = breach.exchange.request if breach.exchange is not None else None
    drawn = next(one for one in CHECKS if one.name == breach.check).resend is not None
    return SavedFailure(
        requirement=breach.requirement,
        message=breach.message,
        checks=list(breach.checks),
        workflows={
            workflow.id: WorkflowSettings(
                messages=[
                    workflow.message,
                    *(text for text in workflow.more_messages if text in messages),
                ],
                deterministic=workflow.deterministic,
            )
            for workflow in took or report.workflows[:1]
        },
        request=SavedRequest(
            path=request.path,
            content=(request.content or b"").decode("latin-1"),
            content_type=request.content_type,
        )
        if drawn and request is not None
        else None,
    )


def find_failures(name: str) -> tuple[SavedFailures, list[SavedFailure]]:
    """`DIR`, `DIR/report.json` or `DIR/replay.json`, with `:REQUIREMENT` for a single one.

    Raises ReplayError.
    """
    path, requirement = name, ""
    if not Path(name).exists() and ":" in name:
        path, _, requirement = name.rpartition(":")
    file = Path(path)
    if file.name in (FILE_NAME, "report.json"):
        file = file.parent
    file /= FILE_NAME
    try:
        saved = SavedFailures.model_validate_json(file.read_bytes())
    except OSError as error:
        reason = f"{file}: cannot be read ({error.strerror}); --report-dir writes it"
        raise ReplayError(reason) from error
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise ReplayError(
            f"{file}: {where}: {fault['msg']}; was it written by this kit?"
        ) from error
    chosen = [one for one in saved.failures if requirement in ("", one.requirement)]
    if not chosen and requirement:
        names = [one.requirement for one in saved.failures]
        near = nearest(requirement, names)
        hint = f"did you mean {near}?" if near else f"it has {', '.join(names) or 'none'}"
        raise ReplayError(f"{file}: it has no failure of {requirement!r}; {hint}")
    known = {check.name for check in CHECKS}
    for failure in chosen:
        for check in failure.checks:
            if check not in known:
                raise ReplayError(f"{file}: this version of the kit has no check {check!r}")
    return saved, chosen


class Outcome(Enum):
    STILL_FAILS = "still fails"
    FIXED = "fixed"
    UNDECIDED = "could not be decided"


@dataclass(frozen=True)
class Replayed:
    """What came of one failure."""

    failure: SavedFailure
    outcome: Outcome
    message: str
    reproduce: str


def replay_failures(
    saved: SavedFailures,
    failures: Sequence[SavedFailure],
    options: Options,
    listener_of: Callable[[Sequence[SavedFailure]], Listener],
) -> list[Replayed]:
    """Replay failures against a target; those that one check saw in the same workflows at once.

    `options` has the target, the token and the limits; `listener_of` such a group is told what
    happens. Raises CouldNotRun.
    """
    replayed: dict[int, Replayed] = {}
    left = list(enumerate(failures))
    while left:
        first = left[0][1]
        same = [(index, one) for index, one in left if _is_alike(one, first)]
        left = [entry for entry in left if entry not in same]
        listener = listener_of([failure for _, failure in same])
        report = run_contract_tests(_options_for(first, saved, options), listener)
        for index, failure in same:
            replayed[index] = _judge(failure, report)
    return [replayed[index] for index in sorted(replayed)]


def _is_alike(one: SavedFailure, other: SavedFailure) -> bool:
    return (one.checks, one.workflows, one.request) == (
        other.checks,
        other.workflows,
        other.request,
    )


def _options_for(failure: SavedFailure, saved: SavedFailures, options: Options) -> Options:
    # Another seed: the sessions are other ones, as the first run's may have a history now.
    options = replace(
        options,
        seed=secrets.randbits(32),
        workflows=tuple(failure.workflows),
        settings=failure.workflows,
        message=None,
        level=Level.OBSERVED,
        browser_origin=saved.browser_origin,
        known={},
        required=(),
        checks=failure.checks,
    )
    if failure.request is None:
        return options
    old, new = session_prefix(saved.seed), session_prefix(options.seed)
    request = Request(
        "POST",
        failure.request.path,
        content=failure.request.content.replace(old, new).encode("latin-1"),
        content_type=failure.request.content_type,
    )
    return replace(options, resent={failure.checks[-1]: [request]})


def _judge(failure: SavedFailure, report: Report) -> Replayed:
    name = failure.requirement
    result = next((one for one in report.results if one.requirement.id == name), None)
    if result is None:
        return Replayed(failure, Outcome.UNDECIDED, f"there is no requirement {name!r}", "")
    if result.status is Status.FAILED:
        return Replayed(failure, Outcome.STILL_FAILS, result.message, result.reproduce)
    if result.status is Status.PASSED and report.findings.cases[name][failure.checks[-1]]:
        return Replayed(failure, Outcome.FIXED, "", "")
    reason = (
        result.message
        or report.findings.reasons.get(name)
        or (f"the check {failure.checks[-1]} found nothing that could show it")
    )
    return Replayed(failure, Outcome.UNDECIDED, reason, "")
