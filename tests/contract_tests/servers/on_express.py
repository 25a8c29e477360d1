"""Express by Node's own server (express.mjs), in a process of its own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import ROOT

NODE = shutil.which("node")
MODULES = ROOT / "js" / "node_modules"
IS_HERE = NODE is not None and (MODULES / "express").is_dir()


@contextmanager
def served(*how: str) -> Iterator[str]:
    """`how`: compressed, held."""
    assert NODE is not None
    script = Path(__file__).parent / "express.mjs"
    with subprocess.Popen(
        [NODE, str(script), str(MODULES), *how], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url, "Express did not start"
            yield url
        finally:
            process.kill()
