"""Scripts are loaded whole or refused with every problem: file, line, key and what was expected."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest
import yaml
from click.testing import CliRunner

from mockserver.cli import main
from mockserver.script.loader import BUNDLED_SCRIPTS, load_scripts
from mockserver.script.model import Condition, Loop, Parallel, Router, Step, Steps
from mockserver.script.problems import ScriptError
from mockserver.script.shape import script_schema
from tests.scripts import problems_of


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
    ("text", "problem"),
    [
        (
            "id: a\nsteps:\n  - type: Step\n    name: x\n    mock:\n      contnt: hi\n",
            "a.yaml:6: steps[0].mock.contnt: unknown key 'contnt'; expected one of "
            "audio, chunks, citations, content, content_type, delay, error, events, fails, "
            "fails_after, files, gate, images, pauses, reasoning, requests, runs, session_state, "
            "stop, success, timing, tokens, tools, videos; did you mean 'content'?",
        ),
        (
            "id: a\nsteps:\n  - type: Stepp\n",
            "a.yaml:3: steps[0].type: 'Stepp' is not allowed; expected one of Condition, "
            "Loop, Parallel, Router, Step, Steps; did you mean 'Step'?",
        ),
        (
            "id: a\nsteps:\n  - type: Condition\n    evaluator: inptu == 'x'\n",
            "a.yaml:4: steps[0].evaluator: \"inptu == 'x'\": there is no variable 'inptu'; "
            "expected one of additional_data, input, previous_step_content, previous_step_outputs, "
            "session_state; did you mean 'input'?",
        ),
        (
            "id: a\nsteps:\n  - type: Loop\n    end_condition: input == 'x'\n",
            "a.yaml:4: steps[0].end_condition: \"input == 'x'\": there is no variable 'input'; "
            "expected one of all_success, current_iteration, last_step_content, max_iterations, "
            "step_outputs",
        ),
        (
            "id: a\nsteps:\n  - type: Step\n    mock:\n      content: 'x {{ inptu }}'\n",
            "a.yaml:5: steps[0].mock.content: there is no variable 'inptu'; expected one of "
            "additional_data, answers, attempt, input, input_value, previous_step_content, "
            "previous_step_outputs, previous_step_value, previous_step_values, run_id, "
            "session_id, session_state, user_id; did you mean 'input'?",
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
        ("id: a\nid: b\n", "a.yaml:2: id: the key 'id' comes twice in one mapping"),
        ("- a\n", "a.yaml:1: expected a mapping with id, name and steps"),
        (
            "id: a\ninput_schema: {type: nonsense}\n",
            'a.yaml:2: input_schema: no JSON Schema 2020-12: "nonsense" is not valid under any '
            "of the schemas listed in the 'anyOf' keyword",
        ),
    ],
)
def test_a_wrong_script_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    assert problems_of(tmp_path, a=text) == [problem]


@pytest.mark.parametrize("expression", ["input ==", "1 +", "(", "input.contains('a"])
def test_bad_cel_is_refused(tmp_path: Path, expression: str) -> None:
    text = json.dumps({"id": "a", "steps": [{"type": "Condition", "evaluator": expression}]})
    (problem,) = problems_of(tmp_path, a=text)
    assert "steps[0].evaluator" in problem
    assert "no CEL expression" in problem
    assert "expected CEL over input, previous_step_content" in problem


@pytest.mark.parametrize("template", ["{{ input", "{% if input %}", "{{ input | nofilter }}"])
def test_a_bad_template_is_refused(tmp_path: Path, template: str) -> None:
    text = json.dumps({"id": "a", "steps": [{"type": "Step", "mock": {"content": template}}]})
    (problem,) = problems_of(tmp_path, a=text)
    assert "steps[0].mock.content: no Jinja2 template" in problem


def test_a_duplicate_id_names_both_files(tmp_path: Path) -> None:
    assert problems_of(tmp_path, a="id: x\n", b="name: b\nid: x\n") == [
        "b.yaml:2: id: 'x' is the id of a.yaml:1 too; ids are unique"
    ]


def test_every_problem_of_every_file_is_told(tmp_path: Path) -> None:
    problems = problems_of(
        tmp_path,
        a="id: a\nsteps:\n  - type: Step\n    mock: {contnt: a, dleay: 1}\n",
        b="id: b\nsteps:\n  - type: Stepp\n",
    )
    assert len(problems) == 3


def test_an_unknown_key_outside_mock_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("id: a\nnmae: x\nsteps:\n  - {type: Step, retires: 1}\n")
    warnings = [str(w).rpartition("/")[2] for w in load_scripts(tmp_path).warnings]
    for warning, place, near in zip(
        warnings,
        ("2: warning: nmae", "4: warning: steps[0].retires"),
        ("name", "max_retries"),
        strict=True,
    ):
        assert warning.startswith(f"a.yaml:{place}: unknown key ")
        assert warning.endswith(f"; did you mean {near!r}?")


def test_a_folder_without_scripts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="holds no script"):
        load_scripts(tmp_path)
    with pytest.raises(ScriptError, match="nowhere: no such file or folder"):
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


# -- every problem at once


MANY = """id: many
input_schema: {$ref: "http://127.0.0.1:1/x"}
steps:
  - type: Stepp
    mock: {contnt: hi, delay: soon}
  - type: Condition
    evaluator: input.contans("x")
    steps: [oops, {type: Step, mock: {content: "{{ nope }}", chunks: [1]}}]
  - mock: {content: "{{ input }"}
  - {type: Looop, end_condition: foo == 1, max_iterations: -1}
  - type: Step
    agent: {id: a}
    mock: {content: "{{ nope }}", tools: [{nme: x}]}
mock:
  scenarios: [{status: 600}, {name: a, status: 500}, {name: a, status: 500, when: "x("}]
"""


def test_all_problems_of_a_script_are_told_at_once_and_each_once(tmp_path: Path) -> None:
    said = problems_of(tmp_path, many=MANY)
    assert [problem.split(": ")[1] for problem in said] == [
        "input_schema",
        "steps[0].type",
        "steps[0].mock.contnt",
        "steps[0].mock.delay",
        "steps[1].evaluator",
        "steps[1].steps[0]",
        "steps[1].steps[1].mock.chunks[0]",
        "steps[1].steps[1].mock.chunks",
        "steps[1].steps[1].mock.content",
        "steps[2]",
        "steps[2].mock.content",
        "steps[3].type",
        "steps[3].max_iterations",
        "steps[3].end_condition",
        "steps[4].mock.tools[0].nme",
        "steps[4].mock.tools[0]",
        "steps[4].mock.content",
        "mock.scenarios[0]",
        "mock.scenarios[0].status",
        "mock.scenarios[2].name",
        "mock.scenarios[2].when",
    ]
    assert not any("candidates" in problem for problem in said)


def test_a_wrong_script_holds_its_id_too(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, a="id: x\nsteps: 5\n", b="id: x\n")
    assert [problem.split(": ")[0] for problem in problems] == ["a.yaml:2", "b.yaml:1"]


def test_an_alias_is_checked_at_each_of_its_places(tmp_path: Path) -> None:
    text = "id: a\nsteps:\n  - &s {type: Step, mock: {dly: 1}}\n  - *s\n"
    problems = problems_of(tmp_path, a=text)
    assert [problem.split(": ")[1] for problem in problems] == [
        "steps[0].mock.dly",
        "steps[1].mock.dly",
    ]


def test_check_takes_files_and_folders(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text("id: x\n")
    (tmp_path / "one" / "b.yaml").write_text("id: x\n")

    def check(*names: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["check", *(str(tmp_path / name) for name in names)])
        return result.exit_code, result.output.replace(f"{tmp_path}/", "")

    assert check("one/a.yaml") == (0, "one/a.yaml: 1 script, no problem\n")
    assert check("one/a.yaml", "two") == (
        0,
        "one/a.yaml: 1 script, no problem\ntwo: 1 script, no problem\n",
    )
    code, said = check("one/a.yaml", "one/b.yaml", "nowhere.yaml")
    assert code == 1
    assert said.splitlines() == [
        "one/b.yaml:1: id: 'x' is the id of one/a.yaml:1 too; ids are unique",
        "Error: one: 1 problem; it cannot be served",
        "nowhere.yaml: no such file or folder",
        "Error: nowhere.yaml: 1 problem; it cannot be served",
    ]


def test_a_members_tool_that_waits_is_warned_of(tmp_path: Path) -> None:
    mock = {"tools": [{"name": "ask", "external_execution": True}]}
    team = {"id": "t", "members": [{"id": "m", "mock": mock}]}
    script = {"id": "w", "steps": [{"type": "Step", "team": team}]}
    (tmp_path / "w.json").write_text(json.dumps(script))
    (warning,) = load_scripts(tmp_path).warnings
    assert "AgentOS 2.5.6 has the team's run pause too" in str(warning)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id: a\nsteps: {type: Step}", "a.yaml:2: steps: {'type': 'Step'} is not a list"),
        ("id: a\nsteps: [{name: x}]", "the key 'type' is missing; expected one of Condition, Loop"),
        ("id: a/b", "The workflow's id, as it stands in the path: without /, ? and #"),
        ("id: a\nsteps: [{type: Step, agent: host}]", "agent: 'host' is not a mapping"),
    ],
)
def test_a_value_of_another_type_is_told_in_yamls_words(
    tmp_path: Path, text: str, said: str
) -> None:
    (problem,) = problems_of(tmp_path, a=text)
    assert said in problem
