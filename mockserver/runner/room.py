"""How many runs may be under way at one time, and how much they may hold."""

from __future__ import annotations

from mockserver.runner.active import ActiveRun


class TooManyRuns(Exception):
    """No more runs may be under way; `str()` says why, `hint` which option allows more."""

    def __init__(self, statement: str, hint: str) -> None:
        super().__init__(statement)
        self.hint = hint


class Room:
    """What the runs under way may take."""

    def __init__(self, max_runs: int, max_held: int) -> None:
        """`max_runs`: how many there may be. `max_held`: bytes that they may hold."""
        self._max_runs = max_runs
        self._max_held = max_held
        self._held = 0
        """Bytes of the messages, forms and events of the runs under way."""

    def require(self, count: int) -> None:
        """Raises TooManyRuns where there is no room for another run beside `count`."""
        if count >= self._max_runs:
            statement = f"{count} runs are under way, the most that may be at one time"
            raise TooManyRuns(statement, "serve --max-runs allows more")
        if self._held >= self._max_held:
            statement = f"the {count} runs under way were asked and have said {self._held:,} bytes"
            raise TooManyRuns(
                f"{statement}, the most that may be", "serve --max-memory allows more"
            )

    def hold(self, size: int) -> None:
        """A run that is to start holds so many bytes; it lets go of them by as many less than 0."""
        self._held += size

    def take(self, active: ActiveRun, size: int) -> None:
        """A run under way holds so many bytes more."""
        active.size += size
        self._held += size

    def give_back(self, active: ActiveRun) -> None:
        """A run is over, with all that it held."""
        self._held -= active.size
