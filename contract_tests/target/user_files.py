"""Files of the user's: what a finding about a server can be shown on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class UserFiles:
    """Those that the user named, or that were found."""

    code: tuple[Path, ...] = ()
    """Files and folders that the server's workflows are written in."""
    configuration: Path | None = None
    known: Path | None = None
    """The list of known deviations, where it is the user's and not a profile of the kit."""
    spec: Path | None = None
