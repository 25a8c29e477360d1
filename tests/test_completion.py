"""Completion of the commands, in real shells that a terminal types into."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

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


@pytest.mark.parametrize("line", LINES)
def test_names_are_completed(completed: Completed, line: str) -> None:
    typed, _, rest = line.partition("|")
    assert completed(typed) == typed + rest


def test_workflows_are_those_of_the_server(completed: Completed, mock_url: str) -> None:
    for command in ("contract-tests", "contract-tests fuzz", "agentos-mock record"):
        line = f"{command} {mock_url} --workflow content-p"
        assert completed(line) == f"{line}ipeline"


def test_where_no_server_answers_nothing_is_said(completed: Completed) -> None:
    line = "contract-tests http://127.0.0.1:9 --workflow cont"
    assert completed(line) == line


def test_files_are_completed_where_no_name_is_meant(completed: Completed) -> None:
    line = "contract-tests u --known ./kno"
    assert completed(line) == f"{line}wn.yaml"
