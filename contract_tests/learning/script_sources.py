"""Workflow scripts as they are written, for what a server's descriptions leave out.

Whether they are good scripts is the mock's business (`mockserver check`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentos_contract.yaml_files import UnreadableFile, read_users_yaml

SUFFIXES = (".yaml", ".yml", ".json")


class ScriptsError(ValueError):
    """A folder has no scripts that can be read; str() says why."""


def load_scripts_as_written(folder: Path) -> dict[str, Mapping[str, Any]]:
    """The scripts of a folder by workflow id. Raises ScriptsError."""
    scripts: dict[str, Mapping[str, Any]] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix not in SUFFIXES:
            continue
        try:
            content = read_users_yaml(file)
        except UnreadableFile as error:
            raise ScriptsError(f"{file}: {error}") from error
        if not isinstance(content, Mapping) or not isinstance(content.get("id"), str):
            raise ScriptsError(f"{file}: expected a workflow with an id")
        scripts[content["id"]] = content
    if not scripts:
        raise ScriptsError(f"{folder}: holds no script")
    return scripts
