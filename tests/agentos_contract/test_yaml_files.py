"""Users' YAML files, whatever they are, are read within limits or refused in a line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentos_contract.document import DocumentError, load_document
from agentos_contract.profiles import ProfileError, load_profile
from agentos_contract.yaml_files import UnreadableFile, read_text, read_users_yaml
from contract_tests.learning.script_sources import ScriptsError, load_scripts_as_written
from tests.scripts import expanding

READERS: list[Callable[[Path], Any]] = [
    read_users_yaml,
    load_document,
    lambda file: load_profile(str(file)),
    lambda file: load_scripts_as_written(file.parent),
]
REFUSALS = (UnreadableFile, DocumentError, ProfileError, ScriptsError)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (expanding("{}"), "it stands for more than 1,000,000 values"),
        (expanding("{{<<: {}}}"), "it stands for more than 1,000,000 values"),
        ("a: &a [*a]", "an alias stands for what it is itself a part of"),
        ("[" * 200_000, "nested more than 200 deep"),
        ("a: !!int x", "no YAML"),
        ("a: [", "no YAML"),
        ("a: \0", "no YAML"),
        ("é", "byte 0 is not UTF-8"),
    ],
)
def test_a_text_that_is_too_much_is_refused_in_a_line(
    tmp_path: Path, read: Callable[[Path], Any], text: str, said: str
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(REFUSALS, match=r".") as refused:
        read(file)
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("read", [read_users_yaml, load_document])
def test_what_is_no_file_is_never_opened(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path, said in (
        (pipe, "it is a pipe; expected a file"),
        (tmp_path, "it is a folder; expected a file"),
        (Path("/dev/zero"), "it is a device; expected a file"),
        (tmp_path / "nowhere", "no such file"),
    ):
        with pytest.raises(REFUSALS, match=said):
            read(path)


def test_a_file_that_grows_is_read_up_to_the_limit(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbf12345")
    assert read_text(tmp_path / "a", 8) == "12345"
    with pytest.raises(UnreadableFile, match="more than 7 bytes"):
        read_text(tmp_path / "a", 7)
