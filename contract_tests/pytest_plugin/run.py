"""One run of the contract tests for a pytest module, shared between pytest-xdist's workers."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import pytest
from filelock import FileLock

from agentos_contract.connection import below
from agentos_contract.output import escaped, escaped_lines
from agentos_contract.requirements import DEFAULT_LEVEL, Level, Requirement, load_catalogue
from agentos_contract.signals import Signals
from agentos_contract.writable import check_file, check_folder
from contract_tests.checks.plan import Plan
from contract_tests.checks.registry import deciding_checks
from contract_tests.checks.selection import Selection
from contract_tests.cli import main as command
from contract_tests.commands.judge import read_options
from contract_tests.commands.outcome import Forecasts, plan_lines
from contract_tests.judging.results import Status
from contract_tests.pytest_plugin.options import OPTIONS
from contract_tests.reports.allure import write_allure
from contract_tests.reports.exchange_log import logging_to
from contract_tests.reports.files import earlier_seconds, write_reports
from contract_tests.reports.terminal import readable, readable_commands
from contract_tests.reports.texts import Texts
from contract_tests.running.run import (
    Listener,
    Options,
    Report,
    RunInterrupted,
    run_contract_tests,
)
from contract_tests.target.problems import CouldNotRun
from contract_tests.target.redaction import Secrets, redact
from contract_tests.target.target import Target

NOWHERE = "http://contract-app.invalid"
"""Stands for the URL until there is one."""

SEEN = "contract/seen"
"""In pytest's cache, for each module: the seed of its last run, and by which checks each broken
requirement was seen. One that is selected alone (--lf) is then judged by these too."""


@dataclass(frozen=True)
class ContractResult:
    """How one requirement fared."""

    requirement: str
    """Its id."""
    text: str
    """The clause."""
    status: str
    """passed, failed, known, skipped or error."""
    message: str
    reproduce: str
    """Shell commands that show it again; may be empty."""

    def verify(self) -> None:
        """Pass, fail, skip, or be an expected failure where it is known."""
        __tracebackhide__ = True
        match Status(self.status):
            case Status.KNOWN:
                pytest.xfail(self.message)
                pytest.fail(self.text_for_people, pytrace=False)  # with --runxfail
            case Status.SKIPPED:
                pytest.skip(self.message)
            case Status.FAILED | Status.ERROR:
                pytest.fail(self.text_for_people, pytrace=False)

    @property
    def text_for_people(self) -> str:
        lines = [f"{self.requirement}: {self.message}", f"required: {self.text}"]
        return "\n".join([*lines, *(["", self.reproduce] if self.reproduce else [])])


@dataclass(frozen=True)
class ContractReport:
    """What one run of the contract tests showed."""

    target: str
    seed: int
    runs: int
    """How many runs were started."""
    results: tuple[ContractResult, ...]
    could_not_run: str = ""
    """Why there are no results."""
    seen_by: dict[str, list[str]] = field(default_factory=dict)
    """The checks that saw it, by requirement that was broken."""

    def __getitem__(self, requirement: str) -> ContractResult:
        """A requirement's result, by its id."""
        for result in self.results:
            if result.requirement == requirement:
                return result
        raise KeyError(requirement)

    @property
    def summary(self) -> str:
        """A line for people."""
        counts = Counter(result.status for result in self.results)
        said = ", ".join(f"{counts[s.value]} {s.value}" for s in Status if counts[s.value])
        again = f"seed {self.seed} (--contract-seed)"
        return f"{self.target}: {said}; {self.runs} runs started; {again}"

    @classmethod
    def of(cls, report: Report, secrets: Secrets, wanted: frozenset[str] | None) -> ContractReport:
        """What is wanted of a report (None is all), without secrets."""
        return cls(
            report.target,
            report.seed,
            report.runs,
            tuple(
                ContractResult(
                    result.requirement.id,
                    result.requirement.text,
                    result.status.value,
                    _in_words_of_pytest(readable(result.message, secrets)),
                    _in_words_of_pytest(
                        "\n".join(readable_commands(redact(result.reproduce, secrets)))
                    ),
                )
                for result in report.results
                if wanted is None or result.requirement.id in wanted
            ),
            seen_by={
                name: sorted({breach.check for breach in breaches})
                for name, breaches in report.findings.breaches.items()
            },
        )

    def dump(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> ContractReport:
        values = json.loads(text)
        results = tuple(ContractResult(**result) for result in values.pop("results"))
        return cls(**values, results=results)


class Settings:
    """What options and configuration ask for. Raises pytest.UsageError where they are wrong."""

    def __init__(self, config: pytest.Config) -> None:
        arguments: list[str] = []
        for name in OPTIONS:
            value = config.getoption(f"--contract-{name}")
            for one in value if isinstance(value, list) else [value]:
                if one is True:
                    arguments.append(f"--{name}")
                elif one not in (None, False):
                    arguments += [f"--{name}", one]
        if (url := config.getoption("--contract-url")) is not None:
            arguments += ["--", url]
        with _usage_errors():
            self._context = command.make_context("pytest", arguments)
        self.url: str | None = self._context.params["url"]
        self.has_seed: bool = self._context.params["seed"] is not None
        self.report_dir: Path | None = self._context.params["report_dir"]
        self.allure_dir: Path | None = self._context.params["allure_dir"]
        self.log: Path | None = self._context.params["log"]

    def write(self, report: Report, options: Options) -> None:
        """Write the reports that were asked for. Raises OSError."""
        if self.report_dir is not None:
            write_reports(report, self.report_dir, options)
        if self.allure_dir is not None:
            write_allure(report, self.allure_dir, Texts.of(options))

    @property
    def requirements(self) -> list[Requirement]:
        """Those that there is a test of."""
        given = self._context.params
        selection = Selection(given["areas"], given["only"], given["skip"])
        return selection.of(load_catalogue().at_level(Level.parse(given["level"])))

    @cached_property
    def options(self) -> Options:
        parameters = dict(self._context.params)
        for name in (
            "log",
            "report_dir",
            "allure_dir",
            "github",
            "replayed",
            "update_known",
            "verbose",
        ):
            del parameters[name]
        with self._context.scope(cleanup=False), _usage_errors():
            options = read_options(**parameters | {"url": self.url or NOWHERE})
            check_folder(self.report_dir, "--report-dir")
            check_folder(self.allure_dir, "--allure-dir")
            check_file(self.log, "--log")
            return options


SETTINGS = pytest.StashKey[Settings]()


def settings_of(config: pytest.Config) -> Settings:
    """Those of this pytest, read once."""
    if SETTINGS not in config.stash:
        config.stash[SETTINGS] = Settings(config)
    return config.stash[SETTINGS]


def requirements_of(config: pytest.Config) -> list[Requirement]:
    """Those that there is a test of. What is wrong with the options is each test's error."""
    try:
        return settings_of(config).requirements
    except pytest.UsageError:
        return list(load_catalogue().at_level(DEFAULT_LEVEL))


def report_of(request: pytest.FixtureRequest) -> ContractReport:
    """Run the contract tests for the module that asks, or take what another worker found.

    Fails the test that asks where they could not be run.
    """
    config = request.config
    if hasattr(config, "workerinput"):
        # As pytest-xdist's "How-tos" have it: the folder above is shared by the workers.
        folder = request.getfixturevalue("tmp_path_factory").getbasetemp().parent
        name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]
        file = folder / f"contract-report-{name}.json"
        with FileLock(f"{file}.lock"):
            if file.is_file():
                report = ContractReport.load(file.read_text(encoding="utf-8"))
            else:
                report = _run(request)
                file.write_text(report.dump(), encoding="utf-8")
    else:
        report = _run(request)
    if report.could_not_run:
        pytest.fail(report.could_not_run, pytrace=False)
    return report


def _run(request: pytest.FixtureRequest) -> ContractReport:
    config = request.config
    problem = ""
    try:
        settings = settings_of(config)
        options = settings.options
    except pytest.UsageError as error:
        problem = f"contract tests: {error}"
    if problem:
        pytest.fail(problem, pytrace=False)
    options = replace(options, url=below(request.getfixturevalue("contract_url"), ""))
    if settings.report_dir is not None:
        earlier = earlier_seconds(settings.report_dir, options.url)
        options = replace(options, earlier=earlier)
    if (token := request.getfixturevalue("contract_token")) is not None:
        options = replace(options, token=token)
    memory = _Memory(config, request.node.nodeid)
    if (wanted := _wanted(request)) is not None:
        options = memory.narrow(options, wanted, keep_seed=settings.has_seed)
    with Signals() as signals:
        try:
            with logging_to(settings.log, options, _listener(options, config)) as listener:
                report = run_contract_tests(options, listener)
        except CouldNotRun as error:
            said = readable(str(error), options.secrets)
            message = _in_words_of_pytest(f"contract tests: {options.url}: {said}")
            return ContractReport(options.url, options.seed, 0, (), could_not_run=message)
        except RunInterrupted as signal:
            report = signal.report
        with signals.deferred():
            settings.write(report, options)
    if signals.received is not None:
        message = f"contract tests: {report.interrupted or signals.received.name}"
        pytest.exit(message, returncode=signals.exit_code(0))
    found = ContractReport.of(report, options.secrets, wanted)
    memory.keep(found, wanted)
    return found


def _wanted(request: pytest.FixtureRequest) -> frozenset[str] | None:
    """The requirements that the module's selected tests are of; None where one asks for all."""
    wanted = set()
    for item in request.session.items:
        if item.getparent(pytest.Module) is not request.node:
            continue
        call = getattr(item, "callspec", None)
        if call is not None and "contract_requirement" in call.params:
            wanted.add(call.params["contract_requirement"])
        elif "contract_report" in getattr(item, "fixturenames", ()):
            return None
    everything = {requirement.id for requirement in requirements_of(request.config)}
    return None if wanted >= everything else frozenset(wanted)


class _Memory:
    """What is remembered of a module from one pytest to the next, in pytest's cache."""

    def __init__(self, config: pytest.Config, module: str) -> None:
        self._cache = getattr(config, "cache", None)  # there is none with -p no:cacheprovider
        self._module = module
        found = self._cache.get(SEEN, {}) if self._cache is not None else {}
        self._all: dict[str, Any] = found if isinstance(found, dict) else {}

    def narrow(self, options: Options, wanted: frozenset[str], *, keep_seed: bool) -> Options:
        """Only the checks that are there for these requirements, and those that last saw one of
        them broken, which the same seed may show again."""
        last = self._all.get(self._module, {})
        seen = {name: set(last.get("checks", {}).get(name, ())) for name in wanted}
        checks = deciding_checks(wanted).union(*seen.values())
        if any(seen.values()) and not keep_seed:
            options = replace(options, seed=last["seed"])
        return replace(options, checks=checks)

    def keep(self, report: ContractReport, wanted: frozenset[str] | None) -> None:
        if self._cache is None:
            return
        last = self._all.get(self._module, {}).get("checks", {})
        kept = {} if wanted is None else {k: v for k, v in last.items() if k not in wanted}
        new = {k: v for k, v in report.seen_by.items() if wanted is None or k in wanted}
        content = {"seed": report.seed, "checks": kept | new}
        self._cache.set(SEEN, self._all | {self._module: content})


def _listener(options: Options, config: pytest.Config) -> Listener:
    """Says beforehand how many runs will be started and how long that may take, as the command
    does. A worker of pytest-xdist has no terminal."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return Listener()

    def say(*lines: str) -> None:
        reporter.ensure_newline()
        for line in lines:
            reporter.write_line(line)

    def planned(target: Target, plan: Plan) -> None:
        say(*plan_lines(options, target, f"{plan.describe()} (seed {options.seed})"))

    forecasts = Forecasts(lambda text: say(escaped(f"{options.url}: {text}")))
    return Listener(planned=planned, forecast=forecasts.hear)


_OWN_OPTION = re.compile(rf"(?<![\w-])--(?=({'|'.join(OPTIONS)})\b)")


def _in_words_of_pytest(text: str) -> str:
    """A message that names options of `contract-tests`, with those of the plugin."""
    return _OWN_OPTION.sub("--contract-", text)


@contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        message = escaped_lines(_in_words_of_pytest(error.format_message()))
        raise pytest.UsageError(message) from error
