"""How many runs may be under way at one time, and how much they may hold."""

from __future__ import annotations

from mockserver.runner.active import ActiveRun


class TooManyRuns(Exception):
    """As many runs are under way as there may be; str() says how many, `hint` what allows more."""

    def __init__(self, statement: str, hint: str) -> None:
        super().__init__(statement)
        self.hint = hint


class Room:
    """What there is for the runs under way."""

    def __init__(self, max_runs: int, max_held: int) -> None:
        self._max_runs = max_runs
        self._max_held = max_held
        self._held = 0
        """Bytes that the runs under way were asked, and have said."""

    def require(self, count: int) -> None:
        """There is room for another beside so many. Raises TooManyRuns."""
        if count >= self._max_runs:
            statement = f"{count} runs are under way, the most that may be at one time"
            raise TooManyRuns(statement, "serve --max-runs allows more")
        if self._held >= self._max_held:
            statement = f"the {count} runs under way were asked and have said {self._held:,} bytes"
            raise TooManyRuns(
                f"{statement}, the most that may be", "serve --max-memory allows more"
            )

    def take(self, active: ActiveRun, size: int) -> None:
        """A run under way holds so many bytes more."""
        active.size += size
        self._held += size

    def give_back(self, active: ActiveRun) -> None:
        """A run is over, with all that it held."""
        self._held -= active.size
