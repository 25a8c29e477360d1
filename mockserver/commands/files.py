"""What several commands do: read scripts and recordings, and say what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import click

from agentos_contract.output import echo
from mockserver.recordings.format import RecordingError, Recordings, load_recordings
from mockserver.script.loader import Scripts, load_scripts
from mockserver.script.problems import ScriptError


def count_of(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def recordings_of(directory: Path) -> Recordings:
    try:
        return load_recordings(directory)
    except RecordingError as error:
        raise click.ClickException(f"{error}; nothing is served") from error


def scripts_of(directory: Path) -> Scripts:
    try:
        return load_scripts(directory)
    except ScriptError as error:
        for problem in error.problems:
            echo(str(problem), err=True)
        count = count_of(sum(not problem.is_warning for problem in error.problems), "problem")
        raise click.ClickException(f"{directory}: {count}; nothing is served") from error
