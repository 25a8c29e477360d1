"""Results for Allure Report (allurereport.org): a test for each requirement, a step for each check
that could have shown it broken; what showed it is attached."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from allure_commons.logger import AllureFileLogger
from allure_commons.model2 import (
    ATTACHMENT_PATTERN,
    Attachment,
    Label,
    Parameter,
    StatusDetails,
    TestResult,
    TestStepResult,
)
from allure_commons.model2 import Status as AllureStatus

from agentos_contract import __version__
from contract_tests.judging.judgement import Breach
from contract_tests.judging.results import Result, Status
from contract_tests.reports.texts import Texts
from contract_tests.reports.timeline import Row, Timeline, Timelines
from contract_tests.reports.times import Share, shares_of
from contract_tests.running.run import Report

_STATUSES = {
    Status.PASSED: AllureStatus.PASSED,
    Status.FAILED: AllureStatus.FAILED,
    Status.KNOWN: AllureStatus.SKIPPED,
    Status.SKIPPED: AllureStatus.SKIPPED,
    Status.ERROR: AllureStatus.BROKEN,
}

MAX_BODY = 100_000
"""Bytes of an answer that are attached."""


def write_allure(report: Report, directory: Path, texts: Texts) -> None:
    """Write results to `directory`, beside those of earlier runs, as Allure's adapters do. Raises
    OSError."""
    writer = _Writer(directory, texts)
    shares = shares_of(report)
    for result in report.results:
        writer.write(result, report, shares[result.requirement.id])
    lines = {"target": report.target, "server": report.server, "seed": str(report.seed)}
    content = "".join(
        f"{name}={json.dumps(texts.clean(value))[1:-1]}\n" for name, value in lines.items() if value
    )
    (directory / "environment.properties").write_text(content, encoding="ascii")


class _Writer:
    def __init__(self, directory: Path, texts: Texts) -> None:
        self._logger: Any = AllureFileLogger(directory)  # type: ignore[no-untyped-call]
        self._texts = texts
        self._timelines = Timelines(texts.clean)

    def write(self, result: Result, report: Report, shares: list[Share]) -> None:
        """One requirement's result."""
        requirement = result.requirement
        # The same in each run and for each target: Allure tells a test's history by it.
        identity = hashlib.md5(requirement.id.encode(), usedforsecurity=False).hexdigest()
        test = TestResult(
            uuid=str(uuid4()),
            historyId=identity,
            testCaseId=identity,
            fullName=f"contract_tests.{requirement.id}",
            name=requirement.id,
            description=f"{requirement.text}\n\nSource: {requirement.source}",
            status=_STATUSES[result.status],
            stage="finished",
            titlePath=["contract_tests", requirement.area],
        )
        test.labels = [
            Label(name, value)
            for name, value in (
                ("framework", "contract-tests"),
                ("language", "python"),
                ("parentSuite", "contract-tests"),
                ("suite", requirement.area),
                ("feature", requirement.area),
                ("tag", str(requirement.level)),
            )
        ]
        # Not part of the identity: a port or a seed is another one next time.
        test.parameters = [
            Parameter("target", self._texts.clean(report.target), excluded=True),
            Parameter("contract-tests", __version__, excluded=True),
        ]
        test.start = test.stop = _milliseconds(report.started.timestamp())
        if shares:
            test.start = _milliseconds(shares[0].started.timestamp())
            test.stop = test.start + _milliseconds(sum(share.seconds for share in shares))
        if result.status is not Status.PASSED:
            test.statusDetails = self._details(result)
        by_check: dict[str, list[Breach]] = {}
        for breach in result.breaches:
            by_check.setdefault(breach.check, []).append(breach)
        test.steps = [self._step(share, by_check, result) for share in shares if share.requests]
        if result.shown is not None:
            self._attach_shown(result.shown, test)
        self._logger.report_result(test)

    def _details(self, result: Result) -> StatusDetails:
        parts = (self._texts.in_all(result), self._texts.commands(result.reproduce))
        return StatusDetails(
            message=self._texts.message(result),
            trace="\n".join(part for part in parts if part) or None,
            known=result.status is Status.KNOWN or None,
        )

    def _step(
        self, share: Share, by_check: dict[str, list[Breach]], result: Result
    ) -> TestStepResult:
        found = by_check.get(share.check, [])
        start = _milliseconds(share.started.timestamp())
        requests = "request" if share.requests == 1 else "requests"
        step = TestStepResult(
            name=f"{share.check.replace('_', ' ')} ({share.requests} {requests})",
            status=AllureStatus.PASSED,
            stage="finished",
            start=start,
            stop=start + _milliseconds(share.seconds),
        )
        if found:
            step.status = _STATUSES[result.status]
            shown = min(found, key=lambda one: len(one.reproduce))
            step.statusDetails = StatusDetails(message=self._texts.cut(shown.message))
        return step

    def _attach_shown(self, breach: Breach, test: TestResult) -> None:
        """The exchanges that show it: commands, what came back, and a stream's timeline."""
        if breach.reproduce:
            self._attach(test, "commands", breach.reproduce, "text/x-shellscript", "sh")
        exchange = breach.exchange
        if exchange is None:
            return
        head = [f"{exchange.status or 'no answer'} {exchange.reason}".strip()]
        head += [f"{name}: {value}" for name, value in exchange.headers.multi_items()]
        body = bytes(exchange.received[:MAX_BODY]).decode("utf-8", "backslashreplace")
        if exchange.error_message:
            body += f"\n[{exchange.error_message}]"
        self._attach(test, "answer", "\n".join([*head, "", body]), "text/plain", "txt")
        timeline = self._timelines.of(exchange, breach.event_index)
        if timeline is not None:
            self._attach(test, "timeline", _describe(timeline), "text/plain", "txt")

    def _attach(self, test: TestResult, name: str, text: str, kind: str, extension: str) -> None:
        file = ATTACHMENT_PATTERN.format(prefix=uuid4(), ext=extension)
        content = self._texts.clean(text).encode("utf-8", "backslashreplace")
        self._logger.report_attached_data(content, file)
        test.attachments.append(Attachment(name, file, kind))


def _describe(timeline: Timeline) -> str:
    """A stream's events, a line each, the one that matters in full."""
    rows = [*timeline.before, *timeline.near, *timeline.after]
    lines = [line for row in rows for line in _lines(row)]
    if timeline.left_out:
        lines.append(f"{timeline.left_out} events further away are not listed")
    return "\n".join([*lines, *([f"and then: {timeline.end}"] if timeline.end else [])])


def _lines(row: Row) -> list[str]:
    about = f" ({row.about})" if row.about else ""
    mark = ">" if row.is_marked else " "
    line = f"{mark}{row.number:5} {row.seconds:>9} s  {'  ' * row.depth}{row.name}{about}"
    if row.is_marked:
        return [line, *(f"        {one}" for one in row.data.split("\n"))]
    return [f"{line}  {row.summary}"]


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
