"""Workflow scripts from files: read, checked, compiled.

A script is what a real server's `GET /workflows/{id}` answers, plus the key `mock`
(docs/scripts.md). The shape is that of `workflow-script.schema.json`; what a schema can't say
(CEL, templates, duplicates, unknown keys) is checked besides. All problems of all files are told
at once, each with its file and line, its key, and what was expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agentos_contract.yaml_files import UnreadableFile, read_text
from mockserver.script.compiler import compile_workflow
from mockserver.script.model import Workflow
from mockserver.script.positions import SyntaxProblem, parse
from mockserver.script.problems import Problems, ScriptError, ScriptProblem
from mockserver.script.shape import check_shape

SUFFIXES = (".yaml", ".yml", ".json")
MAX_BYTES = 1_000_000
"""Of one script."""

_PACKAGED = Path(__file__).parent.parent / "workflows"
BUNDLED_SCRIPTS = (
    _PACKAGED
    if _PACKAGED.is_dir()
    else Path(__file__).parent.parent.parent / "fixtures" / "workflows"
)


@dataclass
class Scripts:
    """A folder's workflows by id, in the order of their files, and what was odd about them."""

    workflows: dict[str, Workflow]
    warnings: list[ScriptProblem] = field(default_factory=list)


def load_scripts(path: Path | str) -> Scripts:
    """Load one script, or every script of a folder. Raises ScriptError with all problems."""
    return load_files(script_files(Path(path)))


def script_files(path: Path) -> list[Path]:
    """The scripts that are meant by a file or a folder. Raises ScriptError where there is none."""
    if not path.is_dir():
        return [path]
    try:
        files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror}") from error
    if not files:
        expected = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
        raise _error(path, f"holds no script ({expected})")
    return files


def load_files(files: Sequence[Path]) -> Scripts:
    """Load scripts, whose ids are unique among them. Raises ScriptError with all problems."""
    found: list[ScriptProblem] = []
    workflows: dict[str, Workflow] = {}
    places: dict[str, str] = {}
    for file in files:
        problems = Problems(str(file))
        workflow, script_id = _load(file, problems)
        if script_id in places:
            message = f"{script_id!r} is the id of {places[script_id]} too; ids are unique"
            problems.add(("id",), message)
        elif script_id is not None:
            places[script_id] = f"{file}:{problems.line(('id',))}"
        if workflow is not None:
            workflows[workflow.id] = workflow
        found += problems.found
    if any(not problem.is_warning for problem in found):
        raise ScriptError(found)
    return Scripts(workflows, found)


def load_text(text: str, name: str, *, is_json: bool = False) -> Workflow:
    """The workflow of a script's text. `name` stands for its file in messages.

    Raises ScriptError with all problems.
    """
    problems = Problems(name)
    workflow, _ = _compiled(text, name, problems, is_json=is_json)
    if workflow is None:
        raise ScriptError(problems.found)
    return workflow


def _load(file: Path, problems: Problems) -> tuple[Workflow | None, str | None]:
    """A file's workflow, None where it has problems, and its id."""
    try:
        text = read_text(file, MAX_BYTES)
    except UnreadableFile as error:
        problems.add((), str(error), line=0)
        return None, None
    return _compiled(text, str(file), problems, is_json=file.suffix == ".json")


def _compiled(
    text: str, name: str, problems: Problems, *, is_json: bool
) -> tuple[Workflow | None, str | None]:
    """A text's workflow, None where it has problems, and its id."""
    try:
        positioned = parse(text, is_json=is_json)
    except SyntaxProblem as error:
        problems.add((), str(error), line=error.line)
        return None, None
    problems.lines = positioned.lines
    for path, message in positioned.problems:
        problems.add(path, message)
    problems.wrong |= {path for path, _ in positioned.problems}
    if not isinstance(positioned.value, dict):
        problems.add((), "expected a mapping with id, name and steps")
    if not isinstance(positioned.value, dict) or () in problems.wrong:
        return None, None
    script_id = positioned.value.get("id")
    value = check_shape(positioned.value, problems)
    workflow = None if value is None else compile_workflow(value, name, problems)
    return (
        None if problems.has_errors else workflow,
        script_id if isinstance(script_id, str) else None,
    )


def _error(path: Path, message: str) -> ScriptError:
    return ScriptError([ScriptProblem(str(path), 0, "", message)])
