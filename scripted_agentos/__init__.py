"""A real AgentOS 2.5.6 serving workflow scripts, without models.

A script (the kit's docs/scripts.md) becomes Agno objects: `Workflow`, `Step`, `Parallel`,
`Condition`, `Loop`, `Router`, `Steps`. What `mock` says is carried out by function executors, and
for agents and teams by a `Model` that answers from the script; everything else, from routing to
the last event, is Agno's own and untouched. It imports nothing else of the kit.

    build_workflow(script, db=db)       one script's Workflow, for an AgentOS of your own
    load_workflows(folder, db)          a folder's
    python -m scripted_agentos --help   the server

Agno reads its environment (OS_SECURITY_KEY) while its modules load, so that they load only when
one of these names is first asked for: set the environment before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scripted_agentos.errors import ScriptError

if TYPE_CHECKING:
    from scripted_agentos.workflows import build_workflow, load_workflows

__all__ = ["ScriptError", "build_workflow", "load_workflows"]


def __getattr__(name: str) -> Any:
    if name in ("build_workflow", "load_workflows"):
        from scripted_agentos import workflows

        return getattr(workflows, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
