"""Reports as files: JSON, JUnit XML, SARIF and an HTML page. No secret is in any of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from agentos_contract import __version__
from agentos_contract.document import RUN_OPERATION_ID
from contract_tests.judging.results import Result, Status
from contract_tests.judging.sources import describe_sources, sources_of
from contract_tests.reports.terminal import MAX_MESSAGE, cut, replay_command
from contract_tests.reports.timeline import Clean, Timelines
from contract_tests.running.replay import write_replay
from contract_tests.running.run import Options, Report
from contract_tests.target.redaction import redact

TEMPLATE = Path(__file__).parent / "report.html.jinja"


def write_reports(report: Report, directory: Path, options: Options) -> list[Path]:
    """Write all reports, and the failures to be replayed; returns their paths, report.json first.
    `options`: those of the run. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)

    def clean(text: str) -> str:
        return redact(text, options.secrets)

    files = {
        "report.json": _json(report, clean),
        "junit.xml": _junit(report, clean),
        "results.sarif": _sarif(report, clean),
        "report.html": _html(report, directory, clean),
    }
    for name, content in files.items():
        (directory / name).write_text(content, encoding="utf-8", errors="backslashreplace")
    return [*(directory / name for name in files), write_replay(report, options, directory, clean)]


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
                **_sources(result, clean),
            }
            for result in report.results
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _sources(result: Result, clean: Clean) -> dict[str, Any]:
    """What stands behind "N times": which kinds of faults, and in which workflows."""
    if not result.breaches:
        return {}
    return {
        "times": result.occurrences,
        "sources": [
            {
                "kind": clean(source.kind),
                "times": len(source.breaches),
                "workflows": [clean(name) for name in source.workflows],
            }
            for source in sources_of(result.breaches)
        ],
    }


def _in_all(result: Result, clean: Clean) -> str:
    """The same as a line; "" where it was seen once."""
    if result.occurrences < 2:
        return ""
    return cut(f"in all: {clean(describe_sources(sources_of(result.breaches)))}", 4 * MAX_MESSAGE)


def _junit(report: Report, clean: Clean) -> str:
    """One test case a requirement, in a suite for each area."""
    areas: dict[str, TestSuite] = {}
    for result in report.results:
        area = result.requirement.area
        suite = areas.setdefault(area, TestSuite(area))
        case = TestCase(result.requirement.id, classname=f"contract_tests.{area}")
        message = _xml_text(_message(result, clean))
        parts = (result.requirement.text, _in_all(result, clean), clean(result.reproduce))
        text = _xml_text("\n".join(part for part in parts if part))
        match result.status:
            case Status.FAILED:
                outcome: Any = Failure(message)
                outcome.text = text
                case.result = [outcome]
            case Status.ERROR:
                case.result = [Error(message)]
            case Status.SKIPPED | Status.KNOWN:
                skipped: Any = Skipped(message)
                if result.breaches:
                    skipped.text = text
                case.result = [skipped]
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
        parts = _message(result, clean), _in_all(result, clean), clean(result.reproduce)
        text = "\n\n".join(part for part in parts if part)
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


_IN_FULL = (Status.FAILED, Status.ERROR, Status.KNOWN)


def _html(report: Report, directory: Path, clean: Clean) -> str:
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    timelines = Timelines(clean)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))

    def entry(result: Result) -> dict[str, Any]:
        shown = result.shown
        timeline = None
        if shown is not None and shown.exchange is not None:
            timeline = timelines.of(shown.exchange, shown.event_index)
        return {
            "result": result,
            "message": _message(result, clean),
            "reproduce": clean(result.reproduce),
            "sources": _sources(result, clean).get("sources", []),
            "replay": replay_command(directory, result) if shown is not None else "",
            "timeline": timeline,
        }

    order = sorted(Status, key=lambda status: status not in _IN_FULL[:2])
    sections = [
        {
            "status": status.value,
            "entries": [entry(result) for result in report.results if result.status is status],
            "is_shown_in_full": status in _IN_FULL,
        }
        for status in order
    ]
    return template.render(
        report=report,
        version=__version__,
        sections=[section for section in sections if section["entries"]],
    )
