"""Scripts as Agno's workflows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from agno.db.base import BaseDb
from agno.workflow import Workflow

from scripted_agentos.agents import given
from scripted_agentos.errors import Place, ScriptError, warn
from scripted_agentos.functions import workflow_function
from scripted_agentos.schema import model_from_schema
from scripted_agentos.steps import ROUTER_SETTINGS, build_steps

MAX_VALUES = 100_000
WORKFLOW_SETTINGS = (
    "name",
    "description",
    "session_state",
    "metadata",
    "add_workflow_history_to_steps",
    "num_history_runs",
    "stream_executor_events",
    "store_executor_outputs",
)


# What AgentOS 2.5.6 loses of a step when it copies a workflow for a request, and its pauses need.
_LOST = (*ROUTER_SETTINGS, "on_error")


class PausingWorkflow(Workflow):
    """A workflow whose copies pause as those do that AgentOS loads from its database."""

    def _deep_copy_single_step(self, step: Any) -> Any:
        copied = super()._deep_copy_single_step(step)
        for name in _LOST:
            if hasattr(copied, name) and (name != "on_error" or step.on_error == "pause"):
                setattr(copied, name, getattr(step, name))
        return copied


def build_workflow(
    script: Mapping[str, Any], *, db: BaseDb, file: str = "script", pauses: bool = False
) -> Workflow:
    """A script as Agno's Workflow. `file` names it in errors. Raises ScriptError.

    `pauses`: where its steps ask for confirmation or input it pauses, as AgentOS does with the
    workflows of its database. Of those that it is given in code 2.5.6 forgets what they ask.
    """
    if not isinstance(script, Mapping):
        raise ScriptError(f"{file}: must be a mapping with id and steps")
    if not isinstance(script.get("id"), str):
        raise ScriptError(f"{file}: id: must be a text, not {script.get('id')!r}")
    mock = script.get("mock") or {}
    if mock.get("scenarios"):
        warn(f"{file}: mock: scenarios are the mock's own; this server carries out the steps")
    function = {key: value for key, value in mock.items() if key != "scenarios"}
    if function and script.get("steps"):
        raise ScriptError(
            f"{file}: mock: what a function answers in the place of `steps`; not both"
        )
    steps: Any
    if function:
        steps = workflow_function(function, script.get("name") or script["id"], Place(file, "mock"))
    else:
        steps = build_steps(script.get("steps"), Place(file, "steps"))
    schema = script.get("input_schema")
    model = model_from_schema(schema, f"{file}: input_schema") if schema else None
    kind = PausingWorkflow if pauses else Workflow
    return kind(
        id=script["id"],
        db=db,
        steps=steps,
        input_schema=model,
        telemetry=False,
        **given(script, WORKFLOW_SETTINGS),
    )


def load_workflow(file: Path, db: BaseDb, *, pauses: bool = False) -> Workflow:
    """A script file's Workflow. Raises ScriptError."""
    try:
        if not file.is_file():  # a pipe would be waited for
            raise ScriptError(f"{file}: no regular file")
        text = file.read_text(encoding="utf-8-sig")
        # YAML reads JSON, but for the escapes of what is beyond the Basic Multilingual Plane.
        script = json.loads(text) if file.suffix == ".json" else _load_yaml(text)
    except OSError as error:
        raise ScriptError(f"{file}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ScriptError(f"{file}: neither YAML nor JSON: {reason}") from error
    return build_workflow(script, db=db, file=file.name, pauses=pauses)


class _Loader(yaml.SafeLoader):
    """The safe loader, to which dates are texts, as to JSON."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML has it
        first: [found for found in resolvers if found[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _load_yaml(text: str) -> Any:
    """A YAML document. Raises ValueError where its aliases stand for too many values."""
    loader = _Loader(text)
    node = loader.get_single_node()
    if node is None:
        return None
    _count(node, {})
    return loader.construct_document(node)


def _count(node: yaml.Node, known: dict[yaml.Node, int]) -> int:
    """How many values a node stands for, each alias counted with all that it refers to."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if node not in known:
        known[node] = MAX_VALUES  # of what contains itself there is no end
        items = node.value
        if isinstance(node, yaml.MappingNode):
            items = [part for pair in items for part in pair]
        known[node] = 1 + sum(_count(item, known) for item in items)
    if known[node] > MAX_VALUES:
        raise ValueError(f"with its aliases it stands for more than {MAX_VALUES:,} values")
    return known[node]


def load_workflows(folder: Path, db: BaseDb, *, pauses: bool = False) -> list[Workflow]:
    """One workflow from each .yaml, .yml and .json file of `folder`, by the files' names."""
    if not folder.is_dir():
        raise ScriptError(f"{folder}: no such folder")
    files = sorted(p for p in folder.iterdir() if p.suffix in {".yaml", ".yml", ".json"})
    if not files:
        raise ScriptError(f"{folder}: holds no .yaml, .yml or .json file")
    workflows = [load_workflow(file, db, pauses=pauses) for file in files]
    seen: dict[str, Path] = {}
    for file, workflow in zip(files, workflows, strict=True):
        if workflow.id in seen:
            raise ScriptError(f"{file}: id: {workflow.id!r} is taken by {seen[workflow.id]}")
        seen[workflow.id] = file
    return workflows
