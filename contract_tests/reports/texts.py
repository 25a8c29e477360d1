"""What reports say of a result, without secrets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from agentos_contract.output import escaped, escaped_lines
from contract_tests.judging.results import Result
from contract_tests.judging.sources import describe_sources, sources_of
from contract_tests.reports.terminal import MAX_MESSAGE, cut, readable_commands
from contract_tests.running.run import Options
from contract_tests.target.redaction import redact


@dataclass(frozen=True)
class Texts:
    """Texts for files."""

    data: Callable[[str], str]
    """Takes secrets out of a text."""

    @classmethod
    def of(cls, options: Options) -> Self:
        """Without the secrets of a run with these options."""
        return cls(lambda text: redact(text, options.secrets))

    def clean(self, text: str) -> str:
        """A text with lines of its own, without secrets, with nothing in it that acts."""
        return escaped_lines(self.data(text))

    def message(self, result: Result) -> str:
        return self.cut(result.message)

    def cut(self, text: str) -> str:
        """In one line, and no longer than a file should have it."""
        return escaped(cut(self.data(text), 4 * MAX_MESSAGE))

    def commands(self, reproduce: str) -> str:
        """Shell commands to be copied, but for those that are too long for that."""
        return "\n".join(readable_commands(self.data(reproduce)))

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
