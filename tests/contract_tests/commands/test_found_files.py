"""A file that a stranger may have written does not choose who gets the token, nor what is run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from agentos_contract.connection import below
from tests.contract_tests.conftest import run_cli
from tests.hostile_server import HostileServer, hostile, plain

TOKEN = "my-own-token"
QUIET = "max-examples = 0\nmax-runs = 1\n"


@pytest.fixture
def theirs() -> Iterator[HostileServer]:
    """The server that a file names."""
    with hostile(lambda path, body: plain(b"{}")) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout, in whose folder a command is started."""
    inner = tmp_path / "checkout" / "src"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    return inner.parent


def configured(folder: Path, text: str) -> Path:
    file = folder / "contract-tests.toml"
    file.write_text(QUIET + text, encoding="utf-8")
    return file


SECRETS = [
    (("--token", TOKEN), {}, "the token"),
    ((), {"AGENTOS_TOKEN": TOKEN}, "the token"),
    (("--token-command", f"echo {TOKEN}"), {}, "the token"),
    (("--header", f"X-Key: {TOKEN}"), {}, "the headers"),
    ((), {"AGENTOS_HEADERS": f"X-Key: {TOKEN}"}, "the headers"),
]


@pytest.mark.parametrize(("arguments", "environment", "secret"), SECRETS)
def test_a_found_file_does_not_choose_who_gets_it(
    arguments: tuple[str, ...],
    environment: dict[str, str],
    secret: str,
    folder: Path,
    theirs: HostileServer,
) -> None:
    file = configured(folder, f'url = "{theirs.url}"\n')
    result = run_cli(*arguments, env=environment)
    assert result.exit_code == 2
    assert theirs.heads == []
    said = f"{file}: url: a file that was found, and not named, does not choose who gets {secret}; "
    (line,) = result.stderr.splitlines()
    assert line.endswith(f"{said}name it (--config ../contract-tests.toml), or say the URL")
    assert TOKEN not in result.output
    # Named, or without anything that is secret, it is asked.
    assert run_cli(*arguments, "--config", str(file), env=environment).exit_code != 2
    assert any(TOKEN.encode() in head for head in theirs.heads)
    theirs.heads.clear()
    assert run_cli().exit_code != 2
    assert theirs.heads
    assert not any(TOKEN.encode() in head for head in theirs.heads)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('proxy = "http://127.0.0.1:9"', "proxy"),
        ("insecure = true", "insecure"),
        ('ca = "ca.pem"', "ca"),
    ],
)
def test_nor_what_stands_between(text: str, key: str, folder: Path, theirs: HostileServer) -> None:
    trustme.CA().cert_pem.write_to_path(str(folder / "ca.pem"))
    configured(folder, text)
    result = run_cli(theirs.url, "--token", TOKEN)
    assert result.exit_code == 2
    assert f": {key}: a file that was found" in result.stderr
    assert f"or give --{key}" in result.stderr
    assert theirs.heads == []


@pytest.mark.parametrize("command", [(), ("drift",), ("fuzz", "--time", "1s"), ("learn",)])
def test_nor_what_is_run(command: tuple[str, ...], folder: Path, theirs: HostileServer) -> None:
    touched = folder / "touched"
    script = f"open({str(touched)!r}, 'w'); print('{TOKEN}')"
    text = f"token-command = {json.dumps([sys.executable, '-c', script])}\n"
    file = configured(folder, text)
    more = ("--out", str(folder / "learned.yaml")) if command == ("learn",) else ()
    result = run_cli(*command, theirs.url, *more)
    assert result.exit_code == 2
    assert not touched.exists()
    assert theirs.heads == []
    assert "token-command: a file that was found, and not named, does not choose what is run" in (
        result.stderr
    )
    if command:
        return
    assert run_cli(theirs.url, "--config", str(file)).exit_code != 2
    assert touched.exists()
    touched.unlink()
    assert run_cli(theirs.url, "--token", TOKEN).exit_code != 2
    assert not touched.exists()


@pytest.mark.parametrize("key", ["log", "report-dir", "allure-dir"])
def test_nor_what_is_written_elsewhere(key: str, folder: Path, theirs: HostileServer) -> None:
    outside = folder.parent / "mine"
    configured(folder, f'{key} = "../mine"\n')
    result = run_cli(theirs.url)
    assert result.exit_code == 2
    assert f"{key}: a file that was found, and not named, does not choose what is written" in (
        result.stderr
    )
    assert not outside.exists()
    configured(folder, f'{key} = "inside"\n')
    assert run_cli(theirs.url).exit_code != 2
    assert (folder / "inside").exists()


def test_a_saved_failure_does_not_choose_who_gets_it(
    tmp_path: Path, folder: Path, theirs: HostileServer
) -> None:
    first = run_cli(theirs.url, "--max-examples", "0", "--report-dir", str(tmp_path / "reports"))
    assert first.exit_code == 1
    theirs.heads.clear()
    reports = str(tmp_path / "reports")
    for arguments, environment, secret in SECRETS:
        result = run_cli("--replay", reports, *arguments, env=environment)
        assert result.exit_code == 2
        assert theirs.heads == []
        assert f"{reports} names {theirs.url}, and a file does not choose who gets {secret}; " in (
            result.stderr
        )
        assert result.stderr.rstrip().endswith(f"contract-tests {theirs.url} --replay {reports}")
    assert run_cli(theirs.url, "--replay", reports, "--token", TOKEN).exit_code == 1
    assert any(TOKEN.encode() in head for head in theirs.heads)
    assert run_cli("--replay", reports).exit_code == 1


@pytest.mark.parametrize("path", ["@127.0.0.1:9/x", ".evil.example/x", ":80@evil.example/", "x"])
def test_a_saved_request_stays_at_the_server(
    path: str, tmp_path: Path, theirs: HostileServer
) -> None:
    form = {"path": path, "content": "message=x", "content_type": None}
    odd = {"kind": "odd", "method": "GET", "path": path}
    checked = {"requirement": "form.invalid-refused", "message": "", "checks": ["invalid_forms"]}
    drawn = {"requirement": "form.invalid-refused", "message": "", "sequences": [[odd]]}
    for failure in (checked | {"request": form}, drawn):
        content = {
            "target": theirs.url,
            "seed": 1,
            "idle_timeout": 1,
            "total_timeout": 2,
            "failures": [failure],
        }
        (tmp_path / "replay.json").write_text(json.dumps(content))
        result = run_cli(theirs.url, "--replay", str(tmp_path), "--token", TOKEN)
        assert result.exit_code == 2
        assert "path: String should match pattern" in result.stderr
        assert theirs.heads == []
    with pytest.raises(ValueError, match="expected one that begins with /"):
        below("http://localhost:7777", path)
