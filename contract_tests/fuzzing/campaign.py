"""A time of fuzzing: rounds until it is up, by one process or several."""

from __future__ import annotations

import multiprocessing
import multiprocessing.context
import random
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.sharedctypes import Synchronized
from typing import Any

from agentos_contract.requirements import load_catalogue
from contract_tests.checks.context import Context, make_context
from contract_tests.checks.plan import Plan
from contract_tests.fuzzing.baseline import Baseline, Observed, observe
from contract_tests.fuzzing.database import KeyedDatabase, open_database
from contract_tests.fuzzing.execution import Executor, Key, Settings, TargetGone, TimeUp, sights
from contract_tests.fuzzing.machine import Scope
from contract_tests.fuzzing.rounds import Failure, Round, RoundResult
from contract_tests.fuzzing.steps import Form, Run, Steps, weight
from contract_tests.running.run import Options, connect, find_target
from contract_tests.target.budget import NoMoreRuns, RunBudget
from contract_tests.target.client import Client
from contract_tests.target.exchange import Exchange
from contract_tests.target.target import CouldNotRun, Target

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


class Counters:
    """Counts that processes share."""

    def __init__(self, context: multiprocessing.context.SpawnContext) -> None:
        self.sequences: Synchronized[int] = context.Value("q", 0)
        self.requests: Synchronized[int] = context.Value("q", 0)
        self.runs: Synchronized[int] = context.Value("q", 0)


class SharedBudget(RunBudget):
    """A budget of runs that processes share."""

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
    reuse: bool
    found: frozenset[Key]


class Worker:
    """One process's part."""

    def __init__(
        self,
        fuzzing: Fuzzing,
        target: Target,
        baseline: Baseline,
        client: Client,
        deadline: float,
        counters: Counters,
    ) -> None:
        context = context_for(fuzzing.options, target, client)
        context.history.was_let_in = True
        settings = make_settings(fuzzing.options, baseline, deadline)
        self.executor = Executor(context, settings)
        self.scope = Scope(context, baseline)
        self.counters = counters
        self.database = None
        if fuzzing.database is not None:
            name = baseline.vocabulary(self.scope.workflows)
            self.database = KeyedDatabase(open_database(fuzzing.database), name)

    def work(self, job: Job) -> RoundResult:
        self.executor.found = set(job.found)
        one = Round(self.scope, self.executor, self.database, self._counted)
        return one.run(job.seed, reuse=job.reuse)

    def plain_failures(self, observed: Observed) -> list[Failure]:
        """What the runs showed that the baseline was made of: single runs, each carried out once
        more."""
        failures: dict[Key, Failure] = {}
        for steps, judgement in observed.judgements:
            found = sights(judgement, "run", 0, self.executor.settings)
            new = {sight.key: sight for sight in found if sight.key not in failures}
            if not new:
                continue
            try:
                again = {sight.key for sight in self.executor.carry_out(steps).sights}
                tried = 1
            except (TimeUp, TargetGone):
                again, tried = set(), 0
            for key, sight in new.items():
                command = (sight.breach.exchange.curl,) if sight.breach.exchange else ()
                failures[key] = Failure(
                    key, steps, sight.breach.message, command, int(key in again), tried
                )
        return list(failures.values())

    def replay(self, steps: Steps) -> list[Failure]:
        """What a sequence shows, each kind once. Raises CouldNotRun."""
        try:
            outcome = self.executor.carry_out(steps)
        except TargetGone as gone:
            outcome = gone.args[0]
        except TimeUp as reason:
            raise CouldNotRun(str(reason)) from reason
        commands = self.executor.commands(outcome)
        found = {
            sight.key: Failure(sight.key, steps, sight.breach.message, commands, 1, 1)
            for sight in outcome.sights
        }
        return list(found.values())

    def _counted(self) -> None:
        with self.counters.sequences.get_lock():
            self.counters.sequences.value += 1


def fuzz_target(fuzzing: Fuzzing, listener: Listener | None = None) -> Campaign:
    """Fuzz a target until the time is up. Raises CouldNotRun, DatabaseError."""
    listener = listener or Listener()
    processes = multiprocessing.get_context("spawn")
    counters = Counters(processes)
    if fuzzing.database is not None:
        open_database(fuzzing.database)
    campaign = Campaign()
    workers: list[Worker] = []

    with connected(fuzzing.options, counters, _counting(counters, workers)) as client:
        target = find_target(fuzzing.options, client)
        listener.planned(target)
        began = time.monotonic()
        deadline = began + fuzzing.seconds
        context = context_for(fuzzing.options, target, client)
        until = began + BASELINE_SHARE * fuzzing.seconds
        try:
            observed = observe(context, secrets.token_hex(6), until, listener.progress)
        except NoMoreRuns as error:
            raise CouldNotRun(str(error)) from error
        baseline = observed.baseline
        if not baseline.usual:
            raise CouldNotRun("no time was left to run a workflow; give more with --time")
        started = time.monotonic()
        initial = (fuzzing, target, baseline)
        workers.append(Worker(*initial, client, deadline, counters))
        plain = workers[0].plain_failures(observed)
        _merge(campaign, RoundResult(plain), listener)
        results: Iterable[RoundResult]
        if _is_enough(campaign, fuzzing):
            campaign.ended, results = ENOUGH, ()
        elif fuzzing.workers == 1:
            results = _alone(workers[0], campaign, fuzzing, deadline)
        else:
            pool = ProcessPoolExecutor(
                fuzzing.workers,
                mp_context=processes,
                initializer=_begin,
                initargs=(*initial, deadline, counters),
            )
            results = _together(pool, campaign, fuzzing, deadline)
        for result in results:
            campaign.rounds += 1
            _merge(campaign, result, listener)
            if _is_enough(campaign, fuzzing):
                campaign.ended = ENOUGH
            _count(campaign, counters, time.monotonic() - started)
            listener.progress(_so_far(campaign, deadline))
        _count(campaign, counters, time.monotonic() - started)
    return campaign


def replay(options: Options, steps: Steps) -> list[Failure]:
    """Carry a sequence out once; what it shows. Raises CouldNotRun."""
    ids = {step.workflow for step in steps if isinstance(step, Run | Form)}
    counters = Counters(multiprocessing.get_context("spawn"))
    workers: list[Worker] = []

    options = replace(options, workflows=options.workflows or tuple(sorted(ids)))
    with connected(options, counters, _counting(counters, workers)) as client:
        target = find_target(options, client)
        context = context_for(options, target, client)
        until = float("inf")
        observed = observe(context, secrets.token_hex(6), until)
        fuzzing = Fuzzing(options, until)
        worker = Worker(fuzzing, target, observed.baseline, client, until, counters)
        workers.append(worker)
        return worker.replay(steps)


@contextmanager
def connected(
    options: Options,
    counters: Counters,
    exchanged: Callable[[Exchange], None],
) -> Iterator[Client]:
    """A client whose runs are counted."""
    budget = SharedBudget(options.max_runs, counters.runs)
    with connect(options, budget, exchanged) as client:
        yield client


def context_for(options: Options, target: Target, client: Client) -> Context:
    ids = tuple(workflow.id for workflow in target.workflows)
    plan = Plan(ids, 0, ids, samples=0, repeats=0, generated=0, limit=options.max_runs)
    return make_context(options.document, client, target, plan, seed=options.seed)


def make_settings(options: Options, baseline: Baseline, deadline: float) -> Settings:
    requirements = load_catalogue().at_level(options.level)
    return Settings(baseline, options.known, {one.id for one in requirements}, deadline)


def _jobs(campaign: Campaign, fuzzing: Fuzzing) -> Iterator[Job]:
    """Rounds without end. The first is of what was found before."""
    number = 0
    if fuzzing.database is not None:
        yield Job(fuzzing.options.seed, True, frozenset())
    while True:
        seed = random.Random(f"{fuzzing.options.seed} {number}").getrandbits(64)
        yield Job(seed, False, frozenset(campaign.failures))
        number += 1


def _alone(
    worker: Worker, campaign: Campaign, fuzzing: Fuzzing, deadline: float
) -> Iterator[RoundResult]:
    for job in _jobs(campaign, fuzzing):
        result = worker.work(job)
        yield result
        if result.ended is not None or campaign.ended or time.monotonic() >= deadline:
            return


def _together(
    pool: ProcessPoolExecutor, campaign: Campaign, fuzzing: Fuzzing, deadline: float
) -> Iterator[RoundResult]:
    jobs = _jobs(campaign, fuzzing)
    with pool:
        running: set[Future[RoundResult]] = set()
        is_over = False
        while running or not is_over:
            while not is_over and len(running) < fuzzing.workers:
                running.add(pool.submit(_work, next(jobs)))
            try:
                done, running = wait(running, return_when=FIRST_COMPLETED)
            except KeyboardInterrupt:  # the other processes have it too, and come to their end
                is_over = True
                continue
            for future in done:
                result = future.result()
                yield result
                is_over = is_over or result.ended is not None or bool(campaign.ended)
            is_over = is_over or time.monotonic() >= deadline


def _merge(campaign: Campaign, result: RoundResult, listener: Listener) -> None:
    """Each failure once: what two processes found, by its smaller sequence."""
    for failure in result.failures:
        before = campaign.failures.get(failure.key)
        if before is None:
            listener.found(failure)
        elif _rank(before) <= _rank(failure):
            continue
        else:
            failure = replace(failure, replayed=before.replayed or failure.replayed)
        campaign.failures[failure.key] = failure
    campaign.notes += result.notes
    campaign.ended = campaign.ended or (result.ended or "")


def _is_enough(campaign: Campaign, fuzzing: Fuzzing) -> bool:
    return fuzzing.max_failures is not None and len(campaign.failures) >= fuzzing.max_failures


def _rank(failure: Failure) -> tuple[bool, tuple[int, int]]:
    """Sure before flaky, small before large."""
    return failure.is_flaky, weight(failure.steps)


def _count(campaign: Campaign, counters: Counters, seconds: float) -> None:
    campaign.sequences = counters.sequences.value
    campaign.requests = counters.requests.value
    campaign.runs = counters.runs.value
    campaign.seconds = seconds


def _so_far(campaign: Campaign, deadline: float) -> str:
    left = max(0, round(deadline - time.monotonic()))
    return (
        f"{campaign.sequences} sequences, {campaign.requests} requests, {campaign.runs} runs, "
        f"{len(campaign.failures)} failures; {left // 60}:{left % 60:02} left"
    )


# -- in a process of its own

_initial: tuple[Fuzzing, Target, Baseline, float, Counters] | None = None


def _begin(*initial: Any) -> None:
    """Once in each process: counters cannot be sent later."""
    global _initial
    fuzzing, target, baseline, deadline, counters = initial
    _initial = (fuzzing, target, baseline, deadline, counters)


def _work(job: Job) -> RoundResult:
    assert _initial is not None
    fuzzing, target, baseline, deadline, counters = _initial
    workers: list[Worker] = []
    exchanged = _counting(counters, workers)
    # Connected for a round each: what is left open would keep the process from ending.
    with connected(fuzzing.options, counters, exchanged) as client:
        workers.append(Worker(fuzzing, target, baseline, client, deadline, counters))
        return workers[0].work(job)


def _counting(counters: Counters, workers: Sequence[Worker]) -> Callable[[Exchange], None]:
    """What a client calls for each answer that is over."""

    def exchanged(exchange: Exchange) -> None:
        with counters.requests.get_lock():
            counters.requests.value += 1
        for worker in workers:
            worker.executor.exchanged(exchange)

    return exchanged
