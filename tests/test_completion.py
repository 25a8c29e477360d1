"""Completion of the commands, in real shells that a terminal types into."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
from click.testing import CliRunner

import contract_tests.cli
import mockserver.cli
from tests.docs.pages import EXAMPLES

BIN = Path(sys.executable).parent
TERMINAL = {"PATH": f"{BIN}:/usr/bin:/bin", "TERM": "dumb", "LANG": "C.UTF-8"}
STARTS = {
    "bash": "bash --noprofile --norc -i",
    "zsh": "zsh -f -i",
    "fish": "fish --no-config -i",
}

Completed = Callable[[str], str]
"""Types the beginning of a line and a tab; the line that the shell makes of it."""


def documented(shell: str) -> str:
    """The lines that docs/install.md has for a shell."""
    (block,) = [
        example.text
        for example in EXAMPLES
        if example.page == "docs/install.md" and f"_COMPLETE={shell}_source" in example.text
    ]
    return block


@pytest.fixture(scope="module", params=STARTS)
def completed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Completed]:
    if shutil.which(request.param) is None:
        pytest.skip(f"there is no {request.param}: make shells")
    home = tmp_path_factory.mktemp(request.param)
    (home / "known.yaml").touch()
    shell: pexpect.spawn[str] = pexpect.spawn(
        STARTS[request.param],
        env={**TERMINAL, "HOME": str(home)},
        cwd=str(home),
        encoding="utf-8",
        timeout=60,
        dimensions=(50, 300),
    )
    shell.delaybeforesend = None

    def said(typed: str) -> str:
        # What is typed is shown too: only the output of echo has no quotes in it.
        shell.send(f"{typed}\r")
        shell.expect(r"said: ([^\r\n\x1b]*)")
        assert isinstance(shell.match, re.Match)
        return str(shell.match[1]).rstrip()

    for line in documented(request.param).splitlines():
        shell.send(f"{line}\r")
    said('echo s""aid: ready')
    yield lambda typed: said(f'{typed}\t\x01echo s""aid: ')
    shell.close(force=True)


# Typed as far as the bar.
LINES = [
    "agentos-mock ser|ve",
    "agentos-mock serve --fault stream.no-cache|-control",
    "agentos-mock serve --vary event.spaced|-json",
    "agentos-mock serve --as agn|o-2.5.6",
    "agentos-mock faults event.spaced|-json",
    "contract-tests dri|ft",
    "contract-tests u --require order.first|-event",
    "contract-tests u --known agn|o-2.5.6",
    "contract-tests fuzz u --max-f|ailures",
    "contract-tests drift u --since agn|o-2.5.6",
    "contract-tests diff agn|o-2.5.6",
]
IN_SHELLS = ["agentos-mock serve --fault stream.no-cache|-control"]
"""What is completed does not go by the shell, and to start one takes seconds."""

COMMANDS = {"agentos-mock": mockserver.cli.main, "contract-tests": contract_tests.cli.main}


def offered(typed: str) -> list[str]:
    """What a command offers a shell for the last word, as bash asks it; files are `file`."""
    name, *words = typed.split(" ")
    variable = f"_{name.replace('-', '_').upper()}_COMPLETE"
    asked = {variable: "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(len(words))}
    result = CliRunner(env=asked).invoke(COMMANDS[name], prog_name=name)
    assert result.exit_code == 0, result.output
    kinds = [line.split(",", 1) for line in result.output.split()]
    return [value if kind == "plain" else kind for kind, value in kinds]


@pytest.mark.parametrize("line", LINES)
def test_names_are_offered(line: str) -> None:
    typed, _, rest = line.partition("|")
    assert offered(typed) == [typed.rpartition(" ")[2] + rest]


@pytest.mark.parametrize("line", IN_SHELLS)
def test_names_are_completed(completed: Completed, line: str) -> None:
    typed, _, rest = line.partition("|")
    assert completed(typed) == typed + rest


@pytest.mark.parametrize(
    "command", ["contract-tests", "contract-tests fuzz", "agentos-mock record"]
)
def test_workflows_are_those_of_the_server(command: str, mock_url: str) -> None:
    assert offered(f"{command} {mock_url} --workflow content-p") == ["content-pipeline"]


def test_a_server_is_asked_from_a_shell(completed: Completed, mock_url: str) -> None:
    line = f"contract-tests {mock_url} --workflow content-p"
    assert completed(line) == f"{line}ipeline"


def test_a_prompt_waits_for_no_imports() -> None:
    """Options, --help and completion are without what the commands do: a second and more."""
    code = "import sys, contract_tests.cli, mockserver.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    packages = {name.partition(".")[0] for name in done.stdout.split()}
    heavy = {"celpy", "connexion", "httpx2", "hypothesis", "pydantic", "schemathesis", "starlette"}
    assert not packages & heavy


def test_where_no_server_answers_nothing_is_said() -> None:
    assert offered("contract-tests http://127.0.0.1:9 --workflow cont") == []


def test_files_are_completed_where_no_name_is_meant(completed: Completed) -> None:
    line = "contract-tests u --known ./kno"
    assert completed(line) == f"{line}wn.yaml"
