"""A time of fuzzing: rounds until it is up, by one process or several."""

from __future__ import annotations

import multiprocessing
import random
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Future,
    ProcessPoolExecutor,
    as_completed,
    wait,
)
from dataclasses import dataclass, field, replace
from multiprocessing.sharedctypes import Synchronized

from agentos_contract.signals import interrupt_once
from contract_tests.fuzzing.baseline import Baseline, Observed, observe
from contract_tests.fuzzing.connection import connected, context_for
from contract_tests.fuzzing.database import KeyedDatabase, open_database
from contract_tests.fuzzing.outcome import Key
from contract_tests.fuzzing.rounds import INTERRUPTED, Failure, Round, RoundResult
from contract_tests.fuzzing.steps import size
from contract_tests.running.run import Options, connect, find_target
from contract_tests.target.budget import NoMoreRuns, RunBudget
from contract_tests.target.exchange import Exchange
from contract_tests.target.problems import CouldNotRun
from contract_tests.target.target import Target

ENOUGH = "as many failures as were asked for (--max-failures)"
"""Why it ended."""

BASELINE_SHARE = 0.3
"""Which part of the time finding out what is usual may take."""


@dataclass(frozen=True)
class Fuzzing:
    """What is to be done."""

    options: Options
    seconds: float
    workers: int = 1
    database: str | None = None
    """A folder or a Redis URL; None keeps no examples."""
    max_failures: int | None = None
    """So many end it before the time is up."""


@dataclass
class Campaign:
    """What came of it."""

    failures: dict[Key, Failure] = field(default_factory=dict)
    sequences: int = 0
    requests: int = 0
    runs: int = 0
    rounds: int = 0
    seconds: float = 0.0
    """Of fuzzing, without finding out what is usual."""
    ended: str = ""
    """Why it ended, where that was before the time was up."""
    notes: list[str] = field(default_factory=list)


@dataclass
class Listener:
    """Told what happens; each does nothing unless replaced."""

    planned: Callable[[Target], None] = lambda target: None
    progress: Callable[[str], None] = lambda text: None
    found: Callable[[Failure], None] = lambda failure: None


class SharedBudget(RunBudget):
    """A budget of runs that processes share: `runs` counts them."""

    def __init__(self, limit: int, runs: Synchronized[int]) -> None:
        super().__init__(limit)
        self._runs = runs

    def reserve(self) -> None:
        with self._runs.get_lock():
            if self._runs.value >= self.limit:
                raise NoMoreRuns(f"all {self.limit} runs had been started (--max-runs)")
            self._runs.value += 1

    def settle(self, exchange: Exchange, *, counted: bool) -> None:
        before = self.started
        super().settle(exchange, counted=counted)
        if counted and self.started == before:
            with self._runs.get_lock():
                self._runs.value -= 1  # it was none


@dataclass(frozen=True)
class Job:
    """A round that a process is to make."""

    seed: int
    found: frozenset[Key] = frozenset()
    """What does not count any more."""
    reuse: bool = False


@dataclass(frozen=True)
class Worker:
    """What every process knows."""

    fuzzing: Fuzzing
    target: Target
    baseline: Baseline
    deadline: float
    """By time.monotonic(), which all processes of a machine share."""
    runs: Synchronized[int]

    def draw(self, job: Job) -> RoundResult:
        """A round of sequences, by a connection of its own: what a cancelled one leaves open would
        keep the process from ending."""
        database = None
        if self.fuzzing.database is not None:
            name = self.baseline.vocabulary(self.target.workflows)
            database = KeyedDatabase(open_database(self.fuzzing.database), name)
        return self._round(job.found, lambda one: one.draw(job.seed, database, reuse=job.reuse))

    def plain(self, observed: Observed) -> RoundResult:
        """What the runs showed that the baseline was made of."""
        return self._round(frozenset(), lambda one: one.plain(observed.judgements))

    def _round(self, found: frozenset[Key], make: Callable[[Round], RoundResult]) -> RoundResult:
        options = self.fuzzing.options
        budget = SharedBudget(options.max_runs, self.runs)
        with connected(options, self.target, self.baseline, budget, self.deadline) as connection:
            connection.found = set(found)
            return make(Round(connection))


def fuzz_target(fuzzing: Fuzzing, listener: Listener | None = None) -> Campaign:
    """Fuzz a target until the time is up. Raises CouldNotRun, DatabaseError."""
    listener = listener or Listener()
    if fuzzing.database is not None:
        open_database(fuzzing.database)
    runs = multiprocessing.get_context("spawn").Value("q", 0)
    began = time.monotonic()
    target, observed = _find_baseline(
        fuzzing, SharedBudget(fuzzing.options.max_runs, runs), listener
    )
    started = time.monotonic()
    worker = Worker(fuzzing, target, observed.baseline, began + fuzzing.seconds, runs)
    campaign = Campaign()
    try:
        for result in _results(worker, observed, campaign):
            _merge(campaign, result, listener)
            if fuzzing.max_failures is not None and len(campaign.failures) >= fuzzing.max_failures:
                campaign.ended = ENOUGH
            campaign.runs, campaign.seconds = runs.value, time.monotonic() - started
            left = max(0, round(worker.deadline - time.monotonic()))
            listener.progress(
                f"{campaign.sequences} sequences, {campaign.requests} requests, "
                f"{campaign.runs} runs, {len(campaign.failures)} failures; "
                f"{left // 60}:{left % 60:02} left"
            )
    except KeyboardInterrupt:  # between two rounds: what was found until then is reported
        campaign.ended = INTERRUPTED
    return campaign


def _find_baseline(
    fuzzing: Fuzzing, budget: RunBudget, listener: Listener
) -> tuple[Target, Observed]:
    """What there is, and what it usually does."""
    options = fuzzing.options
    until = time.monotonic() + BASELINE_SHARE * fuzzing.seconds
    with connect(options, budget, lambda exchange: None) as client:
        target = find_target(options, client)
        listener.planned(target)
        context = context_for(options, target, client)
        try:
            observed = observe(context, secrets.token_hex(6), until, listener.progress)
        except NoMoreRuns as error:
            count = len(target.workflows)
            raise CouldNotRun(
                f"{error}, before anything was drawn: how {count} workflows usually go takes up to "
                f"{2 * count}"
            ) from error
    if not observed.baseline.usual:
        raise CouldNotRun("no time was left to run a workflow; give more with --time")
    return target, observed


def _results(worker: Worker, observed: Observed, campaign: Campaign) -> Iterator[RoundResult]:
    """Rounds until the time is up, or the campaign has ended."""
    yield worker.plain(observed)
    jobs = _jobs(worker, campaign)
    if worker.fuzzing.workers == 1:
        for job in jobs:
            campaign.rounds += 1
            yield worker.draw(job)
        return
    in_flight: set[Future[RoundResult]] = set()
    with ProcessPoolExecutor(
        worker.fuzzing.workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(worker,),
    ) as pool:
        try:
            for job in jobs:
                campaign.rounds += 1
                in_flight.add(pool.submit(_draw, job))
                if len(in_flight) == worker.fuzzing.workers:
                    done, in_flight = wait(in_flight, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
        except KeyboardInterrupt:  # the other processes have it too, and come to their end
            campaign.ended = INTERRUPTED
        for future in as_completed(in_flight):
            try:
                yield future.result()
            except BrokenExecutor:  # a process had nothing to do yet when it was interrupted
                campaign.ended = campaign.ended or INTERRUPTED


def _jobs(worker: Worker, campaign: Campaign) -> Iterator[Job]:
    """The first is of what was found before."""
    seed, number = worker.fuzzing.options.seed, 0
    is_reused = worker.fuzzing.database is not None
    while not campaign.ended and time.monotonic() < worker.deadline:
        if is_reused:
            is_reused = False
            yield Job(seed, reuse=True)
        else:
            drawn = random.Random(f"{seed} {number}").getrandbits(64)
            yield Job(drawn, frozenset(campaign.failures))
            number += 1


def _merge(campaign: Campaign, result: RoundResult, listener: Listener) -> None:
    """Each failure once: what two processes found, by its smaller sequence."""
    for failure in result.failures:
        before = campaign.failures.get(failure.key)
        if before is None:
            campaign.failures[failure.key] = failure
            listener.found(failure)
        elif _rank(failure) < _rank(before):
            replayed = before.replayed or failure.replayed
            campaign.failures[failure.key] = replace(failure, replayed=replayed)
    campaign.sequences += result.sequences
    campaign.requests += result.requests
    campaign.notes += result.notes
    campaign.ended = campaign.ended or result.ended


def _rank(failure: Failure) -> tuple[bool, tuple[int, int]]:
    """Sure before flaky, small before large."""
    return failure.is_flaky, size(failure.steps)


# -- in a process of its own

_worker: Worker | None = None


def _begin(worker: Worker) -> None:
    """Once in each process: the count of runs cannot be sent later."""
    global _worker
    _worker = worker
    interrupt_once()


def _draw(job: Job) -> RoundResult:
    assert _worker is not None
    return _worker.draw(job)
