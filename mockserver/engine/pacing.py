"""When a scripted model says what: the time to its first token, and each token's after it."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator

from mockserver.engine.actions import Branch, Wait, sleep
from mockserver.script.model import Timing

# What a token is about: a short run of letters, or of other signs, with the space before it.
_TOKEN = re.compile(r"\s*\w{1,8}|\s*[^\w\s]{1,4}|\s+")


def tokens_of(text: str) -> list[str]:
    """A text in tokens, which joined are the text."""
    return _TOKEN.findall(text)


class InTokens:
    """A text in tokens, each made as it is asked for: a list of them would be ten times the text,
    for as long as it takes to say it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __iter__(self) -> Iterator[str]:
        return (found[0] for found in _TOKEN.finditer(self._text))


class Pace:
    """The waits of one model's requests.

    `draw` gives numbers of [0, 1): each wait is drawn evenly from around the script's time.
    """

    def __init__(self, timing: Timing, branch: Branch, draw: Callable[[], float]) -> None:
        self._timing = timing
        self._branch = branch
        self._draw = draw

    @property
    def is_by_token(self) -> bool:
        return self._timing.tokens_per_second > 0

    def before_first(self) -> Generator[Wait, float, None]:
        """From a request to the first thing that the model says."""
        return self._wait(self._timing.time_to_first_token)

    def before_next(self, piece: str) -> Generator[Wait, float, None]:
        """From one piece to the next, as long as its tokens take."""
        seconds = 0.0
        if self.is_by_token:
            seconds = len(tokens_of(piece)) / self._timing.tokens_per_second
        return self._wait(seconds)

    def _wait(self, seconds: float) -> Generator[Wait, float, None]:
        if not seconds:
            return
        if self._timing.jitter:
            seconds *= 1 + self._timing.jitter * (2 * self._draw() - 1)
        self._branch.now = yield sleep(self._branch.now, seconds)
