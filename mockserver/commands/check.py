"""What `agentos-mock check` does: see whether scripts can be served."""

from __future__ import annotations

import sys
from pathlib import Path

from agentos_contract.output import echo
from mockserver.commands.files import count_of
from mockserver.recordings.format import RecordingError, load_recordings
from mockserver.script.loader import load_files, script_files
from mockserver.script.problems import ScriptError


def run(paths: tuple[Path, ...]) -> None:
    by_folder: dict[Path, list[Path]] = {}
    for path in paths:
        by_folder.setdefault(path if path.is_dir() else path.parent, []).append(path)
    results = [_check(folder, given) for folder, given in by_folder.items()]
    if not all(results):
        sys.exit(1)


def _check(folder: Path, given: list[Path]) -> bool:
    """Whether scripts of one folder, and its recordings where it was given whole, are right."""
    name = folder if len(given) > 1 else given[0]
    counted: list[str] = []
    errors = 0
    try:
        files = dict.fromkeys(file for path in given for file in script_files(path))
        scripts = load_files(list(files))
        problems = scripts.warnings
        counted.append(count_of(len(scripts.workflows), "script"))
    except ScriptError as error:
        problems = error.problems
    for problem in problems:
        echo(str(problem), err=True)
        errors += not problem.is_warning
    if folder in given:
        try:
            recordings = load_recordings(folder)
            counted += [count_of(len(recordings), "recording")] if recordings else []
        except RecordingError as error:
            echo(str(error), err=True)
            errors += len(str(error).splitlines())
    if errors:
        echo(f"Error: {name}: {count_of(errors, 'problem')}; it cannot be served", err=True)
    else:
        echo(f"{name}: {', '.join(counted)}, no problem")
    return not errors
