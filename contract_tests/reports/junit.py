"""JUnit XML, as Jenkins, GitLab and Azure DevOps read it."""

from __future__ import annotations

from typing import Any

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from agentos_contract import __version__
from contract_tests.judging.results import Result, Status
from contract_tests.reports.texts import Texts
from contract_tests.reports.times import shares_of
from contract_tests.running.run import Report


def junit_xml(report: Report, texts: Texts) -> str:
    """One test case a requirement, in a suite for each area."""
    shares = shares_of(report)
    areas: dict[str, TestSuite] = {}
    for result in report.results:
        area = result.requirement.area
        suite = areas.get(area)
        if suite is None:
            suite = areas[area] = TestSuite(area)
            suite.timestamp = report.started.isoformat(timespec="seconds")
            for name, value in _properties(report):
                suite.add_property(name, _xml_text(texts.clean(value)))
        case = TestCase(result.requirement.id, classname=f"contract_tests.{area}")
        case.time = round(sum(one.seconds for one in shares[result.requirement.id]), 3)
        case.result = _outcome(result, texts)
        suite.add_testcase(case)
    document = JUnitXml("contract-tests")
    for suite in areas.values():
        suite.time = round(suite.time, 3)
        document.add_testsuite(suite)
    # Not by junitparser's update_statistics: Jenkins' schema knows no `skipped` of the whole.
    suites = areas.values()
    document.tests = sum(suite.tests for suite in suites)
    document.failures = sum(suite.failures for suite in suites)
    document.errors = sum(suite.errors for suite in suites)
    document.time = round(sum(suite.time for suite in suites), 3)
    content: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return content.decode("utf-8")


def _properties(report: Report) -> list[tuple[str, str]]:
    found = [
        ("target", report.target),
        ("seed", str(report.seed)),
        ("runs", str(report.runs)),
        ("contract-tests", __version__),
    ]
    more = {"server": report.server, "interrupted": report.interrupted}
    return found + [(name, value) for name, value in more.items() if value]


def _outcome(result: Result, texts: Texts) -> list[Any]:
    message = _xml_text(texts.message(result))
    parts = (result.requirement.text, texts.in_all(result), texts.commands(result.reproduce))
    text = _xml_text("\n".join(part for part in parts if part))
    match result.status:
        case Status.FAILED:
            outcome: Any = Failure(message, "broken" if result.breaches else "stale")
            outcome.text = text
        case Status.ERROR:
            outcome = Error(message, "crash")
        case Status.SKIPPED | Status.KNOWN:
            outcome = Skipped(message, result.status.value)
            if result.breaches:
                outcome.text = text
        case Status.PASSED:
            return []
    return [outcome]


def _xml_text(text: str) -> str:
    """Text without the characters that XML 1.0 has no way to write (section 2.2)."""
    return "".join(
        char
        if char in "\t\n\r"
        or " " <= char <= "\ud7ff"
        or "\ue000" <= char <= "\ufffd"
        or char > "\uffff"
        else f"\\x{ord(char):02x}"
        for char in text
    )
