"""A reader's shell: commands of a page are run in a folder, beside the servers that they ask."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.conftest import ROOT, server_process
from tests.docs.pages import Command
from tests.processes import Forked, module_of

BIN = Path(sys.executable).parent
MOCK = "http://localhost:7777"
SECONDS = 300
# Programs that a machine may lack.
SYSTEM = ("openssl", "npx")
SHELL_S = re.compile(r"[|&;<>$`*?~(){}\n]")
"""What a shell does something about, where it is not quoted."""
VARIABLE = re.compile(r'(?<=\s)"\$(\w+)"(?=\s|$)')
"""A word that is a variable, which needs no shell."""
QUOTED = re.compile(r"'[^']*'|\s#.*")
"""What it leaves as it is, or leaves out."""
VARIES = re.compile(r'"created_at":\d+')
# What a checkout has and a command on a page reads.
CHECKOUT = (".venv-agentos", "fixtures", "openapi", "scripted_agentos")


@dataclass(frozen=True)
class Running:
    """A server of a page: the section that has it, and what ends it."""

    section: tuple[str, ...]
    process: contextlib.ExitStack


class Shell:
    """Runs commands in `folder`.

    A server that a command starts runs until its section ends, or another one is started at its
    address. At every other time there is a mock of the bundled workflows at port 7777, as after
    `make serve`, and what `servers` says: mocks with these options, by their addresses. Each
    address of the page has a free port in its place, the same one throughout.
    """

    def __init__(
        self,
        folder: Path,
        *,
        servers: Mapping[str, str],
        environment: Mapping[str, str],
        instead: Mapping[str, str],
    ) -> None:
        self._folder = folder
        self._given = {MOCK: "--seed 1", **servers}
        self._instead = instead
        self._open = contextlib.ExitStack()
        self._places: dict[str, str] = {}
        self._running: dict[str, Running] = {}
        self._environment = {
            **{name: value for name, value in os.environ.items() if "AGENTOS_" not in name},
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "NO_COLOR": "1",
            # npx: what package-lock.json has, or nothing.
            "npm_config_offline": "true",
            "COLUMNS": "200",
            **environment,
        }
        modules = ROOT / "js" / "node_modules"
        if (modules / ".installed").exists():
            (folder / "node_modules").symlink_to(modules)
        (folder / ".venv").mkdir()
        (folder / ".venv" / "bin").symlink_to(BIN)
        for name in CHECKOUT:
            (folder / name).symlink_to(ROOT / name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def run(self, command: Command, section: tuple[str, ...]) -> None:
        """Run it; AssertionError where it ends or says otherwise than it should."""
        for address, running in list(self._running.items()):
            if running.section != section[: len(running.section)]:
                self._stop(address)
        words = shlex.split(replaced(command.text, self._instead), comments=True)
        if is_server(words):
            self._start(*server_of(words), section)
            return
        environment = {name: self.here(value) for name, value in self._environment.items()}
        # Where no answer is shown, it is to be a good one.
        curl = "curl -sS " if command.shown else "curl -sS --fail-with-body "
        text = re.sub(r"^curl ", curl, self.here(command.text))
        with (self._folder / ".said").open("w+", encoding="utf-8") as said:
            # A file, as what is left in the background keeps a pipe open.
            code = self._code_of(text, environment, said)
            said.seek(0)
            output = said.read()
        output = replaced(output, {here: there for there, here in self._places.items()})
        assert code == command.exit_code, f"{command.text}\n{output}"
        missing = line_missing(output, command.shown)
        assert missing is None, f"{command.text}\ndoes not say\n{missing}\nbut\n{output}"

    def _code_of(self, text: str, environment: Mapping[str, str], said: IO[str]) -> int:
        text = VARIABLE.sub(lambda word: shlex.quote(environment.get(word[1], "")), text)
        words = shlex.split(text, comments=True)
        module = module_of(words)
        if module and not SHELL_S.search(QUOTED.sub("", text)):
            process = Forked(module, *words[1:], folder=self._folder, environment=environment)
            said.write(process.communicate(SECONDS)[0])
            return process.wait()
        done = subprocess.run(
            ["bash", "-c", text],
            cwd=self._folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
        )
        return done.returncode

    def here(self, text: str) -> str:
        """A text of the page as it is on this machine; the servers that it names are there."""
        text = replaced(text, self._instead)
        for address, options in self._given.items():
            if without_scheme(address) in text and address not in self._running:
                self._start(address, ["mockserver", "serve", *shlex.split(options)], ())
        return replaced(text, self._places)

    def missing(self, command: Command) -> str | None:
        """Why it cannot be run on this machine."""
        words = command.words
        if words[0] == "npx" and not (self._folder / "node_modules").exists():
            return "js/node_modules is missing (make js)"
        if words[0] in SYSTEM and shutil.which(words[0]) is None:
            return f"{words[0]} is missing"
        return None

    def _start(self, address: str, words: list[str], section: tuple[str, ...]) -> None:
        self._stop(address)
        words = [*words, "--port", self._place(address).rpartition(":")[2]]
        stack = self._open.enter_context(contextlib.ExitStack())
        stack.enter_context(server_process(words, cwd=self._folder, environment=self._environment))
        self._running[address] = Running(section, stack)

    def _stop(self, address: str) -> None:
        running = self._running.pop(address, None)
        if running is not None:
            running.process.close()

    def _place(self, address: str) -> str:
        """Where the page's address is on this machine."""
        if address not in self._places:
            # Bound, and not listening: nobody else is given the port meanwhile.
            kept = self._open.enter_context(socket.socket())
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            kept.bind(("127.0.0.1", 0))
            self._places[address] = f"http://127.0.0.1:{kept.getsockname()[1]}"
        return self._places[address]


def is_server(words: Sequence[str]) -> bool:
    """Whether a command serves until it is ended."""
    name = words[0].rpartition("/")[2]
    if name in ("agentos-mock", "mockserver", "make"):
        return words[1:2] == ["serve"]
    return name == "scripted-agentos" or "scripted_agentos" in words[1:]


def server_of(words: list[str]) -> tuple[str, list[str]]:
    """A server's address as its command has it, and the command without the port."""
    if words[0] == "make":
        words = ["mockserver", "serve"]
    if "--port" not in words:
        return MOCK, words
    at = words.index("--port")
    return f"http://localhost:{words[at + 1]}", words[:at] + words[at + 2 :]


def without_scheme(address: str) -> str:
    return address.removeprefix("http://")


def replaced(text: str, by: Mapping[str, str]) -> str:
    """Words in a text by others; addresses also where they stand without http://."""
    for this, other in by.items():
        text = text.replace(this, other)
        text = text.replace(without_scheme(this), without_scheme(other))
    return text


def line_missing(output: str, shown: str) -> str | None:
    """The first line of what is shown that the output has not, in this order.

    `…` is anything in a line, and any lines where it stands alone.
    """
    lines = iter(VARIES.sub('"created_at":0', output).splitlines())
    for expected in VARIES.sub('"created_at":0', shown).splitlines():
        if expected.strip() in ("", "…"):
            continue
        pattern = re.escape(expected).replace("…", ".*")
        if not any(re.fullmatch(pattern, line) for line in lines):
            return expected
    return None
