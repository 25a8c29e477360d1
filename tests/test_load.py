"""benchmarks/locustfile.py: load from two worker processes, and what it counts."""

from __future__ import annotations

import csv
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentos_contract.deviations import check_deviations
from mockserver.app import Settings, create_app
from tests.conftest import ROOT, Serve

pytestmark = pytest.mark.timeout(400)

LOCUST = Path(sys.executable).parent / "locust"


@dataclass
class Load:
    code: int
    output: str
    requests: dict[tuple[str, str], int]
    """How many, by kind and workflow."""
    failures: dict[tuple[str, str, str], int]
    """How many, by kind, workflow and error."""


def load(url: str, folder: Path, *options: str) -> Load:
    command = [str(LOCUST), "-f", str(ROOT / "benchmarks" / "locustfile.py"), "--host", url]
    with socket.socket() as free:  # as tests run side by side
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command += ["--master-bind-port", port, "--master-port", port]
    command += ["--headless", "--only-summary", "--processes", "2", "-u", "4", "-r", "4"]
    done = subprocess.run(
        [*command, "--runs", "40", "--csv", str(folder / "load"), *options],
        env={**os.environ, "AGENTOS_TOKEN": "letmein"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )

    def rows(name: str) -> list[dict[str, str]]:
        with (folder / f"load_{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    return Load(
        done.returncode,
        done.stdout + done.stderr,
        {(row["Type"], row["Name"]): int(row["Request Count"]) for row in rows("stats")},
        {
            (row["Method"], row["Name"], row["Error"]): int(row["Occurrences"])
            for row in rows("failures")
        },
    )


def test_a_server_that_keeps_the_contract_has_no_failure(serve: Serve, tmp_path: Path) -> None:
    url = serve(create_app(Settings(seed=1, token="letmein")))
    ids = ("content-pipeline", "order-intake")  # the second takes JSON
    found = load(url, tmp_path, *(word for id_ in ids for word in ("--workflow", id_)))
    assert found.code == 0, found.output
    assert found.failures == {}
    for id_ in ids:
        streams = found.requests["STREAM", id_]
        assert streams > 0
        assert found.requests["BATCH", id_] > 0
        assert found.requests["first event", id_] >= streams  # some were being read at the end
        assert found.requests["between events", id_] >= streams * 5
    asked = [number for (kind, _), number in found.requests.items() if kind in ("STREAM", "BATCH")]
    assert found.requests["", "Aggregated"] == sum(asked)
    assert "2 workers connected" in found.output


def test_what_a_server_breaks_is_counted(serve: Serve, tmp_path: Path) -> None:
    wrong = check_deviations(["step.stop-left-open", "batch.run-id-missing", "sse.other-fields"])
    url = serve(create_app(Settings(seed=1, deviations=wrong)))
    found = load(url, tmp_path, "--workflow", "gatekeeper")
    assert found.code == 1, found.output
    assert set(found.failures) == {
        ("STREAM", "gatekeeper", "breaks order.ended, sse.known-fields"),
        ("BATCH", "gatekeeper", "breaks batch.body"),
    }
    for (kind, workflow, _), number in found.failures.items():
        assert number == found.requests[kind, workflow]


def test_a_server_without_the_workflow_is_told(serve: Serve, tmp_path: Path) -> None:
    url = serve(create_app(Settings(seed=1)))
    found = load(url, tmp_path, "--workflow", "nowhere")
    assert found.code == 2
    assert "it has no workflow 'nowhere'; it has article-steps" in found.output
