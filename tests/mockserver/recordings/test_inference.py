"""A script inferred from recordings gives what was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from jinja2.sandbox import SandboxedEnvironment
from starlette.types import ASGIApp

from agentos_contract.profiles import load_profile
from mockserver.app import Settings, create_app
from mockserver.cli import main
from mockserver.recordings.alternatives import Case, DiffersInShape, choose
from mockserver.script.loader import load_scripts
from tests.conftest import serving
from tests.runs import masked, message_for, stream

MESSAGE = "cats and dogs"

# Of the others a step changes the session's state, or the message is refused.
REPRODUCED = [
    "article-steps",
    "article-writer",
    "best-effort",
    "campaign",
    "city-guide",
    "content-pipeline",
    "doomed",
    "draft-refiner",
    "expense-check",
    "flaky-import",
    "gatekeeper",
    "hotel-scout",
    "json-answer",
    "lost-connection",
    "market-scan",
    "news-router",
    "pet-advice",
    "poster",
    "research-team",
    "rush-hour",
    "trip-desk",
]


def mock_as_agno(scripts: Path) -> ASGIApp:
    deviations = load_profile("agno-2.5.6").deviations
    return create_app(Settings(workflows=load_scripts(scripts).workflows, deviations=deviations))


@pytest.fixture(scope="module")
def inferred(brisk_scripts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scripts from recordings of the mock as a real server."""
    folder = tmp_path_factory.mktemp("inferred")
    with serving(mock_as_agno(brisk_scripts)) as url:
        arguments = ["record", url, "--out", str(folder / "recorded"), "--message", MESSAGE]
        for workflow_id in [*REPRODUCED, "slow-report", "visit-counter"]:
            arguments += ["--workflow", workflow_id]
        assert CliRunner().invoke(main, arguments).exit_code == 0
    arguments = ["record", str(folder / "recorded"), "--out", str(folder / "scripts")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return folder / "scripts"


@pytest.fixture(scope="module")
def both(inferred: Path, brisk_scripts: Path) -> Iterator[tuple[httpx2.Client, httpx2.Client]]:
    """Clients of the mock on the scripts that were recorded, and on those that were inferred."""
    with (
        serving(mock_as_agno(brisk_scripts)) as first,
        serving(mock_as_agno(inferred)) as second,
        httpx2.Client(base_url=first, timeout=30) as original,
        httpx2.Client(base_url=second, timeout=30) as copy,
    ):
        yield original, copy


@pytest.mark.parametrize("workflow_id", REPRODUCED)
@pytest.mark.parametrize("message", [MESSAGE, "mice"])
def test_an_inferred_script_does_what_was_recorded(
    both: tuple[httpx2.Client, httpx2.Client], workflow_id: str, message: str
) -> None:
    if workflow_id in ("pet-advice", "news-router") and message != MESSAGE:
        pytest.skip("its decision depends on the message, which one recording cannot show")
    original, copy = (
        [
            json.dumps(item, sort_keys=True)
            for item in masked(
                stream(c, workflow_id, message=message_for(workflow_id, message)).payloads
            )
        ]
        for c in both
    )
    assert copy == original


def test_what_could_not_be_inferred_is_said(inferred: Path) -> None:
    said = {
        "slow-report": 'The session\'s state went from {"section": 1} to {"section": 10}',
        "visit-counter": "What steps change in the session's state no stream shows.",
        "pet-advice": "name: about-cats  # what its evaluator looks at no recording shows",
        "news-router": "name: desk  # what its selector looks at no recording shows",
        "draft-refiner": "name: refine  # what ends it no recording shows",
        "gatekeeper": "name: process  # no recording shows it carried out",
        "research-team": "id: fact-checker  # no recording shows it at work",
        "doomed": "name: charge  # how often it was tried no recording shows",
    }
    for workflow_id, comment in said.items():
        assert comment in (inferred / f"{workflow_id}.yaml").read_text(), workflow_id


def test_inferred_scripts_are_scripts(inferred: Path) -> None:
    assert CliRunner().invoke(main, ["check", str(inferred)]).exit_code == 0


def test_a_step_that_answers_otherwise_each_time_does_so(
    both: tuple[httpx2.Client, httpx2.Client],
) -> None:
    contents = [
        [event.get("content") for event in stream(client, "slow-report", message="mice").payloads]
        for client in both
    ]
    assert contents[0] == contents[1]


VARIED = {
    "id": "varied",
    "name": "Varied",
    "steps": [
        {
            "type": "Step",
            "name": "greet",
            "agent": {"id": "host", "name": "Host"},
            "mock": {
                "tools": [
                    {
                        "name": "look_up",
                        "args": {"who": "{{ input }}"},
                        "result": "{{ input | length }}",
                    }
                ],
                "chunks": ["Dear ", "{% if 'cat' in input %}cat lover{% else %}friend{% endif %}"],
                "fails": 1,
                "error": 'the model "slept"',
            },
        },
        {
            "type": "Condition",
            "name": "about-cats",
            "evaluator": 'input.contains("cat")',
            "steps": [
                {"type": "Step", "name": "purr", "mock": {"content": "Rr\n{{ '{{' }} {{ input }}"}}
            ],
        },
        {
            "type": "Router",
            "name": "by-size",
            "selector": 'size(input) > 12 ? "long" : "short"',
            "choices": [
                {"type": "Step", "name": "short", "mock": {"content": "brief"}},
                {"type": "Step", "name": "long", "mock": {"content": "at length"}},
            ],
        },
        {
            "type": "Router",
            "name": "some",
            "mock": {"selects": 'size(input) > 12 ? ["one", "two"] : ["two"]'},
            "choices": [
                {"type": "Step", "name": "one", "mock": {"content": "1"}},
                {"type": "Step", "name": "two", "mock": {"content": "2"}},
            ],
        },
    ],
}
MESSAGES = ["my cat and I", 'a "quoted"\nline', "birds of the sea"]


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a script, its recordings by the mock, and what was inferred from them."""
    folder = tmp_path_factory.mktemp("varied")
    (folder / "scripts").mkdir()
    (folder / "scripts" / "varied.json").write_text(json.dumps(VARIED), encoding="utf-8")
    with serving(create_app(Settings(workflows=load_scripts(folder / "scripts").workflows))) as url:
        arguments = ["record", url, "--out", str(folder / "recorded")]
        for message in MESSAGES:
            arguments += ["--message", message]
        assert CliRunner().invoke(main, arguments).exit_code == 0
    arguments = ["record", str(folder / "recorded"), "--out", str(folder / "inferred")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    return folder


def test_what_depends_on_the_message_is_told_by_the_recorded_messages(varied: Path) -> None:
    text = (varied / "inferred" / "varied.yaml").read_text(encoding="utf-8")
    assert "name: greet  # what it answers to other messages no recording shows" in text
    assert "name: about-cats  # true for the recorded messages" in text
    assert "name: by-size  # the choice for the recorded messages" in text
    seen = []
    for name in ("scripts", "inferred"):
        app = create_app(Settings(workflows=load_scripts(varied / name).workflows))
        with serving(app) as url, httpx2.Client(base_url=url, timeout=30) as client:
            runs = [stream(client, "varied", message=message).payloads for message in MESSAGES]
        seen.append(masked(runs))
    for original, copy in zip(*seen, strict=True):
        assert copy == original


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "c", " "]), min_size=1, max_size=3), min_size=1),
)
def test_answers_are_chosen_by_try_and_message(said: list[list[str]]) -> None:
    answers = [
        (Case(attempt, f'message "{number}"\n'), {"content": text, "stop": True})
        for number, texts in enumerate(said)
        for attempt, text in enumerate(texts, 1)
    ]
    template = SandboxedEnvironment().from_string(choose(answers, by_message=True)["content"])
    for case, mock in answers:
        rendered = template.render(attempt=case.attempt, input=case.message)
        assert rendered == mock["content"]


@pytest.mark.parametrize(
    "values", [[{"stop": True}, {}], [["a"], ["a", "b"]], [1, 2], ["one", {"two": 2}]]
)
def test_answers_of_other_shapes_are_not_chosen_among(values: list[object]) -> None:
    answers = [(Case(attempt, "m"), value) for attempt, value in enumerate(values, 1)]
    with pytest.raises(DiffersInShape):
        choose(answers, by_message=True)


BRIEF: dict[str, Any] = {
    "id": "brief",
    "name": "Brief",
    "steps": [
        # As AgentOS describes agents that are steps by themselves.
        {"type": "Step", "name": "unnamed_agent", "agent": {"name": "A_B c"}},
        {"type": "Step", "name": "unnamed_agent", "agent": {"name": "A_B c"}},
        {"type": "Step", "name": "team", "team": {"name": "T", "members": [{"name": "M"}]}},
    ],
}


@pytest.mark.parametrize("hides", [False, True])
def test_what_a_description_leaves_out_the_events_say(tmp_path: Path, *, hides: bool) -> None:
    first, second, team = deepcopy(BRIEF["steps"])
    model = {"model": "gpt-4o", "provider": "OpenAI"}
    first["agent"]["model"] = second["agent"]["model"] = team["team"]["model"] = model
    first["mock"], second["mock"] = {"content": "one"}, {"content": "two {{ input }}"}
    second["agent"]["id"] = "other"
    team["team"]["members"][0] |= {"model": model, "mock": {"content": "three"}}
    delegate = {"name": "delegate_task_to_member", "args": {"member_id": "m", "task": "x"}}
    team["mock"] = {"requests": [{"tools": [delegate]}], "content": "four"}
    script = {**BRIEF, "steps": [first, second, team], "stream_executor_events": not hides}
    served, recorded, inferred = (tmp_path / name for name in ("served", "recorded", "inferred"))
    served.mkdir()
    (served / "brief.json").write_text(json.dumps(script))
    with serving(mock_as_agno(served)) as url:
        arguments = ["record", url, "--out", str(recorded), "--message", MESSAGE]
        assert CliRunner().invoke(main, arguments).exit_code == 0
        with httpx2.Client(base_url=url) as client:
            told = stream(client, "brief", message="mice").payloads
    (recorded / "brief.yaml").write_text(json.dumps(BRIEF))
    arguments = ["record", str(recorded), "--out", str(inferred)]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    with serving(mock_as_agno(inferred)) as url, httpx2.Client(base_url=url) as client:
        again = stream(client, "brief", message="mice").payloads
    names = [event.get("step_name") for event in told if event["event"] == "StepStarted"]
    assert names == ["step_1", "step_2", "team"]
    if not hides:
        assert any("gpt-4o" in json.dumps(event) for event in told)
        assert masked(again) == masked(told)
        return
    assert not [event for event in told if event["event"] in ("RunStarted", "TeamRunStarted")]
    contents = [[event.get("content") for event in events] for events in (again, told)]
    assert contents[0] == contents[1]


@pytest.mark.parametrize("mock", [{"content": "says {{ input }}"}, {"fails": True, "error": "no"}])
def test_a_function_in_the_place_of_steps_is_inferred(tmp_path: Path, mock: Any) -> None:
    served, recorded = tmp_path / "served", tmp_path / "recorded"
    served.mkdir()
    (served / "w.json").write_text(json.dumps({"id": "w", "mock": mock}))
    with serving(mock_as_agno(served)) as url:
        arguments = ["record", url, "--out", str(recorded), "--message", MESSAGE]
        assert CliRunner().invoke(main, arguments).exit_code == 0
    arguments = ["record", str(recorded), "--out", str(tmp_path / "inferred")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    inferred = load_scripts(tmp_path / "inferred").workflows["w"].source["mock"]
    assert ("fails" in inferred) == ("fails" in mock)
    assert {key: inferred[key] for key in mock if key != "fails"} == {
        key: said for key, said in mock.items() if key != "fails"
    }


@pytest.mark.parametrize("profile", [False, True])
def test_a_function_that_decides_and_raises_is_inferred(tmp_path: Path, *, profile: bool) -> None:
    raising = {"fails": "input == 'cats and dogs'", "error": "no {{ input }}"}
    inner = [{"type": "Step", "name": "b"}]
    steps = [
        {"type": "Steps", "name": "a", "steps": [{"type": "Step", "name": "a"}]},
        {"type": "Condition", "name": "c", "mock": raising, "steps": inner},
        {"type": "Step", "name": "d"},
    ]
    served, recorded = tmp_path / "served", tmp_path / "recorded"
    served.mkdir()
    (served / "w.json").write_text(json.dumps({"id": "w", "steps": steps}))
    workflows = load_scripts(served).workflows
    app = mock_as_agno(served) if profile else create_app(Settings(workflows=workflows))
    with serving(app) as url:
        arguments = ["record", url, "--out", str(recorded), "--message", MESSAGE]
        assert CliRunner().invoke(main, arguments).exit_code == 0
    arguments = ["record", str(recorded), "--out", str(tmp_path / "inferred")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    inferred = load_scripts(tmp_path / "inferred").workflows["w"].source["steps"]
    assert inferred[1]["mock"] == {"fails": True, "error": f"no {MESSAGE}"}
    assert "mock" not in inferred[2]
