"""What is served since when, and what is wrong with the last edit."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class ReloadState:
    """Whether what lies in the files is what is served."""

    since: float = field(default_factory=time.time)
    """When what is served was read: seconds since the epoch."""
    problems: list[str] = field(default_factory=list)
    """What is wrong with the files as they are now; what was good before is served."""

    def to_dict(self) -> dict[str, Any]:
        """The document's Reload."""
        return {"since": self.since, "problems": self.problems}
