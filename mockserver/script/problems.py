"""What is wrong in scripts, each problem with its place and what would be right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agentos_contract.names import did_you_mean

KeyPath = tuple[str | int, ...]
"""Keys and indexes that lead from a script's root to a value."""


@dataclass(frozen=True)
class ScriptProblem:
    """One thing that is wrong in a script, or (a warning) that it probably didn't mean."""

    file: str
    line: int
    key: str
    message: str
    is_warning: bool = False

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        key = f"{self.key}: " if self.key else ""
        return f"{where}: {'warning: ' if self.is_warning else ''}{key}{self.message}"


class ScriptError(ValueError):
    """Scripts that cannot be served; `problems` has every reason."""

    def __init__(self, problems: Sequence[ScriptProblem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)


class Problems:
    """The problems of one file, each once, in the order of its lines."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[KeyPath, int] = {}
        """Where each value stands."""
        self.wrong: set[KeyPath] = set()
        """Where another value has been put in the place of a wrong one."""
        self._found: dict[ScriptProblem, None] = {}

    def add(
        self, path: KeyPath, message: str, *, warning: bool = False, line: int | None = None
    ) -> None:
        """Note a problem; none of what stands in the place of a wrong value, or below it."""
        if not any(path[:n] in self.wrong for n in range(len(path) + 1)):
            line = self.line(path) if line is None else line
            problem = ScriptProblem(self.file, line, key_of(path), message, warning)
            self._found[problem] = None

    def line(self, path: KeyPath) -> int:
        """The line of `path`, or of its nearest ancestor that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    @property
    def found(self) -> list[ScriptProblem]:
        return sorted(self._found, key=lambda problem: problem.line)

    @property
    def has_errors(self) -> bool:
        return any(not problem.is_warning for problem in self._found)


def key_of(path: KeyPath) -> str:
    """A path as it is written in messages: `steps[1].mock.delay`."""
    text = ""
    for part in path:
        name = elided(str(part), 80)
        text += f"[{name}]" if isinstance(part, int) else f".{name}" if text else name
    return text


def instead_of(name: str, known: Iterable[str]) -> str:
    """What to write instead of an unknown name: all that there are, and the nearest of them."""
    names = sorted(known)
    return f"expected one of {', '.join(names)}{did_you_mean(name, names)}"


def first_line(error: BaseException) -> str:
    """An exception's message, in one line of at most 300 characters."""
    lines = str(error).strip().splitlines()
    return elided(lines[0]) if lines else type(error).__name__


def elided(message: str, limit: int = 300) -> str:
    """A message that quotes a value, with the middle left out where it is long."""
    if len(message) <= limit:
        return message
    return f"{message[: limit // 3]} … {message[-2 * limit // 3 :]}"
