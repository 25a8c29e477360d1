"""A real AgentOS that takes workflow scripts while it runs.

Run by the python of .venv-agentos. It prints `listening on URL`; then it reads one line a script,
`{script, pauses}` as JSON, and answers each with `ok` or `error: …`. A script takes the place of
the one with its id.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import threading
from pathlib import Path

os.environ["AGNO_TELEMETRY"] = "false"
os.environ.pop("OS_SECURITY_KEY", None)

import uvicorn
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS

from scripted_agentos import ScriptError, build_workflow

FIRST = {"id": "first", "steps": [{"type": "Step", "name": "first"}]}


def main() -> None:
    logging.disable(logging.CRITICAL)  # expressions and steps are drawn to fail
    answers, sys.stdout = sys.stdout, sys.stderr  # Agno's chatter must not be taken for answers

    def say(line: str) -> None:
        print(line, file=answers, flush=True)

    with tempfile.TemporaryDirectory(prefix="agentos-") as folder:
        db = SqliteDb(db_file=str(Path(folder) / "sessions.db"), id="agentos-db")
        agentos = AgentOS(id="agentos", workflows=[build_workflow(FIRST, db=db)], db=db)
        server = uvicorn.Server(
            uvicorn.Config(agentos.get_app(), port=0, log_level="error", lifespan="on")
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        say(f"listening on http://127.0.0.1:{port}")
        for line in sys.stdin:
            try:
                asked = json.loads(line)
                workflow = build_workflow(asked["script"], db=db, pauses=asked["pauses"])
            except (ScriptError, ValueError, TypeError) as error:  # the last two are Agno's own
                say(f"error: {' '.join(str(error).split())}")
                continue
            others = [known for known in agentos.workflows if known.id != workflow.id]
            # Requests look workflows up in this list; the rest is what AgentOS does with those
            # that it is made with.
            agentos.workflows = [*others, workflow]
            agentos._initialize_workflows()
            say("ok")
        server.should_exit = True
        thread.join(5)


main()
