"""Whether something can be written, said before the work that it is to keep."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click


def check_folder(folder: Path | None, option: str) -> None:
    """Make a folder, and see that files can be written to it; None is none. Raises
    click.BadParameter."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        message = f"{folder}: cannot be written ({error.strerror})"
        raise click.BadParameter(message, param_hint=option) from error


def check_file(file: Path | None, option: str) -> None:
    """See that a file can be written, whose folder is made; None is none. Raises
    click.BadParameter."""
    if file is None:
        return
    if file.is_dir():
        raise click.BadParameter(f"{file}: it is a folder; expected a file", param_hint=option)
    if not file.exists():
        check_folder(file.parent, option)
    elif not os.access(file, os.W_OK):
        raise click.BadParameter(f"{file}: cannot be written", param_hint=option)
