"""What reports say of a result, without secrets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from contract_tests.judging.results import Result
from contract_tests.judging.sources import describe_sources, sources_of
from contract_tests.reports.terminal import MAX_MESSAGE, cut
from contract_tests.running.run import Options
from contract_tests.target.redaction import redact


@dataclass(frozen=True)
class Texts:
    """Texts for files."""

    clean: Callable[[str], str]
    """Takes secrets out of a text."""

    @classmethod
    def of(cls, options: Options) -> Self:
        """Without the secrets of a run with these options."""
        return cls(lambda text: redact(text, options.secrets))

    def message(self, result: Result) -> str:
        return self.cut(result.message)

    def cut(self, text: str) -> str:
        """Cleaned, and no longer than a file should have it."""
        return cut(self.clean(text), 4 * MAX_MESSAGE)

    def sources(self, result: Result) -> list[dict[str, Any]]:
        """What stands behind "N times": which kinds of faults, and in which workflows."""
        return [
            {
                "kind": self.clean(source.kind),
                "times": len(source.breaches),
                "workflows": [self.clean(name) for name in source.workflows],
            }
            for source in sources_of(result.breaches)
        ]

    def in_all(self, result: Result) -> str:
        """The same as a line; "" where it was seen once."""
        if result.occurrences < 2:
            return ""
        return self.cut(f"in all: {describe_sources(sources_of(result.breaches))}")
