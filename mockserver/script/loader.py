"""Workflow scripts from files: read, checked, compiled.

A script is what a real server's `GET /workflows/{id}` answers, plus the key `mock`
(docs/scripts.md). The shape is that of `workflow-script.schema.json`; what a schema can't say
(CEL, templates, duplicates, unknown keys) is checked besides. All problems of all files are told
at once, each with its file and line, its key, and what was expected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

from agentos_contract.yaml_files import UnreadableFile, read_text
from mockserver.script.compiler import compile_scenarios, compile_workflow
from mockserver.script.model import Scenario, Workflow
from mockserver.script.positions import Positioned, SyntaxProblem, parse
from mockserver.script.problems import Problems, ScriptError, ScriptProblem
from mockserver.script.shape import check_shape

SUFFIXES = (".yaml", ".yml", ".json")
SCENARIOS = "scenarios"
"""The name, without its suffix, of a folder's file of scenarios for all its workflows."""
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


@cache
def bundled_workflows() -> Mapping[str, Workflow]:
    """Those of the bundled scripts, which are read once."""
    return MappingProxyType(load_scripts(BUNDLED_SCRIPTS).workflows)


def script_files(path: Path) -> list[Path]:
    """The scripts that are meant by a file or a folder. Raises ScriptError where there is none."""
    if not path.is_dir():
        return [path]
    try:
        files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror}") from error
    if all(file.stem == SCENARIOS for file in files):
        expected = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
        raise _error(path, f"holds no script ({expected})")
    return files


def load_files(files: Sequence[Path]) -> Scripts:
    """Load scripts, whose ids are unique among them. Raises ScriptError with all problems.

    The scenarios of a file `scenarios.yaml` among them are each workflow's, after its own.
    """
    found: list[ScriptProblem] = []
    workflows: dict[str, Workflow] = {}
    places: dict[str, str] = {}
    shared: list[Scenario] = []
    for file in files:
        if file.stem == SCENARIOS:
            scenarios, wrong = _load_scenarios(file)
            shared += scenarios
            found += wrong
            continue
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
    if shared:
        workflows = {id: _with_scenarios(each, shared) for id, each in workflows.items()}
    return Scripts(workflows, found)


def _with_scenarios(workflow: Workflow, shared: Sequence[Scenario]) -> Workflow:
    own = {scenario.name for scenario in workflow.scenarios}
    more = [scenario for scenario in shared if scenario.name not in own]
    return replace(workflow, scenarios=(*workflow.scenarios, *more))


def _load_scenarios(file: Path) -> tuple[tuple[Scenario, ...], list[ScriptProblem]]:
    """The scenarios of a folder, and what is wrong with them."""
    problems = Problems(str(file))
    scenarios: tuple[Scenario, ...] = ()
    positioned = _parsed(file, problems)
    if positioned is not None:
        content = positioned.value
        if not isinstance(content, dict) or set(content) != {SCENARIOS}:
            problems.add((), f"expected a mapping with the key {SCENARIOS!r} and no other", line=1)
        else:
            # They are those of a script's `mock`.
            problems.lines = {("mock", *path): line for path, line in positioned.lines.items()}
            for path, message in positioned.problems:
                problems.add(("mock", *path), message)
            value = check_shape({"id": SCENARIOS, "mock": content}, problems)
            if value is not None:
                scenarios = compile_scenarios(value, problems)
    found = [replace(problem, key=problem.key.removeprefix("mock.")) for problem in problems.found]
    return scenarios, found


def load_text(text: str, name: str, *, is_json: bool = False) -> Workflow:
    """The workflow of a script's text. `name` stands for its file in messages.

    Raises ScriptError with all problems.
    """
    problems = Problems(name)
    workflow = None
    try:
        workflow, _ = _compiled(parse(text, is_json=is_json), name, problems)
    except SyntaxProblem as error:
        problems.add((), str(error), line=error.line)
    if workflow is None:
        raise ScriptError(problems.found)
    return workflow


def _load(file: Path, problems: Problems) -> tuple[Workflow | None, str | None]:
    """A file's workflow, None where it has problems, and its id."""
    positioned = _parsed(file, problems)
    if positioned is None:
        return None, None
    return _compiled(positioned, str(file), problems)


def _parsed(file: Path, problems: Problems) -> Positioned | None:
    """A file's value with its places; None where it cannot be read."""
    try:
        return parse(read_text(file, MAX_BYTES), is_json=file.suffix == ".json")
    except UnreadableFile as error:
        problems.add((), str(error), line=0)
    except SyntaxProblem as error:
        problems.add((), str(error), line=error.line)
    return None


def _compiled(
    positioned: Positioned, name: str, problems: Problems
) -> tuple[Workflow | None, str | None]:
    """A script's workflow, None where it has problems, and its id."""
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
