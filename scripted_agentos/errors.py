"""What is wrong in a script, and where it stands."""

from __future__ import annotations

import sys
from dataclasses import dataclass


class ScriptError(Exception):
    """A script that can't be served: `file: place: what is wrong and what would be right`."""


def warn(message: str) -> None:
    """Say on standard error what this server can't do as the script says."""
    print(f"warning: {message}", file=sys.stderr)


@dataclass(frozen=True)
class Place:
    """Where in which script something stands, for messages and as a key."""

    file: str
    path: str

    def __truediv__(self, part: str) -> Place:
        return Place(self.file, f"{self.path}{part}" if part[0] == "[" else f"{self.path}.{part}")

    def __str__(self) -> str:
        return f"{self.file}: {self.path}"
