"""One round: Hypothesis draws sequences from one seed, and makes smaller what breaks something."""

from __future__ import annotations

import functools
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from unittest import SkipTest

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.database import ExampleDatabase
from hypothesis.errors import HypothesisException
from hypothesis.stateful import run_state_machine_as_test

from contract_tests.fuzzing.execution import Executor, Key, Outcome, Sight, TargetGone, TimeUp
from contract_tests.fuzzing.machine import Scope, make_machine
from contract_tests.fuzzing.steps import Steps, simpler, weight, without

STEPS = 8
"""At most so many steps has a sequence."""

SEQUENCES = 15
"""So many sequences does a round draw."""

SHRINKS, SHRINKING_SECONDS = 25, 15.0
"""So many sequences may be carried out to make what a round found smaller, and so long may it take:
Hypothesis has an eye for values. What is needless then is left out step by step."""

BEFORE = 5
"""So many sequences are kept that came before one that did lasting damage."""

CONFIRMATIONS = 2
"""How often the smallest sequence is carried out again."""


TIME_UP, GONE, INTERRUPTED = "the time is up", "the server is gone", "interrupted"
DAMAGED = "the server has not been itself since: restart it"
"""Why no further round can be made."""


class Enough(KeyboardInterrupt):
    """Smaller it does not get, or only slowly."""


class Broken(Exception):
    """A sequence showed something new. Each kind has a class of its own (`broken`): Hypothesis
    tells failures apart by that, and makes each smaller."""

    key: Key


@functools.cache
def broken(key: Key) -> type[Broken]:
    """The exception of one kind of failure."""
    name = re.sub(r"\W+", "_", str(key)).strip("_")
    return type(f"Broken_{name}", (Broken,), {"key": key})


@dataclass(frozen=True)
class Failure:
    """A kind of failure, with the smallest sequence that showed it."""

    key: Key
    steps: Steps
    message: str
    commands: tuple[str, ...]
    """Shell commands, in their order, without the token."""
    confirmed: int = 0
    """How often it showed again of `tried` times that the sequence was carried out once more."""
    tried: int = 0
    replayed: bool = False
    """Whether the database of examples had it."""
    before: tuple[Steps, ...] = ()
    """What was carried out before it, where the server has not been itself since."""

    @property
    def is_flaky(self) -> bool:
        return self.confirmed < self.tried


@dataclass
class RoundResult:
    """What a round came to."""

    failures: list[Failure] = field(default_factory=list)
    ended: str | None = None
    """Why no further round can be made; None where one can."""
    notes: list[str] = field(default_factory=list)
    """What Hypothesis said of its own."""


class Round:
    """One round against one target."""

    def __init__(
        self,
        scope: Scope,
        executor: Executor,
        database: ExampleDatabase | None,
        counted: Callable[[], None],
    ) -> None:
        """`counted` is called for each sequence that is carried out."""
        self.scope = scope
        self.executor = executor
        self.database = database
        self._counted = counted
        self._seen: dict[Steps, Sight | None] = {}
        """What sequences that were carried out showed."""
        self._best: dict[Key, Failure] = {}
        self._left = float("inf")
        self._until = float("inf")
        self._before: deque[Steps] = deque(maxlen=BEFORE)
        self._is_damaged = False

    def run(self, seed: int, *, reuse: bool) -> RoundResult:
        """Draw sequences; `reuse`: only those of the database."""
        result = RoundResult()
        machine = hypothesis.seed(seed)(make_machine(self.scope, self._test))
        settings = hypothesis.settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS,
            database=self.database,
            phases=[Phase.reuse, Phase.shrink] if reuse else [Phase.generate, Phase.shrink],
            deadline=None,
            print_blob=False,
            report_multiple_bugs=True,
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        try:
            run_state_machine_as_test(machine, settings=settings)
        except (Broken, Enough):
            pass  # noted in self._best
        except SkipTest:
            pass  # the database has nothing
        except TimeUp as error:
            result.ended = str(error) or TIME_UP
        except TargetGone:
            result.ended = GONE
        except KeyboardInterrupt:
            result.ended = INTERRUPTED
        except HypothesisException as error:
            result.notes.append(f"Hypothesis: {type(error).__name__}: {error}")
        except BaseExceptionGroup as group:
            if rest := group.split((Broken, HypothesisException))[1]:
                raise rest from None
        if self._is_damaged:
            result.ended = result.ended or DAMAGED
        for failure in self._best.values():
            is_over = result.ended is not None
            result.failures += (
                [replace(failure, replayed=reuse)]
                if is_over
                else self._finish(failure, reuse, result)
            )
        return result

    def _test(self, steps: Steps) -> None:
        """What the machine has drawn. Raises the class of what is new in it."""
        sight = self._known_outcome(steps)
        if sight is False:
            if self._left <= 0 or time.monotonic() > self._until:
                raise Enough
            self._left -= 1
            sight = self._carry_out(steps)
        if isinstance(sight, Sight):
            raise broken(sight.key)

    def _known_outcome(self, steps: Steps) -> Sight | bool | None:
        """What is known of a sequence; False where nothing is. What the beginning of a sequence
        showed it shows too: so what comes after goes without asking the server."""
        for length in range(1, len(steps) + 1):
            seen = self._seen.get(steps[:length])
            if seen is not None:
                return seen
        return self._seen.get(steps, False)

    def _carry_out(self, steps: Steps) -> Sight | None:
        self._counted()
        try:
            outcome = self.executor.carry_out(steps)
        except TargetGone as gone:
            self._note_gone(steps, gone)
            raise
        sight = self._first_new(outcome)
        if sight is None:
            self._seen[steps] = None
            self._before.append(steps)
            return None
        shown = steps[: sight.step + 1]
        self._seen[shown] = sight
        failure = self._failure(sight, shown, outcome)
        if sight.key not in self._best:
            self._left = min(self._left, SHRINKS)
            self._until = min(self._until, time.monotonic() + SHRINKING_SECONDS)
            self._best[sight.key] = failure
            if self._does_lasting_damage():
                self._is_damaged = True
                self._left = 0
                self._best[sight.key] = replace(failure, before=tuple(self._before))
            return sight
        if weight(shown) >= weight(self._best[sight.key].steps):
            return sight
        self._best[sight.key] = failure
        return sight

    def _does_lasting_damage(self) -> bool:
        """Whether even a plain run now shows what it did not show before. Then no sequence can be
        made smaller: each breaks something."""
        plain = self.executor.plain
        # Once may still be the sequence's own: what it left behind shows in the next run.
        return bool(plain) and all(
            any(sight.key not in self.executor.found for sight in outcome.sights)
            for outcome in (self.executor.carry_out(plain) for _ in range(2))
        )

    def _first_new(self, outcome: Outcome) -> Sight | None:
        new = [sight for sight in outcome.sights if sight.key not in self.executor.found]
        # What is being made smaller comes before what has come up on the way.
        return next((sight for sight in new if sight.key in self._best), new[0] if new else None)

    def _note_gone(self, steps: Steps, gone: TargetGone) -> None:
        outcome = gone.args[0]
        sight = outcome.sights[-1]
        failure = self._failure(sight, steps, outcome)
        self._best[sight.key] = replace(failure, before=tuple(self._before))

    def _failure(self, sight: Sight, steps: Steps, outcome: Outcome) -> Failure:
        commands = self.executor.commands(outcome)
        return Failure(sight.key, steps, sight.breach.message, commands)

    def _finish(self, failure: Failure, reuse: bool, result: RoundResult) -> list[Failure]:
        """Make it plain, and carry it out again: for what else it shows, and whether it shows it
        each time."""
        others: dict[Key, Failure] = {}
        shown = tried = 0
        try:
            failure = self._made_plain(failure)
            while tried < CONFIRMATIONS:
                outcome = self.executor.carry_out(failure.steps)
                tried += 1
                for sight in outcome.sights:
                    other = self._failure(sight, failure.steps, outcome)
                    if sight.key == failure.key:
                        failure = other
                    elif sight.key not in (self.executor.found | self._best.keys()):
                        others[sight.key] = other
                shown += any(sight.key == failure.key for sight in outcome.sights)
        except TimeUp as error:
            result.ended = str(error) or TIME_UP
        except TargetGone:
            result.ended = GONE
        found = replace(failure, confirmed=shown, tried=tried, replayed=reuse)
        return [found, *others.values()]

    def _made_plain(self, failure: Failure) -> Failure:
        """Hypothesis has made it small within its share; this sees to it that each step is needed,
        and each thing that is said in it."""
        for position in reversed(range(len(failure.steps))):
            if position < len(failure.steps):
                shorter = without(failure.steps, position)
                failure = self._if_it_does(shorter, failure) or failure
        position = 0
        while position < len(failure.steps):
            for steps in simpler(failure.steps, position):
                failure = self._if_it_does(steps, failure) or failure
            position += 1
        return failure

    def _if_it_does(self, steps: Steps | None, failure: Failure) -> Failure | None:
        """The failure by another sequence, where that shows it too."""
        if not steps or self._seen.get(steps, False) is None:
            return None
        outcome = self.executor.carry_out(steps)
        for sight in outcome.sights:
            if sight.key == failure.key:
                return self._failure(sight, steps[: sight.step + 1], outcome)
        self._seen.setdefault(steps, None)
        return None
