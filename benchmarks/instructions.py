"""Instructions of one request: `python -m benchmarks.instructions` (valgrind, a minute each).

They are the same on a busy machine, where seconds are not: 1 % of them can be told. Counted by
callgrind, of `content-pipeline` (three steps) in process, once all that is done once was done; of
two counts the difference, so that what counting itself takes goes out.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import re
import subprocess
import sys

from benchmarks.in_process import run
from mockserver.app import create_app

MODES = {"batch": "false", "stream": "true"}
_BEFORE = 60
"""Requests that are not counted."""
_FEW = 10


async def _ask(mode: str, count: int) -> None:
    """What valgrind is given: the counting is on for so many requests."""
    app = create_app()

    async def ask(times: int) -> None:
        for _ in range(times):
            await run(app, "content-pipeline", message="tea", stream=MODES[mode])

    def counting(state: str) -> None:
        command = ["callgrind_control", "-i", state, str(os.getpid())]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    await ask(_BEFORE)
    # As `mockserver serve` does it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)
    counting("on")
    await ask(count)
    counting("off")


def _counted(mode: str, count: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no"]
    command += ["--callgrind-out-file=/dev/null", sys.executable, "-m", "benchmarks.instructions"]
    ended = subprocess.run(
        [*command, mode, "--asked", str(count)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    found = re.search(r"Collected : (\d+)", ended.stderr)
    if ended.returncode or found is None:
        sys.exit(f"{' '.join(command)} failed:\n{ended.stderr}")
    return int(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modes", nargs="*", choices=[*MODES, []], help="all, unless said")
    parser.add_argument("--requests", type=int, default=150)
    parser.add_argument("--asked", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for mode in arguments.modes or MODES:
        if arguments.asked is not None:
            asyncio.run(_ask(mode, arguments.asked))
            continue
        more = _counted(mode, _FEW + arguments.requests) - _counted(mode, _FEW)
        print(f"{mode:6}  {more // arguments.requests:9,} instructions a request", flush=True)


if __name__ == "__main__":
    main()
