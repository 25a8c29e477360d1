"""Scripts are loaded whole or refused with every fault: file, line, key and what was expected."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from mockserver.script.loader import BUNDLED_SCRIPTS, ScriptError, load_scripts, script_schema
from mockserver.script.model import Condition, Loop, Parallel, Router, Step, Steps


def faults_of(folder: Path, **files: str) -> list[str]:
    """The faults of scripts written into a folder, without the folder's name."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ScriptError) as caught:
        load_scripts(folder)
    return [str(fault).replace(f"{folder}/", "") for fault in caught.value.faults]


def test_bundled_scripts_show_every_kind_of_step() -> None:
    kinds: set[type] = set()

    def visit(node: object) -> None:
        kinds.add(type(node))
        for child in getattr(node, "children", ()):
            visit(child)

    scripts = load_scripts(BUNDLED_SCRIPTS)
    for workflow in scripts.workflows.values():
        for node in workflow.steps:
            visit(node)
    assert kinds == {Step, Parallel, Condition, Loop, Router, Steps}
    assert scripts.warnings == []


def test_bundled_scripts_are_valid_by_the_published_schema() -> None:
    validator = jsonschema_rs.validator_for(script_schema())
    for file in BUNDLED_SCRIPTS.glob("*.yaml"):
        validator.validate(yaml.safe_load(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "id: a\nsteps:\n  - type: Step\n    name: x\n    mock:\n      contnt: hi\n",
            "a.yaml:6: steps[0].mock.contnt: unknown key 'contnt'; did you mean 'content'?",
        ),
        (
            "id: a\nsteps:\n  - type: Stepp\n",
            "a.yaml:3: steps[0].type: 'Stepp' is not allowed; did you mean 'Step'?",
        ),
        (
            "id: a\nsteps:\n  - type: Condition\n    evaluator: inptu == 'x'\n",
            "a.yaml:4: steps[0].evaluator: \"inptu == 'x'\": there is no variable 'inptu'; "
            "did you mean 'input'?",
        ),
        (
            "id: a\nsteps:\n  - type: Loop\n    end_condition: input == 'x'\n",
            "a.yaml:4: steps[0].end_condition: \"input == 'x'\": there is no variable 'input'; "
            "expected one of all_success, current_iteration, last_step_content, max_iterations, "
            "step_outputs",
        ),
        (
            "id: a\nsteps:\n  - type: Step\n    mock:\n      content: 'x {{ inptu }}'\n",
            "a.yaml:5: steps[0].mock.content: there is no variable 'inptu'; did you mean 'input'?",
        ),
        (
            "id: a\nsteps:\n  - type: Step\n    mock: {delay: -1}\n",
            "a.yaml:4: steps[0].mock.delay: -1 is less than the minimum of 0",
        ),
        (
            "id: a\nsteps:\n  - type: Step\n    mock: {content: a, chunks: [b]}\n",
            "a.yaml:4: steps[0].mock.chunks: a step answers `content` or `chunks`, not both",
        ),
        (
            "id: a\nsteps:\n  - type: Step\n    mock: {tools: [{name: t}]}\n",
            "a.yaml:4: steps[0].mock.tools: only an agent or a team has it; expected `agent`",
        ),
        ("name: a\n", "a.yaml:1: the key 'id' is missing"),
        ("id: [\n", "a.yaml:2: no YAML: did not find expected node content"),
        ("id: a\nid: b\n", "a.yaml:2: the key 'id' comes twice in one mapping"),
        ("- a\n", "a.yaml:1: expected a mapping with id, name and steps"),
        (
            "id: a\ninput_schema: {type: nonsense}\n",
            'a.yaml:2: input_schema: no JSON Schema 2020-12: "nonsense" is not valid under any '
            "of the schemas listed in the 'anyOf' keyword",
        ),
    ],
)
def test_a_wrong_script_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    assert faults_of(tmp_path, a=text) == [fault]


@pytest.mark.parametrize("expression", ["input ==", "1 +", "(", "input.contains('a"])
def test_bad_cel_is_refused(tmp_path: Path, expression: str) -> None:
    text = json.dumps({"id": "a", "steps": [{"type": "Condition", "evaluator": expression}]})
    (fault,) = faults_of(tmp_path, a=text)
    assert "steps[0].evaluator" in fault
    assert "no CEL expression" in fault
    assert "expected CEL over input, previous_step_content" in fault


@pytest.mark.parametrize("template", ["{{ input", "{% if input %}", "{{ input | nofilter }}"])
def test_a_bad_template_is_refused(tmp_path: Path, template: str) -> None:
    text = json.dumps({"id": "a", "steps": [{"type": "Step", "mock": {"content": template}}]})
    (fault,) = faults_of(tmp_path, a=text)
    assert "steps[0].mock.content: no Jinja2 template" in fault


def test_a_duplicate_id_names_both_files(tmp_path: Path) -> None:
    assert faults_of(tmp_path, a="id: x\n", b="name: b\nid: x\n") == [
        "b.yaml:2: id: 'x' is the id of a.yaml:1 too; ids are unique"
    ]


def test_every_fault_of_every_file_is_told(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        a="id: a\nsteps:\n  - type: Step\n    mock: {contnt: a, dleay: 1}\n",
        b="id: b\nsteps:\n  - type: Stepp\n",
    )
    assert len(faults) == 3


def test_an_unknown_key_outside_mock_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("id: a\nnmae: x\nsteps:\n  - {type: Step, retires: 1}\n")
    warnings = [str(w).rpartition("/")[2] for w in load_scripts(tmp_path).warnings]
    assert warnings == [
        "a.yaml:2: warning: nmae: unknown key 'nmae'; did you mean 'name'?",
        "a.yaml:4: warning: steps[0].retires: unknown key 'retires'; did you mean 'max_retries'?",
    ]


def test_a_folder_without_scripts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="holds no script"):
        load_scripts(tmp_path)
    with pytest.raises(ScriptError, match="no such folder"):
        load_scripts(tmp_path / "nowhere")


def test_json_scripts_have_lines_too(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"id": "a",\n "steps": [{"type": "Nope"}]}')
    with pytest.raises(ScriptError, match=r"a\.json:2: steps\[0\]\.type: 'Nope' is not allowed"):
        load_scripts(tmp_path)


def test_what_a_description_leaves_out_has_the_plainest_reading(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        json.dumps(
            {
                "id": "a",
                "steps": [
                    {"name": "c", "type": "Condition", "steps": [{"name": "s", "type": "Step"}]},
                    {"name": "l", "type": "Loop", "steps": []},
                    {
                        "name": "r",
                        "type": "Router",
                        "selector": "some_function",
                        "selector_type": "function",
                        "steps": [{"name": "one", "type": "Step"}],
                    },
                ],
            }
        )
    )
    condition, loop, router = load_scripts(tmp_path).workflows["a"].steps
    assert isinstance(condition, Condition)
    assert condition.evaluator is True
    assert isinstance(loop, Loop)
    assert (loop.max_iterations, loop.end_condition) == (3, None)
    assert isinstance(router, Router)
    assert router.selector is None
    assert [choice.name for choice in router.children] == ["one"]
