"""Where the one-file binary starts (`make binary`): the mock; the contract tests where it is called
by their name."""

from __future__ import annotations

import ctypes
import signal
import sys
from multiprocessing import freeze_support
from pathlib import Path

import click

PR_SET_PDEATHSIG = 1
"""Of Linux's prctl(2): the signal that a process gets when its parent ends."""


def main() -> None:
    # PyInstaller's loader is the process that was started; this one is its child, and would go on
    # where the loader is killed.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    name = Path(sys.argv[0]).stem
    command: click.Command
    if name == "contract-tests":
        from contract_tests.cli import main as command
    else:
        from mockserver.cli import main as command
    command(prog_name=name)


if __name__ == "__main__":
    freeze_support()  # a process of `contract-tests fuzz --workers` is the binary again
    main()
