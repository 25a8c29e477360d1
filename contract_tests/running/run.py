"""One run of the tests: discover, plan, check, settle."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import contract_tests.checks  # noqa: F401 - registers them
from agentos_contract.connection import PLAIN, Connection
from agentos_contract.document import Document
from agentos_contract.requirements import DEFAULT_LEVEL, Level, Requirement, load_catalogue
from contract_tests.checks.context import Context, make_context
from contract_tests.checks.plan import Plan, make_plan
from contract_tests.checks.registry import (
    CHECKS,
    NOT_GIVEN,
    Check,
    needed_checks,
    ordered_checks,
)
from contract_tests.checks.selection import Selection
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.judging.answers import OF_REFUSALS
from contract_tests.judging.findings import Findings
from contract_tests.judging.judgement import Breach
from contract_tests.judging.known import KnownDeviations
from contract_tests.judging.one_cause import settle_failing_batches
from contract_tests.judging.results import Result, settle
from contract_tests.judging.streams import StreamedRun
from contract_tests.running.forecast import Durations, Forecast, forecast
from contract_tests.running.part import checks_for, needs_of, not_gone
from contract_tests.target.budget import NoMoreRuns, RunBudget
from contract_tests.target.client import Client, Limits
from contract_tests.target.configuration import WorkflowSettings
from contract_tests.target.exchange import Exchange, Request
from contract_tests.target.made_sessions import MadeSessions
from contract_tests.target.problems import CouldNotRun, GatewayAnswered
from contract_tests.target.redaction import Secrets
from contract_tests.target.target import Target, Workflow, discover, read_version
from contract_tests.target.user_files import UserFiles


@dataclass(frozen=True)
class Options:
    """What the user asked for."""

    url: str
    document: Document
    seed: int
    token: str | None = None
    connection: Connection = PLAIN
    workflows: Sequence[str] = ()
    level: Level = DEFAULT_LEVEL
    selection: Selection = field(default_factory=Selection)
    """Of the level's requirements."""
    known: KnownDeviations = field(default_factory=dict)
    required: Collection[str] = ()
    max_examples: int = 25
    max_runs: int = 200
    parallel: int = 1
    """How many workflows run at once, where each is looked at by itself."""
    time_budget: float | None = None
    """Seconds after which nothing new is begun; None: no end."""
    keep_sessions: bool = False
    """Whether the sessions that runs made are left there."""
    browser_origin: str | None = None
    """Of pages that have to be able to read the answers."""
    message: str | None = None
    settings: Mapping[str, WorkflowSettings] = field(default_factory=dict)
    """By workflow id; a message of theirs wins."""
    earlier: Mapping[str, float] = field(default_factory=dict)
    """Seconds that a run of a workflow took in an earlier run of the tests, by id."""
    plan_only: bool = False
    """Whether only the plan is made, and no run."""
    limits: Limits = field(default_factory=Limits)
    checks: Collection[str] | None = None
    """Names of the checks to run, beside those that they need; None is all."""
    resent: Mapping[str, Sequence[Request]] = field(default_factory=dict)
    """By check: requests of an earlier run that it sends instead of drawing its own."""
    spec: Path | None = None
    """The document's file, where it is not the kit's."""
    files: UserFiles = field(default_factory=UserFiles)
    """What findings are shown on."""

    @property
    def requirements(self) -> list[Requirement]:
        """Those that are tested."""
        return self.selection.of(load_catalogue().at_level(self.level))

    @property
    def secrets(self) -> Secrets:
        """What may stand in no report."""
        return Secrets(self.token, self.connection.secrets)


@dataclass(frozen=True)
class Report:
    """What came of it."""

    target: str
    seed: int
    results: list[Result]
    runs: int
    """How many runs were started."""
    findings: Findings = field(default_factory=Findings)
    """What the results were made of."""
    workflows: tuple[Workflow, ...] = ()
    """Those that were tested."""
    streams: tuple[StreamedRun, ...] = ()
    """All that were judged."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """What the first stream of each workflow took, by id; in an earlier run perhaps."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    server: str = ""
    """Its name and version, as it says; "" where it does not."""
    interrupted: str = ""
    """By which signal, and what that left out; "" where all was done."""
    not_asked_for: tuple[str, ...] = ()
    """Requirements of the level that were left out on request."""
    sessions_left: str = ""
    """Why sessions that were made are still there, where that was not asked for."""

    @property
    def crashes(self) -> tuple[str, ...]:
        """Checks that failed themselves, and how."""
        return tuple(dict.fromkeys(self.findings.crashes.values()))

    @property
    def breaches(self) -> tuple[Breach, ...]:
        """Every breach, where a result shows one of each requirement."""
        return tuple(breach for found in self.findings.breaches.values() for breach in found)


@dataclass
class Listener:
    """Told what happens; each does nothing unless replaced."""

    planned: Callable[[Target, Plan], None] = lambda target, plan: None
    forecast: Callable[[Forecast], None] = lambda forecast: None
    """Told how long the rest may take: before any run, and with each stream that shows how long a
    run of its workflow takes."""
    checking: Callable[[Check, int, int], None] = lambda check, position, count: None
    progress: Callable[[str], None] = lambda text: None
    exchanged: Callable[[Exchange], None] = lambda exchange: None
    """Called in the client's thread, for each exchange that is over."""
    checked: Callable[[Context], None] = lambda context: None
    """Called when all checks are done, while the target may still be asked."""


def decided_requirements() -> frozenset[str]:
    """Every requirement that some check decides."""
    return OF_REFUSALS | frozenset().union(*(check.decides for check in CHECKS))


def is_run_of(document: Document) -> Callable[[Request], bool]:
    """Whether a request could start a run."""
    before, _, after = document.run_operation.path.partition("{workflow_id}")

    def is_run(request: Request) -> bool:
        # However it is spelled: a server may be lenient.
        path = f"/{request.path.lstrip('/').lower()}".partition("?")[0].rstrip("/")
        return request.method == "POST" and path.startswith(before) and path.endswith(after)

    return is_run


def find_target(options: Options, client: Client) -> Target:
    """What there is to ask, as the user wants it. Raises CouldNotRun."""
    try:
        with client.refusing_gateways():
            return discover(
                client,
                options.document,
                chosen=options.workflows,
                message=options.message,
                settings=options.settings,
            )
    except NoMoreRuns as error:
        raise CouldNotRun(str(error)) from error


@contextmanager
def connect(
    options: Options,
    budget: RunBudget,
    exchanged: Callable[[Exchange], None],
    left: Callable[[str], None] = lambda why: None,
) -> Iterator[Client]:
    """A client of the target, whose runs `budget` counts; `exchanged` is told each exchange.

    At the end the sessions that were made are deleted, where the server can; `left` is told why
    some were not.
    """
    is_run = is_run_of(options.document)
    made = MadeSessions(options.document, is_run)

    def heard(exchange: Exchange) -> None:
        made.note(exchange)
        exchanged(exchange)

    with Client(
        options.url,
        token=options.token,
        connection=options.connection,
        limits=options.limits,
        budget=budget,
        is_run=is_run,
        on_exchange=heard,
    ) as client:
        try:
            yield client
        finally:
            if not options.keep_sessions and (why := made.delete(client)):
                left(why)


class RunInterrupted(KeyboardInterrupt):
    """A signal ended a run of the tests; `report` has what was found until then."""

    def __init__(self, report: Report) -> None:
        super().__init__(report.interrupted)
        self.report = report


def run_contract_tests(options: Options, listener: Listener | None = None) -> Report:
    """Run all checks against a target. Raises CouldNotRun, RunInterrupted."""
    run = _Run(options, listener or Listener())
    try:
        run.make()
    except KeyboardInterrupt as signal:
        raise RunInterrupted(run.report(str(signal) or "a signal")) from signal
    return run.report()


class _Run:
    """One run of the tests, and how far it has come."""

    def __init__(self, options: Options, listener: Listener) -> None:
        self._options = options
        self._listener = listener
        self._started = datetime.now(UTC)
        self._budget = RunBudget(options.max_runs)
        self._server = ""
        self._workflows: tuple[Workflow, ...] = ()
        self._chosen: set[str] | None = None
        given = {"token": options.token, "browser_origin": options.browser_origin}
        self._lacking = [name for name in NOT_GIVEN if given[name] is None]
        if options.checks is not None:
            self._checks = needed_checks(options.checks, options.resent, self._lacking)
        else:
            self._chosen = {requirement.id for requirement in options.requirements}
            self._checks = checks_for(self._chosen, self._lacking)
        self._left = list(self._checks)
        self._late: list[Check] = []
        """Those that were not begun, or not ended, before the time was over."""
        self._findings = Findings()
        self._sessions_left = ""
        told = {name: one.seconds for name, one in options.settings.items() if one.seconds}
        self._durations = Durations(told, options.earlier)
        self._judged: tuple[StreamedRun, ...] = ()

    def make(self) -> None:
        """Discover, plan, check. Raises CouldNotRun."""
        options, listener = self._options, self._listener
        with connect(options, self._budget, listener.exchanged, self._leave) as client:
            target = find_target(options, client)
            self._workflows = target.workflows
            self._server = read_version(client, options.document)
            checks = self._checks
            needs = needs_of(checks, self._chosen, self._lacking)
            plan = make_plan(target.workflows, options.max_runs, options.max_examples, needs)
            self._budget.limit = plan.limit
            if options.time_budget is not None:
                self._budget.end_after(options.time_budget)
            listener.planned(target, plan)
            self._tell_forecast(plan)
            if options.plan_only:
                return
            context = make_context(
                options.document,
                client,
                target,
                plan,
                seed=options.seed,
                max_examples=options.max_examples,
                progress=lambda text: self._progress(context, text),
                browser_origin=options.browser_origin,
                parallel=options.parallel,
            )
            self._findings = context.findings
            try:
                with client.refusing_gateways():
                    self._make(context)
                if checks == ordered_checks():
                    _require_a_run(context)
            finally:
                settle_failing_batches(context.findings, context.history)
                # What is asked after that is no more of the contract tests'.
                self._judged = tuple(context.history.all_streams)
            self._budget.limit = options.max_runs
            listener.checked(context)

    def _make(self, context: Context) -> None:
        """Make all checks; what waits in one of them for something slow is done last."""
        waiting: list[tuple[Check, Iterator[None]]] = []
        for position, check in enumerate(self._checks):
            self._listener.checking(check, position, len(self._checks))
            if (why_not := check.why_not(self._lacking)) is not None:
                self._findings.cannot(check.decides, why_not)
            elif self._budget.why_over() is None:
                self._budget.reserved = self._of_others(check, position)
                rest = _begin_check(check, context, self._options.resent.get(check.name))
                if rest is not None:
                    waiting.append((check, rest))
                    continue
            self._ended(check, was_made=why_not is None)
        for check, rest in waiting:
            _end_check(check, context, rest)
            self._ended(check, was_made=True)

    def _of_others(self, check: Check, position: int) -> int:
        """How many runs a check leaves to those after it: what a workflow more shows in batch is
        less than what they do, where there are too few runs for all."""
        if check.stage < Stage.BATCHES or not check.tries_each_workflow:
            return 0
        wanted = sum(other.runs for other in self._checks[position + 1 :])
        return min(wanted, self._budget.left // 2)

    def _ended(self, check: Check, *, was_made: bool) -> None:
        if was_made and self._budget.why_over() is not None:
            self._late.append(check)
        self._left.remove(check)

    def _leave(self, why: str) -> None:
        self._sessions_left = why

    def _progress(self, context: Context, text: str) -> None:
        """Something was done; a stream perhaps, which shows how long a run takes."""
        self._listener.progress(text)
        streams = context.history.streams
        if new := streams.keys() - self._durations.measured.keys():
            self._durations.measured |= {name: streams[name].seconds for name in new}
            self._tell_forecast(context.plan)

    def _tell_forecast(self, plan: Plan) -> None:
        found = forecast(
            plan,
            self._workflows,
            self._durations,
            started=self._budget.started,
            parallel=self._options.parallel,
            most_seconds=self._budget.seconds_left,
        )
        self._listener.forecast(found)

    def report(self, interrupted_by: str = "") -> Report:
        """What came of it; `interrupted_by`: the signal that ended it."""
        options, findings = self._options, self._findings
        interrupted = ""
        if interrupted_by:
            count = len(self._left)
            interrupted = f"interrupted by {interrupted_by}, before {count} checks had been made"
            for check in self._left:
                reason = f"interrupted by {interrupted_by} before it was tried"
                findings.leave_undecided(check.decides, reason)
                findings.leave_partly(check.decides, reason)
        for check in self._late:
            why = self._budget.why_over() or ""
            findings.leave_undecided(check.decides, why)
            findings.leave_partly(check.decides, why)
        asked_for = options.requirements
        results = settle(
            asked_for,
            findings,
            known=options.known if self._chosen is not None else not_gone(options.known),
            required=options.required,
        )
        everything = load_catalogue().at_level(options.level)
        return Report(
            options.url,
            options.seed,
            results,
            self._budget.started,
            findings,
            self._workflows,
            self._judged,
            {**self._durations.earlier, **self._durations.measured},
            self._started,
            self._server,
            interrupted,
            tuple(one.id for one in everything if one not in asked_for),
            self._sessions_left,
        )


def _require_a_run(context: Context) -> None:
    """Raises GatewayAnswered where a gateway kept every run from the server, and nothing else was
    found: what a few refusals showed is no verdict."""
    findings = context.findings
    if findings.undecided and not (context.history.was_let_in or findings.breaches):
        raise GatewayAnswered(next(iter(findings.undecided.values())))


def _begin_check(
    check: Check, context: Context, resent: Sequence[Request] | None
) -> Iterator[None] | None:
    """Run a check; what is left of one that waits for something."""
    with _noting(check, context):
        if resent is not None and check.resend is not None:
            for request in resent:
                check.resend(context, request)
            return None
        rest = check.run(context)
        if rest is not None:
            for _ in rest:
                return rest
    return None


def _end_check(check: Check, context: Context, rest: Iterator[None]) -> None:
    """Run what is left of a check that waited."""
    with _noting(check, context):
        for _ in rest:
            pass


@contextmanager
def _noting(check: Check, context: Context) -> Iterator[None]:
    """Whatever becomes of a check, and how long it takes, is noted under its name."""
    context.findings.check = context.history.check = check.name
    began, before = datetime.now(UTC), time.perf_counter()
    failed_before = len(context.client.failed)
    try:
        yield
    except GatewayAnswered as reason:
        context.findings.leave_undecided(check.decides, str(reason))
    except CannotDecide as reason:
        context.findings.cannot(check.decides, str(reason))
    except NoMoreRuns as reason:
        context.findings.leave_partly(check.decides, str(reason))
    except CouldNotRun:
        raise
    except Exception as error:
        # A fault of ours or a plugin's, whatever the server sent: said so, and the rest goes on.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
        owner = f"the plugin {check.plugin}" if check.plugin else "contract-tests"
        said = f"{type(error).__name__}: {error} ({where})"
        text = f"the check {check.name} failed: {said}; this is a fault of {owner}"
        context.findings.crash(check.decides, text)
    finally:
        failed = context.client.failed[failed_before:]
        context.history.failed.setdefault(check.name, []).extend(failed)
        started, seconds = context.findings.times.get(check.name, (began, 0.0))
        context.findings.times[check.name] = started, seconds + time.perf_counter() - before
