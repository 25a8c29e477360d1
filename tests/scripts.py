"""Scripts written in a test."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from mockserver.script.loader import load_scripts
from mockserver.script.model import Workflow


def workflow_from(script: dict[str, Any]) -> Workflow:
    """The script, loaded as from a file. Raises ScriptError."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "script.json").write_text(json.dumps(script), encoding="utf-8")
        return load_scripts(folder).workflows[script["id"]]
