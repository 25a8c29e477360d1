"""The events of an agent's or a team's run, and what they show of it."""

from __future__ import annotations

from typing import Any

from agentos_contract.events import MEDIA_KINDS
from mockserver.engine.actions import Event
from mockserver.engine.agent_records import AgentRecord
from mockserver.engine.context import RunContext

Json = dict[str, Any]


class AgentEvents:
    """Makes the events of one agent's or team's run."""

    def __init__(self, context: RunContext, record: AgentRecord, site: Json) -> None:
        """`site`: where in the workflow's run its step is, as its events say."""
        self._context = context
        self._hooks = context.hooks
        self._record = record
        self._is_team = record.is_team
        self._prefix = "Team" if record.is_team else ""
        within = {"parent_run_id": record.parent_id} if record.parent_id else {}
        self._head = {**record.about, "run_id": record.run_id, **within, **site}

    def __call__(self, name: str, **more: Any) -> Event:
        """The event of that name, which a team's has with the prefix Team."""
        created_at = self._context.now()
        return {"created_at": created_at, "event": self._prefix + name, **self._head, **more}

    def content(
        self,
        content: Any = None,
        *,
        content_type: str | None = "str",
        reasoning_content: str = "",
        citations: Json | None = None,
    ) -> Event:
        """A RunContent."""
        # An agent's events say whether it is the workflow's own agent; a team's don't.
        flag = {} if self._is_team else {"workflow_agent": False}
        return self(
            "RunContent",
            **({} if content is None else {"content": content}),
            **flag,
            content_type=content_type,
            reasoning_content=reasoning_content,
            **self.reasoning_step_members(),
            **({} if citations is None else {"citations": citations}),
        )

    def shown_tool(self, execution: Json) -> Json:
        is_beside_others = self._record.branch.is_beside_others
        return self._hooks.shown_tool(execution, is_beside_others=is_beside_others)

    def media_members(self) -> Json:
        """What it has made so far, as its events say it: they know no files."""
        made = self._record.made_media
        kinds = [kind for kind in MEDIA_KINDS if kind in made and kind != "files"]
        return {kind: self._shown_list(made[kind]) for kind in kinds}

    def reasoning_step_members(self) -> Json:
        """Its reasoning steps so far, as its events have them."""
        steps = self._record.reasoning_steps
        return {"reasoning_steps": self._shown_list(steps)} if steps else {}

    def _shown_list(self, items: list[Json]) -> list[Json]:
        is_beside_others = self._record.branch.is_beside_others
        return self._hooks.shown_list(items, is_beside_others=is_beside_others)
