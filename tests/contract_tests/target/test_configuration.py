"""Configuration files: found, understood, refused with what is right; the command line wins."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract_tests.cli import main
from contract_tests.target.configuration import (
    Configuration,
    ConfigurationError,
    WorkflowSettings,
    find_configuration,
    load_configuration,
    token_from,
)
from tests.conftest import Serve
from tests.contract_tests.checks.test_mutations import TOKEN, Locked
from tests.contract_tests.conftest import run_cli
from tests.contract_tests.server import ConformingServer, Run


class Noting(ConformingServer):
    """Keeps the messages of its runs."""

    def __init__(self, workflows: tuple[str, ...] = ("main",)) -> None:
        super().__init__(workflows)
        self.messages: dict[str, list[str]] = {}

    def make_run(self, workflow_id: str, form: dict[str, str]) -> Run:
        self.messages.setdefault(workflow_id, []).append(form["message"])
        return super().make_run(workflow_id, form)


def test_the_keys_are_the_commands_options() -> None:
    options = {max(each.opts, key=len).removeprefix("--") for each in main.params}
    keys = {name.replace("_", "-") for name in Configuration.model_fields}
    of_one_run = {"config", "plan", "replay", "token", "update-known", "version"}
    assert keys - {"workflows"} == options - of_one_run


def test_every_key_is_taken(stage: Serve, tmp_path: Path) -> None:
    server = Noting(("main", "other", "typed"))
    file = tmp_path / "c.toml"
    (tmp_path / "known.yaml").write_text("known: {form.unknown-fields: x}")
    file.write_text(f"""
url = "{stage(server)}"
workflow = ["main", "typed"]
known = "known.yaml"
level = "document"
max-runs = 9
max-examples = 0
message = "hi"
require = ["sse.utf-8"]
seed = 5
report-dir = "reports"
idle-timeout = 3
total-timeout = 4.5

[workflows.typed]
message = {{sku = "A", count = 2}}
""")
    result = run_cli("--config", str(file))
    assert result.exit_code == 1  # the known one does not show, and this says that it was read
    assert "FAILED form.unknown-fields" in result.output
    assert "at most 9 runs" in result.output
    assert "seed 5" in result.output
    report = json.loads((tmp_path / "reports" / "report.json").read_text())
    ids = [entry["requirement"] for entry in report["results"]]
    assert "time.created-at" not in ids
    assert set(server.messages) == {"main", "typed"}
    assert set(server.messages["typed"]) == {'{"sku": "A", "count": 2}'}
    assert "hi" in server.messages["main"]


def test_the_command_line_wins(stage: Serve, tmp_path: Path) -> None:
    server = Noting(("main", "other"))
    file = tmp_path / "c.toml"
    file.write_text(
        'url = "http://127.0.0.1:9"\nmax-runs = 2\nmessage = "from the file"\nmax-examples = 0\n'
        '[workflows.main]\nmessage = "from its table"\n'
    )
    url = stage(server)
    run_cli(url, "--config", str(file))
    assert set(server.messages["main"]) == {"from its table"}
    server.messages.clear()
    result = run_cli(url, "--config", str(file), "--message", "told", "--max-runs", "1")
    assert "at most 1 run " in result.output
    assert server.messages["main"] == ["told"]


def test_further_messages_are_streamed_once(stage: Serve, tmp_path: Path) -> None:
    server = Noting()
    file = tmp_path / "c.toml"
    file.write_text('max-examples = 0\n[workflows.main]\nmessages = ["one", "two", "three"]\n')
    result = run_cli(stage(server), "--config", str(file))
    assert result.exit_code == 0, result.output
    assert "2 of further messages" in result.output
    assert server.messages["main"].count("two") == server.messages["main"].count("three") == 1
    assert server.messages["main"].count("one") > 5


@pytest.mark.parametrize("name", ["contract-tests.toml", "pyproject.toml"])
def test_it_is_found_upwards(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: Serve
) -> None:
    table = "[tool.contract-tests]\n" if name == "pyproject.toml" else ""
    (tmp_path / name).write_text(f"{table}seed = 77\nmax-examples = 0\n")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    monkeypatch.chdir(inner)
    assert find_configuration(inner) == tmp_path / name
    assert "seed 77" in run_cli(stage(ConformingServer())).output


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("max-run = 3", "max-run: unknown key; did you mean max-runs?"),
        ("max_runs = 3", "max_runs: unknown key; did you mean max-runs?"),
        ("max-runs = 0", "max-runs: input should be greater than or equal to 1, found 0"),
        ('level = "all"', "level: input should be 'document', 'protocol' or 'observed'"),
        ('token = "x"', "token: a token has no place in a file; expected token-command,"),
        ("[workflows.a]\ndeterministc = true", "workflows.a.deterministc: unknown key; did you"),
        ('[workflows.a]\ndeterministic = "yes, sir"', "workflows.a.deterministic: input should"),
        ('[workflows.a]\nmessage = "x"\nmessages = ["y"]', "workflows.a: expected message or"),
        ("[workflows.a]\nmessages = []", "workflows.a.messages: list should have at least 1 item"),
        ("x = [", "cannot be read"),
    ],
)
def test_a_mistake_is_named(content: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "contract-tests.toml"
    file.write_text(content)
    result = run_cli("http://127.0.0.1:9", "--config", str(file))
    assert result.exit_code == 2
    error = " ".join(result.stderr.split())
    assert says in error
    assert "contract-tests.toml" in error


def test_a_mistake_in_pyproject_names_the_table(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool.contract-tests]\nseed = -1\n")
    with pytest.raises(ConfigurationError, match=r"pyproject.toml: tool.contract-tests: seed: "):
        load_configuration(file)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_a_message_that_is_no_text_is_sent_as_json(value: Any) -> None:
    [message] = WorkflowSettings.model_validate({"messages": [value]}).samples
    assert message == value if isinstance(value, str) else json.loads(message) == value


def test_a_workflow_that_is_not_there(stage: Serve, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[workflows.mian]\ndeterministic = true\n")
    result = run_cli(stage(ConformingServer()), "--config", str(file))
    assert result.exit_code == 2
    assert "workflows.mian is configured, and it has none such; did you mean main?" in result.stderr


def test_a_message_that_does_not_fit(stage: Serve, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[workflows.typed]\nmessages = [{sku = "x", count = 1}, "no"]\n')
    result = run_cli(stage(ConformingServer(("typed",))), "--config", str(file))
    assert result.exit_code == 2
    assert "message 2 of its configuration does not fit its input_schema" in result.stderr


def test_the_token_of_a_command(stage: Serve, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    command = [sys.executable, "-c", f"print({TOKEN!r})"]
    file.write_text(f"max-examples = 0\ntoken-command = {json.dumps(command)}\n")
    url = stage(Locked())
    result = run_cli(url, "--config", str(file))
    assert result.exit_code == 0, result.output
    assert TOKEN not in result.output
    # The option and the environment come first.
    assert run_cli(url, "--config", str(file), "--token", "wrong").exit_code == 2
    assert run_cli(url, "--config", str(file), env={"AGENTOS_TOKEN": "wrong"}).exit_code == 2


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ([sys.executable, "-c", "print('s3cret'); raise SystemExit(3)"], "ended with 3"),
        ([sys.executable, "-c", ""], "printed nothing; expected the token"),
        ("/nowhere/at-all now", "/nowhere/at-all cannot be run"),
        ("", "it is empty; expected a command"),
    ],
)
def test_a_command_that_gives_no_token(command: str | list[str], says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        token_from(command)
    assert says in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_no_password_in_the_url() -> None:
    result = run_cli("http://user:hunter2@127.0.0.1:9")
    assert result.exit_code == 2
    assert "it has a user or a password in it" in " ".join(result.stderr.split())
    assert "hunter2" not in result.stderr + result.output
