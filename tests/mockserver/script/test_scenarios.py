"""Scenarios: a workflow's own, and those of its folder."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

from mockserver.app import Settings, create_app
from mockserver.script.loader import load_scripts
from mockserver.script.problems import ScriptError
from tests.conftest import Serve

SHARED = """
scenarios:
  - {name: busy, status: 429, detail: too many, headers: {Retry-After: "2"}, error_code: BUSY}
  - {name: gateway, status: 502, body: "<html>no</html>", headers: {Content-Type: text/html}}
  - {name: late, status: 504, delay: 0.05}
  - {name: odd, when: 'input == "teapot"', status: 418}
  - {name: empty, status: 204}
  - {name: other, status: 200, body: {a: [1]}}
"""


def folder_of(folder: Path, shared: str = SHARED, **mock: object) -> Path:
    (folder / "scenarios.yaml").write_text(shared)
    (folder / "one.json").write_text(json.dumps({"id": "one", "steps": [], "mock": mock}))
    (folder / "two.json").write_text(json.dumps({"id": "two", "steps": []}))
    return folder


def ask(
    url: str, name: str | None, workflow_id: str = "one", message: str = "x"
) -> httpx2.Response:
    headers = {"prefer": f"scenario={name}"} if name else {}
    form = {"message": message}
    return httpx2.post(f"{url}/workflows/{workflow_id}/runs", data=form, headers=headers)


def test_a_folders_scenarios_are_each_workflows(tmp_path: Path, serve: Serve) -> None:
    own = [{"name": "busy", "status": 503, "detail": "its own"}]
    workflows = load_scripts(folder_of(tmp_path, scenarios=own)).workflows
    url = serve(create_app(Settings(workflows=workflows)))
    assert (ask(url, "busy").status_code, ask(url, "busy", "two").status_code) == (503, 429)
    busy = ask(url, "busy", "two")
    assert busy.headers["retry-after"] == "2"
    assert busy.json() == {"detail": "too many", "error_code": "BUSY"}
    gateway = ask(url, "gateway")
    assert (gateway.text, gateway.headers["content-type"]) == ("<html>no</html>", "text/html")
    assert ask(url, "late").elapsed.total_seconds() >= 0.05
    assert ask(url, None, message="teapot").status_code == 418
    assert ask(url, "empty").content == b""
    assert ask(url, "other").json() == {"a": [1]}
    assert ask(url, None).status_code == 200
    unknown = ask(url, "nothing").json()["detail"]
    assert "expected busy, gateway, late" in unknown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("scenarios:\n  - {name: a, status: 99}\n", "scenarios.yaml:2: scenarios[0].status"),
        ("scenarios:\n  - {name: a, statos: 500, status: 500}\n", "did you mean 'status'"),
        ("scenarios:\n  - {name: a, status: 500, when: 'inptu'}\n", "no variable 'inptu'"),
        (
            "scenarios:\n  - {name: a, status: 500}\n  - {name: a, status: 400}\n",
            "scenarios.yaml:3: scenarios[1].name: 'a' is another scenario's name too",
        ),
        ("- a\n", "expected a mapping with the key 'scenarios'"),
        ("scenario: []\n", "expected a mapping with the key 'scenarios'"),
        ("scenarios: [\n", "scenarios.yaml:"),
    ],
)
def test_what_is_wrong_in_them_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ScriptError) as caught:
        load_scripts(folder_of(tmp_path, text))
    assert said in "\n".join(map(str, caught.value.problems))


def test_scenarios_alone_are_no_scripts(tmp_path: Path) -> None:
    (tmp_path / "scenarios.yaml").write_text(SHARED)
    with pytest.raises(ScriptError, match="holds no script"):
        load_scripts(tmp_path)
