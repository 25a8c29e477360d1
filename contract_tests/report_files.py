"""Reports as files: JSON, JUnit XML, SARIF and an HTML page. The token is in none of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from agentos_contract import __version__
from agentos_contract.document import RUN_OPERATION_ID
from agentos_contract.events import EVENTS, Role
from contract_tests.findings import Breach
from contract_tests.redaction import redact
from contract_tests.replay import write_replay
from contract_tests.reporting import MAX_MESSAGE, coverage_lines, cut
from contract_tests.results import Result, Status
from contract_tests.session import Options, Report

TEMPLATE = Path(__file__).parent / "report.html.jinja"

MAX_FRAMES = 400
"""Events of a stream that the page shows: those around the one that is marked."""

MAX_DATA = 2000
"""Characters of an event's data on the page."""


def write_reports(report: Report, directory: Path, options: Options) -> list[Path]:
    """Write all reports, and the failures to be replayed; returns their paths, report.json first.
    `options`: those of the run. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)

    def clean(text: str) -> str:
        return redact(text, options.token)

    files = {
        "report.json": _json(report, clean),
        "junit.xml": _junit(report, clean),
        "results.sarif": _sarif(report, clean),
        "report.html": _html(report, clean),
    }
    for name, content in files.items():
        (directory / name).write_text(content, encoding="utf-8", errors="backslashreplace")
    return [*(directory / name for name in files), write_replay(report, options, directory, clean)]


Clean = Callable[[str], str]


def _message(result: Result, clean: Clean) -> str:
    return cut(clean(result.message), 4 * MAX_MESSAGE)


def _json(report: Report, clean: Clean) -> str:
    content = {
        "target": report.target,
        "seed": report.seed,
        "results": [
            {
                "requirement": result.requirement.id,
                "status": result.status.value,
                "message": _message(result, clean),
                "reproduce": clean(result.reproduce),
            }
            for result in report.results
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _junit(report: Report, clean: Clean) -> str:
    """One test case a requirement, in a suite for each area."""
    areas: dict[str, TestSuite] = {}
    for result in report.results:
        area = result.requirement.area
        suite = areas.setdefault(area, TestSuite(area))
        case = TestCase(result.requirement.id, classname=f"contract_tests.{area}")
        message = _xml_text(_message(result, clean))
        text = _xml_text(f"{result.requirement.text}\n{clean(result.reproduce)}")
        match result.status:
            case Status.FAILED:
                outcome: Any = Failure(message)
                outcome.text = text
                case.result = [outcome]
            case Status.ERROR:
                case.result = [Error(message)]
            case Status.SKIPPED | Status.KNOWN:
                case.result = [Skipped(message)]
        suite.add_testcase(case)
    document = JUnitXml("contract-tests")
    for suite in areas.values():
        document.add_testsuite(suite)
    content: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return content.decode("utf-8")


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


def _sarif(report: Report, clean: Clean) -> str:
    """SARIF 2.1.0 (OASIS): requirements are rules, what broke them results."""
    rules = [
        {
            "id": result.requirement.id,
            "shortDescription": {"text": result.requirement.text},
            "help": {"text": f"Source: {result.requirement.source}"},
            "properties": {"level": str(result.requirement.level)},
        }
        for result in report.results
    ]
    results = []
    for index, result in enumerate(report.results):
        if result.status not in (Status.FAILED, Status.KNOWN):
            continue
        reproduce = clean(result.reproduce)
        text = _message(result, clean) + (f"\n\n{reproduce}" if reproduce else "")
        entry: dict[str, Any] = {
            "ruleId": result.requirement.id,
            "ruleIndex": index,
            "level": "error",
            "message": {"text": text},
            # A server has no file; code scanning asks for one, and the document is what it breaks.
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": "openapi/agentos-2.5.6.yaml"},
                        "region": {"startLine": 1},
                    },
                    "logicalLocations": [{"fullyQualifiedName": RUN_OPERATION_ID}],
                }
            ],
            "partialFingerprints": {"requirement/v1": result.requirement.id},
        }
        if result.status is Status.KNOWN:
            entry["suppressions"] = [{"kind": "external", "justification": text}]
        results.append(entry)
    content = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "contract-tests", "version": __version__, "rules": rules}
                },
                "properties": {"target": report.target, "seed": report.seed},
                "results": results,
            }
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Frame:
    """One event on the page's timeline."""

    seconds: str
    name: str
    depth: int
    """How many steps and containers were open."""
    data: str
    is_marked: bool


def timeline(breach: Breach, clean: Clean) -> list[Frame]:
    """The stream in which a breach was seen, the offending event marked; none for others."""
    exchange = breach.exchange
    if exchange is None or not exchange.is_stream:
        return []
    frames = []
    depth = 0
    marked = breach.event_index
    first = 0 if marked is None else max(0, marked - MAX_FRAMES // 2)
    for index, (arrived, event) in enumerate(exchange.events):
        kind = EVENTS.get(event.event)
        role = kind.role if kind is not None else None
        if role in (Role.ENDS, Role.BREAKS):
            depth = max(0, depth - 1)
        if first <= index < first + MAX_FRAMES:
            frames.append(
                Frame(
                    f"{arrived:.3f}",
                    event.event,
                    depth,
                    cut(clean(event.data), MAX_DATA),
                    index == marked,
                )
            )
        if role is Role.STARTS:
            depth += 1
    return frames


def _html(report: Report, clean: Clean) -> str:
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    order = list(Status)
    order.sort(key=lambda status: status not in (Status.FAILED, Status.ERROR))
    return template.render(
        report=report,
        version=__version__,
        coverage=coverage_lines(report.results),
        counts=[
            (status.value, sum(result.status is status for result in report.results))
            for status in order
        ],
        entries=[
            {
                "result": result,
                "message": _message(result, clean),
                "reproduce": clean(result.reproduce),
                "frames": timeline(result.shown, clean) if result.shown else [],
            }
            for status in order
            for result in report.results
            if result.status is status
        ],
    )
