"""What a request costs as runs and sessions grow: `python -m benchmarks.scaling`.

CPU of this process (`time.process_time`), the mock called as an ASGI application, so that no client
and no socket is measured. Each curve is linear where its cost of one unit stays what it was: the
table says by how much that of the largest size exceeds the median of the others. `--write` keeps
the figures in benchmarks/results/scaling.json and the picture in docs/images/scaling.svg.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.curves import Curve, picture
from benchmarks.in_process import run
from mockserver.app import Settings, create_app
from mockserver.script.loader import load_text

ROOT = Path(__file__).parent.parent
SIZES = {
    "steps": (10, 100, 1_000, 10_000),
    "tokens": (100, 1_000, 10_000, 90_000),
    "depth": (1, 5, 10, 25, 50),
    "sessions": (100, 1_000, 10_000, 100_000),
    "runs": (100, 1_000, 10_000, 100_000),
}
UNITS = {
    "steps": "a step of a streamed run",
    "tokens": "a token of a streamed answer",
    "depth": "a level of nested Steps, streamed",
    "sessions": "a batch run in a session of its own, after so many",
    "runs": "a batch run, after so many in its session",
}
_LAST = 500
"""Requests over which the cost of one is measured, where it is that of the last of many."""


def _step(name: str) -> dict[str, Any]:
    # Nothing more, so that ten thousand are within the limit of a script's values.
    return {"type": "Step", "name": name, "executor_ref": "f"}


def _workflow(kind: str, size: int) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [_step("only")]
    if kind == "steps":
        steps = [_step(f"s{index}") for index in range(size)]
    elif kind == "tokens":
        agent = {"id": "a", "name": "A"}
        steps = [{"type": "Step", "name": "s", "agent": agent, "mock": {"chunks": ["ab "] * size}}]
    elif kind == "depth":
        for level in range(size):
            steps = [{"type": "Steps", "name": f"l{level}", "steps": steps}]
    return {"id": "w", "name": "W", "steps": steps}


async def _whole_run(kind: str, size: int) -> float:
    """Seconds of CPU that one unit of one run takes, the median of runs."""
    workflow = load_text(json.dumps(_workflow(kind, size)), "w.json", is_json=True)
    app = create_app(Settings(workflows={"w": workflow}))
    await run(app, "w", message="x")
    taken = []
    for _ in range(max(3, min(50, 2_000 // size))):
        started = time.process_time()
        await run(app, "w", message="x")
        taken.append(time.process_time() - started)
    return statistics.median(taken) / size


async def _last_of_many(kind: str, size: int) -> float:
    """Seconds of CPU of a run, where so many came before it."""
    workflow = load_text(json.dumps(_workflow(kind, 1)), "w.json", is_json=True)
    app = create_app(Settings(workflows={"w": workflow}))
    form = {"message": "x", "stream": "false"}
    if kind == "runs":
        form["session_id"] = "one"
    started = 0.0
    for count in range(size + _LAST):
        if count == size:
            started = time.process_time()
        await run(app, "w", **form)
    return (time.process_time() - started) / _LAST


_MEASURES: Mapping[str, Callable[[str, int], Coroutine[Any, Any, float]]] = {
    "steps": _whole_run,
    "tokens": _whole_run,
    "depth": _whole_run,
    "sessions": _last_of_many,
    "runs": _last_of_many,
}


def measure(kinds: list[str], factor: float) -> Iterator[Curve]:
    """The curves; `factor` makes the sizes smaller."""
    for kind in kinds:
        points = []
        for size in SIZES[kind]:
            scaled = max(1, round(size * factor))
            gc.collect()
            points.append((scaled, asyncio.run(_MEASURES[kind](kind, scaled)) * 1e6))
        yield Curve(kind, UNITS[kind], tuple(points))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=[*SIZES, []], help="all, unless said")
    parser.add_argument("--factor", type=float, default=1.0, help="of the sizes, such as 0.1")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    curves = []
    for curve in measure(arguments.kinds or list(SIZES), arguments.factor):
        curves.append(curve)
        shown = "  ".join(f"{size:,}: {cost:.1f}" for size, cost in curve.points)
        print(f"{curve.name:8}  us of {curve.unit}: {shown}   (x{curve.growth:.2f})", flush=True)
    if arguments.write:
        results = {curve.name: dict(curve.points) for curve in curves}
        file = ROOT / "benchmarks" / "results" / "scaling.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        (ROOT / "docs" / "images" / "scaling.svg").write_text(picture(curves), encoding="utf-8")


if __name__ == "__main__":
    main()
