"""One round: Hypothesis draws sequences from one seed, and makes smaller what breaks something."""

from __future__ import annotations

import functools
import re
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from unittest import SkipTest

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.database import ExampleDatabase
from hypothesis.errors import HypothesisException
from hypothesis.stateful import run_state_machine_as_test

from contract_tests.fuzzing.connection import Connection
from contract_tests.fuzzing.execution import carry_out
from contract_tests.fuzzing.machine import make_machine
from contract_tests.fuzzing.outcome import Key, Outcome, SeenBreach, TargetGone, TimeUp
from contract_tests.fuzzing.steps import Steps, size, without
from contract_tests.judging.judgement import Judgement
from contract_tests.target.draws import by_seed_alone

STEPS = 8
"""At most so many steps has a sequence."""

SEQUENCES = 15
"""So many sequences does a round draw."""

SHRINKS, SHRINKING_SECONDS = 25, 15.0
"""So many sequences may be carried out to make what a round found smaller, and so long may it take.
Hypothesis has an eye for values, and would go on for a thousand runs. Steps that are needless then
are left out one by one."""

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


@functools.cache
def broken(key: Key) -> type[Broken]:
    """The exception of one kind of failure."""
    name = re.sub(r"\W+", "_", str(key)).strip("_")
    return type(f"Broken_{name}", (Broken,), {})


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

    @property
    def certainty(self) -> str:
        """How sure it is, in words."""
        if self.before:
            return "not tried again: the server has not been itself since"
        if not self.tried:
            return "not tried again: the time was up"
        again = f"{self.confirmed} of {self.tried} times"
        return f"FLAKY: shown again {again}" if self.is_flaky else f"shown again {again}"


@dataclass
class RoundResult:
    """What a round came to."""

    failures: list[Failure] = field(default_factory=list)
    ended: str = ""
    """Why no further round can be made; empty where one can."""
    notes: list[str] = field(default_factory=list)
    """What Hypothesis said of its own."""
    sequences: int = 0
    requests: int = 0


class Round:
    """One round against one target. What a sequence showed is remembered, so that nothing is sent
    twice to find out the same."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._result = RoundResult()
        self._shown: dict[Steps, SeenBreach | None] = {}
        """What sequences that were carried out showed."""
        self._best: dict[Key, Failure] = {}
        self._left = float("inf")
        """How many sequences may still be carried out."""
        self._until = float("inf")
        self._before: deque[Steps] = deque(maxlen=BEFORE)

    def draw(self, seed: int, database: ExampleDatabase | None, *, reuse: bool) -> RoundResult:
        """Draw sequences; `reuse`: only those of the database."""
        machine = make_machine(self._connection.context, self._connection.baseline, self._test)
        settings = hypothesis.settings(
            max_examples=SEQUENCES,
            derandomize=False,  # whatever the profile is that Hypothesis takes in CI
            stateful_step_count=STEPS,
            database=database,
            phases=[Phase.reuse, Phase.shrink] if reuse else [Phase.generate, Phase.shrink],
            deadline=None,
            print_blob=False,
            report_multiple_bugs=True,
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        try:
            with by_seed_alone():
                run_state_machine_as_test(hypothesis.seed(seed)(machine), settings=settings)
        except (Broken, Enough):
            pass  # noted in self._best
        except SkipTest:
            pass  # the database has nothing
        except KeyboardInterrupt as reason:
            self._end(reason)
        except HypothesisException as error:
            self._result.notes.append(f"Hypothesis: {type(error).__name__}: {error}")
        except BaseExceptionGroup as group:
            if rest := group.split((Broken, HypothesisException))[1]:
                raise rest from None
        return self._finished(reuse=reuse)

    def plain(self, judgements: Iterable[tuple[Steps, Judgement]]) -> RoundResult:
        """What single runs showed, each with the sequence that is that run alone."""
        for steps, judgement in judgements:
            for seen in self._connection.counted.breaches(judgement, "run", 0):
                commands = (seen.breach.exchange.curl,) if seen.breach.exchange else ()
                failure = Failure(seen.key, steps, seen.breach.message, commands)
                self._best.setdefault(seen.key, failure)
        return self._finished(reuse=False)

    def _end(self, reason: KeyboardInterrupt) -> None:
        if isinstance(reason, TimeUp):
            self._result.ended = str(reason) or TIME_UP
        else:
            self._result.ended = GONE if isinstance(reason, TargetGone) else INTERRUPTED

    # -- one sequence

    def _test(self, steps: Steps) -> None:
        """What the machine has drawn. Raises the class of what is new in it."""
        # What the beginning of a sequence showed it shows too: what comes after goes unasked.
        beginnings = (steps[:length] for length in range(1, len(steps) + 1))
        seen = next((found for one in beginnings if (found := self._shown.get(one))), None)
        if seen is None and steps not in self._shown:
            if self._left <= 0 or time.monotonic() > self._until:
                raise Enough
            self._left -= 1
            seen = self._carry_out(steps)
        if seen is not None:
            raise broken(seen.key)  # here alone: Hypothesis tells failures apart by the line, too

    def _carry_out(self, steps: Steps) -> SeenBreach | None:
        """The first thing in it that is new."""
        self._result.sequences += 1
        try:
            outcome = carry_out(self._connection, steps)
        except TargetGone as gone:
            failure = self._failure(gone.args[0].seen[-1], steps, gone.args[0])
            self._best[failure.key] = replace(failure, before=tuple(self._before))
            raise
        new = [seen for seen in outcome.seen if seen.key not in self._connection.found]
        # What is being made smaller comes before what has come up on the way.
        seen = next((one for one in new if one.key in self._best), new[0] if new else None)
        if seen is None:
            self._shown[steps] = None
            self._before.append(steps)
            return None
        shown = steps[: seen.step + 1]
        self._shown[shown] = seen
        failure = self._failure(seen, shown, outcome)
        if seen.key not in self._best:
            self._left = min(self._left, SHRINKS)
            self._until = min(self._until, time.monotonic() + SHRINKING_SECONDS)
            self._best[seen.key] = failure
            if self._does_lasting_damage():
                self._result.ended = DAMAGED
                self._left = 0
                self._best[seen.key] = replace(failure, before=tuple(self._before))
        elif size(shown) < size(self._best[seen.key].steps):
            self._best[seen.key] = failure
        return seen

    def _does_lasting_damage(self) -> bool:
        """Whether even a plain run now shows what it did not show before. Then no sequence can be
        made smaller: each breaks something."""
        plain = self._connection.plain
        # Once may still be the sequence's own: what it left behind shows in the next run.
        return bool(plain) and all(
            any(seen.key not in self._connection.found for seen in outcome.seen)
            for outcome in (carry_out(self._connection, plain) for _ in range(2))
        )

    def _failure(self, seen: SeenBreach, steps: Steps, outcome: Outcome) -> Failure:
        commands = self._connection.commands(outcome)
        return Failure(seen.key, steps, seen.breach.message, commands)

    # -- the end

    def _finished(self, *, reuse: bool) -> RoundResult:
        for failure in self._best.values():
            self._result.failures.append(replace(self._confirmed(failure), replayed=reuse))
        self._result.requests = self._connection.requests
        return self._result

    def _confirmed(self, failure: Failure) -> Failure:
        """The failure without needless steps, after its sequence was carried out again to see
        whether it shows each time."""
        try:
            for position in reversed(range(len(failure.steps))):
                failure = self._without(failure, position)
            while failure.tried < CONFIRMATIONS and not self._result.ended:
                outcome = carry_out(self._connection, failure.steps)
                again = [seen for seen in outcome.seen if seen.key == failure.key]
                confirmed, tried = failure.confirmed + bool(again), failure.tried + 1
                if again:
                    failure = self._failure(again[0], failure.steps, outcome)
                failure = replace(failure, confirmed=confirmed, tried=tried)
        except KeyboardInterrupt as reason:
            self._end(reason)
        return failure

    def _without(self, failure: Failure, position: int) -> Failure:
        """The failure without a step, where it shows all the same."""
        steps = without(failure.steps, position) if position < len(failure.steps) else None
        if not steps or self._shown.get(steps, failure) is None or self._result.ended:
            return failure
        outcome = carry_out(self._connection, steps)
        seen = next((one for one in outcome.seen if one.key == failure.key), None)
        return self._failure(seen, steps[: seen.step + 1], outcome) if seen else failure
