"""Failures that fuzzing found, saved as those of the checks are, and replayed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from contract_tests.fuzzing.baseline import observe
from contract_tests.fuzzing.connection import connected, context_for
from contract_tests.fuzzing.execution import carry_out
from contract_tests.fuzzing.outcome import Outcome, TargetGone, TimeUp
from contract_tests.fuzzing.rounds import Failure
from contract_tests.fuzzing.steps import Form, Run, Steps, steps_from_json, steps_to_json
from contract_tests.running.replay import Outcome as Replay
from contract_tests.running.replay import Replayed, SavedFailure, save_failures
from contract_tests.running.run import Options, connect, find_target
from contract_tests.target.budget import RunBudget
from contract_tests.target.problems import CouldNotRun


def save(
    failures: Iterable[Failure], options: Options, directory: Path, clean: Callable[[str], str]
) -> Path:
    """Write them to `directory`/replay.json; `clean` takes the token out of a text. Raises
    OSError."""
    saved = [
        SavedFailure(
            requirement=failure.key.requirement,
            message=f"{failure.message} ({failure.key.where}; {failure.certainty})",
            sequences=[steps_to_json(steps) for steps in (*failure.before, failure.steps)],
            commands=list(failure.commands),
        )
        for failure in failures
    ]
    return save_failures(saved, options, directory, clean)


def replay_sequences(options: Options, failures: Sequence[SavedFailure]) -> list[Replayed]:
    """Carry saved sequences out again. Raises CouldNotRun."""
    sequences = [[_steps(failure, steps) for steps in failure.sequences] for failure in failures]
    ids = {
        step.workflow
        for one in sequences
        for steps in one
        for step in steps
        if isinstance(step, Run | Form)
    }
    options = replace(options, workflows=options.workflows or tuple(sorted(ids)), known={})
    budget = RunBudget(options.max_runs)
    with connect(options, budget, lambda exchange: None) as client:
        target = find_target(options, client)
        context = context_for(options, target, client)
        baseline = observe(context, secrets.token_hex(6), float("inf")).baseline
    replayed = []
    for failure, one in zip(failures, sequences, strict=True):
        with connected(options, target, baseline, budget) as connection:
            try:
                outcome = [carry_out(connection, steps) for steps in one][-1]
            except TargetGone as gone:
                outcome = gone.args[0]
            except TimeUp as reason:
                replayed.append(Replayed(failure, Replay.UNDECIDED, str(reason), ""))
                continue
            replayed.append(_judge(failure, outcome, connection.commands(outcome)))
    return replayed


def _judge(failure: SavedFailure, outcome: Outcome, commands: Sequence[str]) -> Replayed:
    for seen in outcome.seen:
        if seen.key.requirement == failure.requirement:
            return Replayed(failure, Replay.STILL_FAILS, seen.breach.message, "\n".join(commands))
    return Replayed(failure, Replay.FIXED, "", "")


def _steps(failure: SavedFailure, data: object) -> Steps:
    try:
        steps = steps_from_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise CouldNotRun(f"{failure.requirement}: sequences: {place}: {first['msg']}") from error
    except ValueError as error:
        raise CouldNotRun(f"{failure.requirement}: sequences: {error}") from error
    if not steps:
        raise CouldNotRun(f"{failure.requirement}: sequences: expected at least one step in each")
    return steps
