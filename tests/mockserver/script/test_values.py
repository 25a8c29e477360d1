"""Steps that decide by a field of the message, and by a member of an earlier answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mockserver.app import Settings, create_app
from mockserver.script.loader import load_scripts
from tests.conftest import Serve

SCRIPTS = Path(__file__).parent / "data"


@pytest.mark.parametrize(
    ("message", "steps"),
    [
        ({"priority": "URGENT", "text": "it burns"}, ["assess", "known-answer", "on-call", "log"]),
        ({"priority": "LOW", "text": "it burns"}, ["assess", "known-answer", "queue"]),
        ({"priority": "URGENT", "text": "my invoice"}, ["assess", "known-answer"]),
    ],
)
def test_it_decides_by_values(serve: Serve, message: dict[str, str], steps: list[str]) -> None:
    url = serve(create_app(Settings(workflows=load_scripts(SCRIPTS).workflows)))
    form = {"message": json.dumps(message), "stream": "false"}
    body = httpx2.post(f"{url}/workflows/support-triage/runs", data=form).json()
    assert body["status"] == "COMPLETED"

    def names(results: list[dict[str, Any]]) -> list[str]:
        return [
            name
            for result in results
            for name in (names(result["steps"]) if result.get("steps") else [result["step_name"]])
        ]

    assert names(body["step_results"]) == steps
