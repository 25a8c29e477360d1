"""Failures as files: what was seen, how to see it again, and the sequence itself, for a replay."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from contract_tests.fuzzing.rounds import Failure
from contract_tests.fuzzing.steps import Steps, steps_from_json, steps_to_json


class FailureFileError(ValueError):
    """A file holds no failure; str() names file, place and what is right."""


@dataclass(frozen=True)
class Kept:
    """A failure that was read from a file."""

    requirement: str
    where: str
    steps: Steps


def write_failure(
    failure: Failure, folder: Path, target: str, redact: Callable[[str], str]
) -> Path:
    """Write a failure: `REQUIREMENT-DIGEST.json`, the same name for the same kind. Raises
    OSError."""
    digest = hashlib.sha256(str(failure.key).encode()).hexdigest()[:8]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{failure.key.requirement}-{digest}.json"
    text = json.dumps(as_json(failure, target), indent=2, ensure_ascii=False)
    file.write_text(redact(text) + "\n", encoding="utf-8")
    return file


def as_json(failure: Failure, target: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "target": target,
        "requirement": failure.key.requirement,
        "where": failure.key.where,
        "message": failure.message,
        "shown_again": failure.confirmed,
        "tried_again": failure.tried,
        "commands": list(failure.commands),
        "steps": steps_to_json(failure.steps),
    }
    if failure.before:
        found["before"] = [steps_to_json(steps) for steps in failure.before]
    return found


def read_failure(file: Path) -> Kept:
    """Raises FailureFileError."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FailureFileError(f"{file}: cannot be read: {error}") from error
    if not isinstance(content, dict) or "steps" not in content:
        raise FailureFileError(f"{file}: expected an object with `steps`, as fuzz writes it")
    try:
        steps = steps_from_json(content["steps"])
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise FailureFileError(f"{file}: steps.{place}: {first['msg']}") from error
    except ValueError as error:
        raise FailureFileError(f"{file}: {error}") from error
    if not steps:
        raise FailureFileError(f"{file}: steps: expected one at least")
    return Kept(str(content.get("requirement", "")), str(content.get("where", "")), steps)


def described(failure: Failure) -> str:
    """How sure it is, in words."""
    if failure.before:
        return "not tried again: the server has not been itself since"
    if not failure.tried:
        return "not tried again: the time was up"
    again = f"{failure.confirmed} of {failure.tried} times"
    return f"FLAKY: shown again {again}" if failure.is_flaky else f"shown again {again}"
