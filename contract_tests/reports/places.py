"""Where in the user's repository a finding is shown: SARIF and GitHub's annotations want a file and
a line, and a server has neither.

A finding that is a workflow's own is shown where that workflow is written (`--code`), else where
the configuration has it; one that is known, or no longer broken, at its entry in the list of known
ones; any other at the first of the files that there are, in GitHub's CI at last the job's own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from contract_tests.checks.registry import CHECKS
from contract_tests.judging.judgement import Breach
from contract_tests.judging.results import Result, Status
from contract_tests.target.target import Workflow
from contract_tests.target.user_files import UserFiles

MAX_FILES, MAX_BYTES = 5000, 1_000_000
"""So many files of a folder are looked into, each of at most so many bytes."""

_NOT_CODE = frozenset({"node_modules", "__pycache__", "venv", "build", "dist"})


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file of the repository."""

    file: str
    """Relative to the repository's root, with slashes."""
    line: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What one requirement's result is about at one place: in one workflow, or the server as a
    whole."""

    workflow: str | None
    breaches: tuple[Breach, ...]
    place: Place | None


class Places:
    """Finds places in a repository. `workflows`: those that were tested."""

    def __init__(self, files: UserFiles, workflows: Sequence[Workflow]) -> None:
        self._files = files
        self._names = {workflow.id: workflow.name for workflow in workflows}
        self._root = repository_root()
        self._of_workflows: dict[str, Place | None] = {}

    def findings(self, result: Result) -> list[Finding]:
        """A result by workflow, where checks that try each of them saw it there; the rest is said
        of the server, last: a workflow that a check chose may be another one next time."""
        tried = _of_each_workflow()
        seen_in = [(breach, breach.conditions.workflows) for breach in result.breaches]
        own = sorted({one for breach, of in seen_in if breach.check in tried for one in of})
        found = [
            Finding(
                workflow,
                tuple(breach for breach, of in seen_in if workflow in of),
                self._place(result, workflow),
            )
            for workflow in own
        ]
        rest = tuple(breach for breach, of in seen_in if not of.intersection(own))
        if rest or not found:
            found.append(Finding(None, rest, self._place(result, None)))
        return found

    def _place(self, result: Result, workflow: str | None) -> Place | None:
        is_listed = result.status is Status.KNOWN or not result.breaches
        candidates = [
            self._in_known_file(result.requirement.id) if is_listed else None,
            self._of_workflow(workflow) if workflow is not None else None,
            self._of_server,
        ]
        return next((place for place in candidates if place is not None), None)

    def _in_known_file(self, requirement: str) -> Place | None:
        entry = re.compile(rf"""^\s+["']?{re.escape(requirement)}["']?\s*:""")
        return self._find(_some(self._files.known), entry)

    def _of_workflow(self, workflow: str) -> Place | None:
        if workflow not in self._of_workflows:
            self._of_workflows[workflow] = self._find_workflow(workflow)
        return self._of_workflows[workflow]

    def _find_workflow(self, workflow: str) -> Place | None:
        names = [text for text in (workflow, self._names.get(workflow)) if text]
        quoted = [re.compile(f"""(["'`]){re.escape(text)}\\1""") for text in names]
        bare = [re.compile(rf"(?<![\w-]){re.escape(text)}(?![\w-])") for text in names]
        for pattern in (*quoted, *bare):
            if (place := self._find(self._code, pattern)) is not None:
                return place
        table = re.compile(rf"""^\s*\[[\w.-]*\bworkflows\.(["']?){re.escape(workflow)}\1[.\]]""")
        return self._find(_some(self._files.configuration), table)

    @cached_property
    def _of_server(self) -> Place | None:
        files = self._files
        named = [path for path in files.code if path.is_file()]
        for file in (*named, files.configuration, files.known, files.spec, self._job):
            if file is not None and (name := self._inside(file)) is not None:
                is_project = file.name == "pyproject.toml"
                table = re.compile(r"^\s*\[tool\.contract-tests\b")
                found = self._find([file], table) if is_project else None
                return found or Place(name, 1)
        return None

    @property
    def _job(self) -> Path | None:
        """The file of the job that GitHub runs: `OWNER/NAME/.github/workflows/FILE@REF`."""
        named = re.fullmatch(r"[^/]+/[^/]+/(.+?)@.*", os.environ.get("GITHUB_WORKFLOW_REF", ""))
        file = self._root / named[1] if named else None
        return file if file is not None and file.is_file() else None

    @cached_property
    def _code(self) -> list[Path]:
        found: list[Path] = []
        for path in self._files.code:
            found += [path] if path.is_file() else _files_below(path)
        return found[:MAX_FILES]

    def _find(self, files: Iterable[Path], pattern: re.Pattern[str]) -> Place | None:
        """The first line that has it."""
        for file in files:
            name = self._inside(file)
            for number, line in enumerate(_lines(file) if name is not None else (), 1):
                if name is not None and pattern.search(line):
                    return Place(name, number)
        return None

    def _inside(self, file: Path) -> str | None:
        """Its name in the repository; None for a file elsewhere: no reader of a report has that."""
        try:
            return file.resolve().relative_to(self._root).as_posix()
        except (OSError, ValueError):
            return None


def repository_root() -> Path:
    """GitHub's workspace; else the nearest folder upwards that Git knows; else this one."""
    here = Path.cwd().resolve()
    workspace = os.environ.get("GITHUB_WORKSPACE")
    if workspace and here.is_relative_to(root := Path(workspace).resolve()):
        return root
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)


def _of_each_workflow() -> frozenset[str]:
    return frozenset(check.name for check in CHECKS if check.tries_each_workflow)


def _some(file: Path | None) -> list[Path]:
    return [file] if file is not None else []


def _files_below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith(".") or path.name in _NOT_CODE or path.is_symlink():
            continue
        if path.is_dir():
            yield from _files_below(path)
        elif path.is_file():
            yield path


@cache
def _lines(file: Path) -> tuple[str, ...]:
    """Of a text; none of what is none, or too long to be somebody's work."""
    try:
        if file.stat().st_size > MAX_BYTES:
            return ()
        return tuple(file.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError):
        return ()
