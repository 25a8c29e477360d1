"""`agentos-mock check`: whether scripts can be served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument(
    "paths", metavar="DIR|FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
def check(**given: Any) -> None:
    """Check scripts: folders, with the recordings beside them, or files; exit 1 with every problem.

    Ids are unique among the scripts of one folder.
    """
    from mockserver.commands.check import run

    run(**given)
