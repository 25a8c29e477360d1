"""Reports as files: JSON, JUnit XML, SARIF and an HTML page. No secret is in any of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from agentos_contract import __version__
from agentos_contract.json_values import mapping, read_json
from agentos_contract.output import json_text
from contract_tests.judging.results import Result, Status
from contract_tests.reports.junit import junit_xml
from contract_tests.reports.places import Places
from contract_tests.reports.sarif import sarif
from contract_tests.reports.terminal import replay_command
from contract_tests.reports.texts import Texts
from contract_tests.reports.timeline import Timelines
from contract_tests.running.replay import write_replay
from contract_tests.running.run import Options, Report

SECONDS = "seconds"
"""The key of what each workflow's first stream took."""

MOST_SECONDS = 86_400.0
"""Nothing takes longer that is tested."""

TEMPLATE = Path(__file__).parent / "report.html.jinja"


def write_reports(report: Report, directory: Path, options: Options) -> list[Path]:
    """Write all reports, and the failures to be replayed; returns their paths, report.json first.
    `options`: those of the run. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    texts = Texts.of(options)
    places = Places(options.files, report.workflows)
    files = {
        "report.json": _json(report, texts),
        "junit.xml": junit_xml(report, texts),
        "results.sarif": sarif(report, places, texts),
        "report.html": _html(report, directory, texts),
    }
    for name, content in files.items():
        (directory / name).write_text(content, encoding="utf-8", errors="backslashreplace")
    saved = write_replay(report, options, directory, texts.data)
    return [*(directory / name for name in files), saved]


def earlier_seconds(directory: Path, target: str) -> dict[str, float]:
    """What runs took by the report of an earlier run of the tests in a directory, in seconds by
    workflow; nothing where there is none of that target."""
    try:
        found = mapping(read_json((directory / "report.json").read_bytes()))
    except (OSError, ValueError):
        return {}
    if found.get("target") != target:
        return {}
    return {
        name: float(took)
        for name, took in mapping(found.get(SECONDS)).items()
        if isinstance(took, int | float) and not isinstance(took, bool) and 0 <= took < MOST_SECONDS
    }


def _json(report: Report, texts: Texts) -> str:
    content = {
        "target": report.target,
        "seed": report.seed,
        **({"interrupted": report.interrupted} if report.interrupted else {}),
        "results": [
            {
                "requirement": result.requirement.id,
                "status": result.status.value,
                "message": texts.message(result),
                "reproduce": texts.clean(result.reproduce),
                **(
                    {"times": result.occurrences, "sources": texts.sources(result)}
                    if result.breaches
                    else {}
                ),
            }
            for result in report.results
        ],
        **({"not_asked_for": report.not_asked_for} if report.not_asked_for else {}),
        SECONDS: {texts.clean(name): round(took, 2) for name, took in report.seconds.items()},
    }
    return json_text(content, indent=2) + "\n"


_IN_FULL = (Status.FAILED, Status.ERROR, Status.KNOWN)


def _html(report: Report, directory: Path, texts: Texts) -> str:
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    timelines = Timelines(texts.clean)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))

    def entry(result: Result) -> dict[str, Any]:
        shown = result.shown
        timeline = None
        if shown is not None and shown.exchange is not None:
            timeline = timelines.of(shown.exchange, shown.event_index)
        return {
            "result": result,
            "message": texts.message(result),
            "reproduce": texts.clean(result.reproduce),
            "sources": texts.sources(result),
            "replay": replay_command(report.target, directory, result) if shown is not None else "",
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
