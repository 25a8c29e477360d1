"""Cases in files: what once differed, and must not again (cases/*.yaml)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.differential.servers import Case

FOLDER = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class CaseFile:
    case: Case
    exception: str | None
    """The exception that it shows, where it still differs."""


def case_files() -> list[Path]:
    return sorted(FOLDER.glob("*.yaml"))


def read_case(file: Path) -> CaseFile:
    """A file with `script`, `message`, and where needed `form`, `session` and `exception`."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    exception = content.pop("exception", None)
    return CaseFile(Case(**content), exception)


def case_text(case: Case, about: str) -> str:
    """The file's text; `about` says in its first line what it shows."""
    content: dict[str, Any] = {"message": case.message}
    if case.form:
        content["form"] = case.form
    if case.session != "given":
        content["session"] = case.session
    if case.pauses:
        content["pauses"] = True
    content["script"] = case.script
    line = "".join(c if c.isprintable() else " " for c in about)
    return f"# {' '.join(line.split())}\n" + yaml.safe_dump(
        _plain(content), allow_unicode=True, sort_keys=False
    )


def case_key(case: Case) -> str:
    """The same for equal cases, and for no others."""
    return json.dumps([case.script, case.message, case.form, case.session, case.pauses])


def _plain(content: Mapping[str, Any]) -> Any:
    """A copy in which no part stands twice: YAML would write anchors."""
    return json.loads(json.dumps(content))
