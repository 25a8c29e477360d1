"""The mock on a store, asked in process."""

from __future__ import annotations

from typing import Any

import httpx2

from mockserver.app import Settings, create_app
from mockserver.script.loader import load_text
from mockserver.sessions.store import SessionStore

SCRIPT = """
id: w
name: W
steps:
  - type: Step
    name: say
    executor_ref: say
    mock: {gate: go, content: done}
"""


class Served:
    """One workflow, whose step waits at the gate `go`."""

    def __init__(self, store: SessionStore) -> None:
        workflows = {"w": load_text(SCRIPT, "w.yaml")}
        self.app = create_app(Settings(workflows=workflows, store=store))
        transport = httpx2.ASGITransport(self.app)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://localhost")

    async def run(self, **form: Any) -> httpx2.Response:
        data = {"message": "x", **form}
        return await self.client.post("/workflows/w/runs", data=data)

    async def at_gate(self) -> None:
        await self.client.get("/__mock__/gates", params={"timeout": 30})

    async def release(self) -> None:
        await self.client.post("/__mock__/gates/go/release", json={})
