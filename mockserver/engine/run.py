"""One run's record: what was asked, and what has come of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentos_contract.events import MEDIA_KINDS
from mockserver.engine.media import Media
from mockserver.engine.results import Result, metrics_by_step
from mockserver.script.model import Workflow

REQUIREMENTS = ("step_requirements", "error_requirements")
"""The members of a paused run that say what it waits for."""


@dataclass
class Run:
    """One run: what was asked, and what has come of it so far."""

    workflow: Workflow
    run_id: str
    session_id: str
    user_id: str | None
    input: Any
    """The message: a text, or the JSON value in it where the workflow has an input_schema."""
    session_state: dict[str, Any]
    created_at: int
    """Seconds since the epoch."""
    status: str = "RUNNING"
    """One of Agno's RunStatus: PENDING, RUNNING, COMPLETED, CANCELLED, ERROR, PAUSED."""
    content: Any = None
    step_results: list[Result] = field(default_factory=list)
    step_executor_runs: list[dict[str, Any]] = field(default_factory=list)
    duration: float = 0.0
    """Seconds."""
    is_streamed: bool = False
    is_sent_late: bool = False
    """Its events leave no sooner than when it next waits."""
    additional_data: Any = None
    """The form's field of that name: a text, or True."""
    form: Mapping[str, Any] = field(default_factory=dict)
    """All that the request's form says."""
    media: Media = field(default_factory=dict)
    """The media that the workflow's own steps have given so far."""
    input_text: str = ""
    """The input as steps are given it: a text."""
    input_value: Any = None
    """The input as scripts see it; None: the same as `input`."""
    paused_at: tuple[int, str] | None = None
    """The index and name of the step that it waits at."""
    requirements: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What it waits for: `step_requirements` or `error_requirements`."""
    workflow_name: str | None = field(init=False)

    def __post_init__(self) -> None:
        self.workflow_name = self.workflow.name
        if self.input_value is None:
            self.input_value = self.input
        if isinstance(self.input, str):
            self.input_text = self.input
        elif not self.input_text:
            self.input_text = json.dumps(self.input, indent=2, ensure_ascii=False)

    def _all_media(self) -> dict[str, Any]:
        """What its steps gave, as the body of a run that is over has it: in batch also what there
        is nothing of. Not where it was cancelled, or a function stands in the place of steps."""
        if self.status == "CANCELLED" or self.workflow.function is not None:
            return {}
        given = {kind: self.media.get(kind, []) for kind in MEDIA_KINDS}
        return {kind: of for kind, of in given.items() if of or not self.is_streamed}

    def to_dict(self) -> dict[str, Any]:
        """The batch body, with its keys in Agno's order (`WorkflowRunOutput.to_dict`)."""
        is_over = self.status not in ("PENDING", "RUNNING", "PAUSED")
        index, name = self.paused_at or (None, None)
        body: dict[str, Any] = {
            "input": self.input,
            "content": self.content,
            "content_type": "str",
            "workflow_id": self.workflow.id,
            "workflow_name": self.workflow_name,
            "run_id": self.run_id,
            "session_id": self.session_id,
            "user_id": self.user_id,
            "created_at": self.created_at,
            "status": self.status,
            "paused_step_index": index,
            "paused_step_name": name,
            **(self._all_media() if is_over else {}),
            "step_results": self.step_results or None,
            "step_executor_runs": self.step_executor_runs or None,
            "metrics": {
                "steps": metrics_by_step(self.step_results) if self.status != "PAUSED" else {},
                "duration": round(self.duration, 6) if is_over else None,
            },
            **self.requirements,
        }
        return {key: value for key, value in body.items() if value is not None}


OF_THE_RUN = (
    "current_session_id",
    "current_user_id",
    "current_run_id",
    "workflow_id",
    "run_id",
    "session_id",
    "workflow_name",
)
"""What Agno puts into a session's state while a run is under way, and takes out to keep it."""
