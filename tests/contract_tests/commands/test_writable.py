"""What cannot be written is said before anything is asked of a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from mockserver.cli import main as mock
from tests.contract_tests.conftest import run_cli
from tests.hostile_server import hostile, plain


@pytest.mark.parametrize(
    "words",
    [
        ("--report-dir", "{}"),
        ("--allure-dir", "{}/below"),
        ("--log", "{}/log.har"),
        ("--update-known", "{}/known.yaml"),
        ("drift", "--report-dir", "{}"),
        ("fuzz", "--report-dir", "{}/below"),
        ("learn", "--out", "{}/profile.yaml"),
        ("record", "--out", "{}/recorded"),
    ],
    ids=lambda words: words[0],
)
def test_it_is_said_before(words: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    arguments = [word.format(file) for word in words]
    command = [arguments.pop(0)] if not arguments[0].startswith("-") else []
    with hostile(lambda path, body: plain(b"{}")) as server:
        if command == ["record"]:
            result = CliRunner().invoke(mock, [*command, server.url, *arguments])
        else:
            result = run_cli(*command, server.url, *arguments)
        assert server.heads == []
    assert result.exit_code == 2
    (line,) = result.stderr.strip().splitlines()
    assert str(file) in line
    assert arguments[-2] in line
    assert any(said in line for said in ("cannot be written (", "is a file"))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    result = run_cli("diff", "agno-2.5.6", "agno-2.5.6", "--report", str(tmp_path / "a" / "b.json"))
    assert result.exit_code == 0, result.output
    assert (tmp_path / "a" / "b.json").is_file()
    with hostile(lambda path, body: plain(b"{}")) as server:
        result = run_cli(server.url, "--log", str(tmp_path))
        assert server.heads == []
    assert result.exit_code == 2
