"""Scripts for tests: written in one, or the bundled ones without their long waits."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from mockserver.script.loader import BUNDLED_SCRIPTS, load_scripts
from mockserver.script.model import Workflow
from mockserver.script.problems import ScriptError


def workflow_from(script: dict[str, Any]) -> Workflow:
    """The script, loaded as from a file. Raises ScriptError."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "script.json").write_text(json.dumps(script), encoding="utf-8")
        return load_scripts(folder).workflows[script["id"]]


def problems_of(folder: Path, **files: str) -> list[str]:
    """The problems of scripts written into a folder, without the folder's name."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ScriptError) as caught:
        load_scripts(folder)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def write_brisk_scripts(folder: Path) -> None:
    """The bundled scripts, of which slow-report takes one second instead of five."""
    for file in BUNDLED_SCRIPTS.glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        if file.stem == "slow-report":
            assert text.count("delay: 0.5\n") == 1
            text = text.replace("delay: 0.5\n", "delay: 0.1\n")
        (folder / file.name).write_text(text, encoding="utf-8")


def expanding(merged: str) -> str:
    """Twelve lines of which each refers nine times to the one before."""
    lines = [f"a0: &a0 {{k: {'x' * 9}}}"]
    for n in range(1, 12):
        aliases = ", ".join([f"*a{n - 1}"] * 9)
        lines.append(f"a{n}: &a{n} {merged.format(f'[{aliases}]')}")
    return "id: x\n" + "\n".join(lines) + "\n"
