"""SARIF 2.1.0 (OASIS), as GitHub's code scanning reads it: requirements are rules, what broke them
results, shown on the user's files."""

from __future__ import annotations

import hashlib
import re
from typing import Any
from urllib.parse import quote

from agentos_contract import __version__
from agentos_contract.output import json_text
from agentos_contract.requirements import Requirement
from contract_tests.judging.results import Result, Status
from contract_tests.reports.places import Finding, Places
from contract_tests.reports.texts import Texts
from contract_tests.running.run import Report

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)

_RFC = re.compile(r"RFC (\d+)(?: section ([\d.]+))?")
_PAGES = (
    ("HTML 9.2", "https://html.spec.whatwg.org/multipage/server-sent-events.html"),
    ("URL standard", "https://url.spec.whatwg.org/#application/x-www-form-urlencoded"),
    (
        "OWASP API8:2023",
        "https://owasp.org/API-Security/editions/2023/en/0xa8-security-misconfiguration/",
    ),
)


def sarif(report: Report, places: Places, texts: Texts) -> str:
    """The file's content."""
    results = [
        _result(result, index, finding, texts)
        for index, result in enumerate(report.results)
        if result.status in (Status.FAILED, Status.KNOWN)
        for finding in places.findings(result)
    ]
    run = {
        "tool": {
            "driver": {
                "name": "contract-tests",
                "semanticVersion": __version__,
                "rules": [_rule(result.requirement) for result in report.results],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not (report.crashes or report.interrupted),
                "startTimeUtc": report.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": texts.cut(problem)}}
                    for problem in (*report.crashes, report.interrupted)
                    if problem
                ],
            }
        ],
        "originalUriBaseIds": {
            "%SRCROOT%": {"description": {"text": "The root of the repository."}}
        },
        "properties": {
            "target": texts.clean(report.target),
            "seed": report.seed,
            **({"server": texts.clean(report.server)} if report.server else {}),
        },
        "results": results,
    }
    content = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json_text(content, indent=2) + "\n"


def _rule(requirement: Requirement) -> dict[str, Any]:
    source = f"Source: {requirement.source}"
    help_uri = _help_uri(requirement.source)
    link = f"[{requirement.source}]({help_uri})" if help_uri else requirement.source
    return {
        "id": requirement.id,
        "shortDescription": {"text": requirement.text},
        "fullDescription": {"text": requirement.text},
        "help": {
            "text": f"{requirement.text} {source}",
            "markdown": f"{requirement.text}\n\nSource: {link}",
        },
        **({"helpUri": help_uri} if help_uri else {}),
        "defaultConfiguration": {"level": "error"},
        "properties": {
            "level": str(requirement.level),
            "tags": ["contract", requirement.area, str(requirement.level)],
        },
    }


def _help_uri(source: str) -> str | None:
    """The page of a public standard that a requirement comes from."""
    if found := _RFC.search(source):
        section = f"#section-{found[2]}" if found[2] else ""
        return f"https://www.rfc-editor.org/rfc/rfc{found[1]}{section}"
    return next((page for name, page in _PAGES if name in source), None)


def _result(result: Result, index: int, finding: Finding, texts: Texts) -> dict[str, Any]:
    is_known = result.status is Status.KNOWN
    shown = min(finding.breaches, key=lambda one: len(one.reproduce), default=None)
    message = texts.message(result)
    if shown is not None and not is_known:
        message = texts.cut(shown.message)
    reproduce = texts.commands(shown.reproduce) if shown is not None else ""
    in_all = texts.in_all(result)
    workflow = texts.clean(finding.workflow) if finding.workflow is not None else None
    where = f"in {workflow}: " if workflow is not None else ""
    entry: dict[str, Any] = {
        "ruleId": result.requirement.id,
        "ruleIndex": index,
        # Code scanning knows no suppressions: there a known one is told by its level.
        "level": "note" if is_known else "error",
        "message": {
            "text": "\n\n".join(part for part in (where + message, in_all, reproduce) if part)
        },
        "locations": [_location(finding, workflow)],
        "partialFingerprints": {
            "contractTests/v1": _fingerprint(result.requirement.id, finding.workflow)
        },
    }
    if finding.breaches:
        entry["occurrenceCount"] = len(finding.breaches)
    if is_known:
        entry["suppressions"] = [{"kind": "external", "justification": message}]
    return entry


def _location(finding: Finding, workflow: str | None) -> dict[str, Any]:
    name, kind = (workflow, "function") if workflow is not None else ("server", "module")
    location: dict[str, Any] = {"logicalLocations": [{"name": name, "kind": kind}]}
    if finding.place is not None:
        location["physicalLocation"] = {
            "artifactLocation": {"uri": quote(finding.place.file), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": finding.place.line},
        }
    return location


def _fingerprint(requirement: str, workflow: str | None) -> str:
    """The same for the same fault in each run, whatever the messages and ids were."""
    return hashlib.sha256(f"{requirement}\n{workflow or ''}".encode()).hexdigest()[:32]
