"""Agno's AgentOS on a folder of scripts, in the foreground."""

from __future__ import annotations

import socket
import sys
import tempfile
from pathlib import Path

import uvicorn
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS

from scripted_agentos.errors import ScriptError
from scripted_agentos.workflows import load_workflows


class AnnouncingServer(uvicorn.Server):
    """Says on standard output where it listens, once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            host = f"[{host}]" if ":" in host else host
            print(f"listening on http://{host}:{port}", file=sys.__stdout__, flush=True)


def serve(
    folder: Path, *, host: str, port: int, db_file: Path | None, os_id: str, pauses: bool = False
) -> int:
    """Serve until interrupted; the exit code: 0, or 2 for a wrong script."""
    sys.stdout = sys.stderr  # Agno logs there; ours holds the one line that says where we listen
    with tempfile.TemporaryDirectory(prefix="agentos-") as temporary:
        file = db_file or Path(temporary) / "sessions.db"
        db = SqliteDb(db_file=str(file), id=f"{os_id}-db")
        try:
            workflows = load_workflows(folder, db, pauses=pauses)
        except ScriptError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        app = AgentOS(id=os_id, workflows=workflows, db=db, telemetry=False).get_app()
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            AnnouncingServer(config).run(sockets=[listener])
    return 0
