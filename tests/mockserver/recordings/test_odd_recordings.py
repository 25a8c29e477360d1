"""Whatever a server sent, a script is inferred; what no script can say is said in a comment."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.cli import main
from mockserver.recordings.format import (
    FOLDER,
    End,
    Frame,
    Recording,
    load_recordings,
    save_recording,
)
from mockserver.recordings.inference import infer_script
from mockserver.script.loader import load_scripts
from mockserver.script.model import Router, Step, Workflow
from tests.conftest import ROOT

Json = dict[str, Any]
KEPT = ROOT / "fixtures" / "recordings"


def recorded(
    *events: tuple[str, Json], message: str = "some cats", end: End = "complete"
) -> Recording:
    frames = tuple(Frame(n / 1000, name, data) for n, (name, data) in enumerate(events))
    return Recording("w", {"message": message, "stream": "true"}, 200, frames, end=end)


def function_run(
    content: Any, *events: tuple[str, Json], message: str = "some cats", **result: Any
) -> Recording:
    """A run of one function that answers `content`, after these events."""
    about = {"step_id": "1", "step_name": "s", "step_index": 0}
    outcome = {"content": content, "success": True, **result}
    return recorded(
        ("StepStarted", about),
        *events,
        ("StepCompleted", {**about, "step_response": outcome}),
        message=message,
    )


def agent_run(*events: tuple[str, Json], **completed: Any) -> Recording:
    """A run of one agent that has these events besides."""
    about = {"step_id": "1", "step_name": "s", "step_index": 0}
    of_run = {**about, "run_id": "r", "agent_id": "a"}
    return recorded(
        ("StepStarted", about),
        ("RunStarted", of_run),
        ("ModelRequestStarted", of_run),
        *((name, {**of_run, **data}) for name, data in events),
        ("ModelRequestCompleted", of_run),
        ("RunCompleted", {**of_run, **completed}),
        ("StepCompleted", {**about, "step_response": {"content": "x", "success": True}}),
    )


FUNCTION = {"id": "w", "steps": [{"type": "Step", "name": "s"}]}
AGENT = {"id": "w", "steps": [{"type": "Step", "name": "s", "agent": {"id": "a"}}]}


def inferred(description: Json, *recordings: Recording) -> tuple[str, Workflow]:
    text = infer_script(description, recordings)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "w.yaml").write_text(text, encoding="utf-8")
        (workflow,) = load_scripts(folder).workflows.values()
        return text, workflow


def comment_at(text: str, line: str) -> str:
    (found,) = (each for each in text.splitlines() if each.strip().startswith(line))
    return found.partition("# ")[2]


def test_content_that_is_an_object_is_kept() -> None:
    invoice = {"total": 5, "lines": ["{{ x }}"]}
    text, workflow = inferred(
        AGENT,
        agent_run(
            ("RunContent", {"content": invoice, "content_type": "Invoice"}),
            content=invoice,
            content_type="Invoice",
        ),
    )
    (step,) = workflow.steps
    assert isinstance(step, Step)
    assert step.mock.content({"input": "x"}) == invoice
    assert step.mock.content_type == "Invoice"
    assert comment_at(text, "- type: Step") == ""


def test_what_a_function_gives_beside_its_content_is_kept() -> None:
    images = [{"id": "1", "url": "u"}]
    text, workflow = inferred(
        FUNCTION,
        function_run(
            "x",
            ("CustomEvent", {"step_id": "1", "agent_id": "", "progress": 5}),
            images=images,
            success=False,
            error="{{ why }}",
        ),
    )
    (step,) = workflow.steps
    assert isinstance(step, Step)
    assert step.mock.success is False
    assert callable(step.mock.error)
    assert step.mock.error({}) == "{{ why }}"
    assert step.mock.media["images"]({}) == images
    assert [own.data({}) for own in step.mock.events] == [{"progress": 5}]
    assert comment_at(text, "- type: Step") == ""


@pytest.mark.parametrize(
    ("description", "recording", "comment"),
    [
        (
            FUNCTION,
            function_run("x", images=[{"content": "AAAA"}]),
            "it gave images, which no script does",
        ),
        (AGENT, agent_run(content="x", citations=[1]), "it gave citations, which no script does"),
        (
            AGENT,
            agent_run(("ReasoningStarted", {}), content="x"),
            "'ReasoningStarted' came, which no script sends",
        ),
        (
            AGENT,
            agent_run(("RunContent", {"content": "x", "image": {"id": 1}}), content="x"),
            "it gave image, which no script does",
        ),
    ],
)
def test_what_no_script_can_say_is_a_comment_at_its_step(
    description: Json, recording: Recording, comment: str
) -> None:
    text, _ = inferred(description, recording)
    assert comment in comment_at(text, "- type: Step").split("; ")


def test_an_agent_that_a_function_ran_is_its_own() -> None:
    text, workflow = inferred(FUNCTION, agent_run(("RunContent", {"content": "y"}), content="y"))
    (step,) = workflow.steps
    assert isinstance(step, Step)
    (inner,) = step.mock.runs
    assert (inner.step.executor.id, inner.passes_on) == ("a", "events")
    assert step.mock.content({}) == "x"
    assert comment_at(text, "- type: Step") == ""


def test_several_selected_steps_are_what_a_function_selects() -> None:
    choices = [{"type": "Step", "name": name} for name in ("one", "two")]
    router = {"type": "Router", "name": "r", "choices": choices}
    text, workflow = inferred(
        {"id": "w", "steps": [router]},
        recorded(
            (
                "RouterExecutionStarted",
                {"step_id": "1", "step_name": "r", "selected_steps": ["two", "one"]},
            ),
        ),
    )
    assert isinstance(workflow.steps[0], Router)
    assert workflow.steps[0].selects == ("two", "one")
    assert comment_at(text, "- type: Router") == "what its selector looks at no recording shows"


def test_what_belongs_to_no_step_is_said_at_the_top() -> None:
    cut = recorded(("CustomEvent", {"a": 1}), ("Nonsense\n", {}), end="cut")
    refused = Recording("w", {"message": "m", "stream": "false"}, 422, body={"detail": "no"})
    text, _ = inferred(FUNCTION, cut, refused)
    heading = [line for line in text.splitlines() if line.startswith("# ")]
    assert heading == [
        "# Inferred from 1 recorded stream.",
        "# What steps change in the session's state no stream shows.",
        "# Streams that broke off: 1.",
        "# Left out: answers with status 422.",
        "# Beside the steps: 'CustomEvent' came, which no script sends.",
        "# Beside the steps: 'Nonsense\\n' came, which no script sends.",
    ]


# -- texts


TEXTS = st.text(
    st.sampled_from("abc {}%#-'\"\\\n\r\t:yesno0123.é\x85\u2028😀\x1b")
    | st.characters(codec="utf-8"),
    max_size=12,
) | st.sampled_from(
    ["yes", "12:30", "1e22", "{{ x }}", "{% endraw %}{{", "{", "}", "2024-01-01", "null", "~", "="]
)


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_any_text_is_given_again(content: str, message: str) -> None:
    _, workflow = inferred(FUNCTION, function_run(content, message=message))
    (step,) = workflow.steps
    assert isinstance(step, Step)
    assert step.mock.content({"input": message, "attempt": 1}) == content


@given(st.dictionaries(TEXTS, TEXTS.filter(lambda text: "\r" not in text), min_size=2, max_size=3))
@settings(deadline=None)
def test_any_text_is_given_again_to_its_message(answers: dict[str, str]) -> None:
    runs = [function_run(content, message=message) for message, content in answers.items()]
    _, workflow = inferred(FUNCTION, *runs)
    (step,) = workflow.steps
    assert isinstance(step, Step)
    for message, content in answers.items():
        assert step.mock.content({"input": message, "attempt": 1}) == content


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers() | TEXTS)
@settings(deadline=None)
def test_any_value_within_an_object_is_given_again(value: Any) -> None:
    _, workflow = inferred(FUNCTION, function_run({"a": [value], "b": {"c": value}}))
    (step,) = workflow.steps
    assert isinstance(step, Step)
    content = step.mock.content({"input": "some cats", "attempt": 1})
    assert json.dumps(content) == json.dumps({"a": [value], "b": {"c": value}})


# -- events that are not what they should be


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
RECORDED = {
    workflow_id: [one for one in load_recordings(KEPT).of(workflow_id) if one.frames]
    for workflow_id in ("article-writer", "doomed", "everything")
}


@given(st.data())
@settings(deadline=None, max_examples=25)
def test_a_script_is_inferred_of_whatever_came(data: st.DataObject) -> None:
    workflow_id = data.draw(st.sampled_from(sorted(RECORDED)))
    (recording,) = RECORDED[workflow_id]
    frames = [copy.deepcopy(frame) for frame in recording.frames]
    for _ in range(data.draw(st.integers(1, 6))):
        value: Any = data.draw(st.sampled_from(frames)).data
        while True:
            key = data.draw(st.sampled_from(sorted(value)))
            inner = value[key]
            if not isinstance(inner, dict) or not inner or data.draw(st.booleans()):
                value[key] = data.draw(VALUES)
                break
            value = inner
    description = load_scripts(KEPT).workflows[workflow_id].source
    changed = Recording(workflow_id, recording.form, 200, tuple(frames))
    _, workflow = inferred(dict(description), changed)
    assert workflow.id == workflow_id


def test_scripts_of_one_name_have_files_of_their_own(tmp_path: Path) -> None:
    for name, workflow_id in (("x.json", "one"), ("x.yaml", "two")):
        (tmp_path / name).write_text(json.dumps({"id": workflow_id}), encoding="utf-8")
    save_recording(function_run("x"), tmp_path / FOLDER / "w.jsonl")
    out = tmp_path / "out"
    result = CliRunner().invoke(main, ["record", str(tmp_path), "--out", str(out)])
    assert result.exit_code == 0
    assert set(load_scripts(out).workflows) == {"one", "two"}
