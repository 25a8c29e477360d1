"""Files that are no scripts are refused in a line each, whatever they hold."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mockserver.script.loader import load_scripts
from tests.scripts import expanding, problems_of


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (expanding("{}"), "with its aliases it stands for more than 100,000 values"),
        (expanding("{{<<: {}}}"), "with its aliases it stands for more than 100,000 values"),
        ("id: a\nsteps: &a\n  - *a\n", ":2: an alias stands for what it is itself a part of"),
        (
            "c0: &c0 []\n" + "".join(f"c{n}: &c{n} [*c{n - 1}]\n" for n in range(1, 999)),
            ":201: it is nested more than 200 deep",
        ),
        ("[" * 100_000, ":1: it is nested more than 200 deep"),
        ("".join(f"{' ' * n}a:\n" for n in range(900)), ":201: it is nested more than 200 deep"),
        ("#" * 1_000_001, "it has more than 1,000,000 bytes"),
        ("id: !!int x\n", "no YAML: invalid literal"),
        ("id: a\nx: !!set {b}\n", ":2: x: !!set is no value that JSON has"),
        ("id: a\nx: .inf\n", ":2: x: .inf is no number that JSON has"),
        ("id: a\nx: 1.0e+400\n", ":2: x: 1.0e+400 is no number that JSON has"),
        (f"id: a\nx: {'1' * 5000}\n", ":2: an integer of more than 4300 digits"),
        ("id: a\nmock: {1: b}\n", ":2: mock: YAML takes the key 1 for no text; quote it: '1'"),
        ("id: a\n---\nid: b\n", ":2: no YAML: expected a single document"),
        ("", ":1: expected a mapping"),
        ("id: a\n? {b: c}\n: d\n", "a mapping or list stands where a key should"),
    ],
)
def test_yaml_that_is_no_script_is_refused_in_a_line(
    tmp_path: Path, text: str, problem: str
) -> None:
    (said,) = problems_of(tmp_path, a=text)
    assert problem in said
    assert len(said) < 200


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"id": "a", "x": NaN}', "NaN is not JSON"),
        ('{"id": "a", "x": -1e400}', "the number -1e400 is greater than a double can hold"),
        ('{"id": "a",\n "x": "\\ud800"}', "half of a surrogate pair"),
        ('{"id": "a",\n "id": "b"}', ":2: id: the key 'id' comes twice"),
        ('{"id": "a",\n}', ":2: no JSON: "),
    ],
)
def test_json_that_is_no_script_is_refused_in_a_line(
    tmp_path: Path, text: str, problem: str
) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    (said,) = problems_of(tmp_path)
    assert problem in said


def test_json_beyond_yaml_is_read(tmp_path: Path) -> None:
    script = {"id": "a", "description": "\x7f\N{GRINNING FACE}", "mock": {}, "k" * 2000: 1}
    (tmp_path / "a.json").write_text(json.dumps(script), encoding="utf-8")
    scripts = load_scripts(tmp_path)
    assert scripts.workflows["a"].description == script["description"]
    assert len(str(scripts.warnings[0])) < 600


def test_dates_are_texts(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("id: 2024-01-01\ndescription: 2024-13-45\n")
    workflow = load_scripts(tmp_path).workflows["2024-01-01"]
    assert workflow.description == "2024-13-45"


def test_what_is_no_file_is_refused_unopened(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    for name, target in (("gone", "nowhere"), ("device", "/dev/zero"), ("self", "self.yaml")):
        (tmp_path / f"{name}.yaml").symlink_to(target)
    (tmp_path / "latin.yaml").write_bytes("id: café".encode("latin-1"))
    assert problems_of(tmp_path, good="id: good\n") == [
        "device.yaml: it is a device; expected a file",
        "folder.yaml: it is a folder; expected a file",
        "gone.yaml: a link to nothing",
        "latin.yaml: byte 7 is not UTF-8; save it as UTF-8",
        "pipe.yaml: it is a pipe; expected a file",
        "self.yaml: cannot be read: Too many levels of symbolic links",
    ]


@pytest.mark.parametrize(
    "line",
    ["content: {{ input }}", "content: {{ input }}!", "chunks: [{{ input }}]", "x: {% if %}"],
)
def test_a_template_without_quotes_gets_a_hint(tmp_path: Path, line: str) -> None:
    text = f"id: a\nsteps:\n  - type: Step\n    mock:\n      {line}\n"
    (said,) = problems_of(tmp_path, a=text)
    assert said.startswith("a.yaml:5: no YAML: ")
    assert said.endswith('; quote a text that begins with {{ or {%, such as "{{ input }}"')
