"""Drift of real servers: AgentOS 2.5.6, which has none, and 3.1.10, as it was recorded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos_contract.document import load_document
from agentos_contract.profiles import load_profile
from contract_tests.drift.baseline import Baseline, load_baseline
from contract_tests.drift.drift import Drift, find_drift
from contract_tests.running.run import Options
from mockserver.app import Settings, create_app
from mockserver.script.loader import BUNDLED_SCRIPTS
from tests.conftest import ROOT, Serve, agentos, serving
from tests.contract_tests.conftest import DOCUMENT, run_cli
from tests.drift_data import RECORDED_WORKFLOWS, RecordedServer

RUN = "POST /workflows/{workflow_id}/runs"
SINCE = load_baseline("agno-2.5.6")
RECORDINGS = ROOT / "fixtures" / "drift"
FEW = ("everything", "doomed", "order-intake")


def drift_of(url: str, workflows: tuple[str, ...]) -> Drift:
    return find_drift(Options(url, DOCUMENT, 0, workflows=workflows), SINCE)


def new(drift: Drift) -> set[tuple[str, str, str, str, str]]:
    return {
        (change.impact.name, change.kind, change.operation, change.part, change.field)
        for change in drift.changes
        if not change.is_old
    }


@pytest.mark.agentos
def test_agno_2_5_6_has_not_drifted(agentos_url: str) -> None:
    drift = drift_of(agentos_url, FEW)
    assert new(drift) == set()
    assert drift.gone == []
    assert drift.notes == []
    # What a client of the plain document would stumble over: each is in docs/agentos-2.5.6.md.
    assert {
        (change.part, change.field, change.server)
        for change in drift.changes
        if change.impact.name == "BREAKING"
    } == {
        ("input that breaks its input_schema, in batch", "", "500"),
        ("input that breaks its input_schema, streamed", "", "200 and a stream"),
        ("422", "detail", "array"),
        ("event WorkflowError", "run_id", "missing in 2 of 3"),
        ("event WorkflowError", "session_id", "missing in 2 of 3"),
        ("event WorkflowError", "workflow_id", "missing in 2 of 3"),
    }


def test_the_mock_as_agno_2_5_6_has_not_drifted(serve: Serve) -> None:
    """Nor has any bundled script something that the baseline lacks: make drift-data."""
    deviations = load_profile("agno-2.5.6").deviations
    url = serve(create_app(Settings(seed=1, speed=20, deviations=deviations)))
    drift = drift_of(url, ())
    assert new(drift) == set()
    assert drift.gone == []


@pytest.fixture(scope="module")
def of_3_1_10() -> Iterator[Drift]:
    """The drift of a recorded AgentOS 3.1.10, or of a real one (make drift-agno3)."""
    python = os.environ.get("AGNO3_PYTHON")
    if python:
        with agentos(BUNDLED_SCRIPTS, python=Path(python).absolute()) as url:
            yield drift_of(url, RECORDED_WORKFLOWS)
    else:
        with serving(RecordedServer(RECORDINGS, "agno-3.1.10")) as url:
            yield drift_of(url, RECORDED_WORKFLOWS)


def test_agno_3_1_10_breaks_this_and_nothing_else(of_3_1_10: Drift) -> None:
    """Each was seen by hand with the command that is printed."""
    breaking = {change[1:] for change in new(of_3_1_10) if change[0] == "BREAKING"}
    assert breaking == {
        ("response-field-removed", RUN, "event StepError", "step_id"),
        ("response-field-removed", "GET /", "200", "id"),
        ("response-field-removed", "GET /", "200", "version"),
    }


def test_agno_3_1_10_is_to_be_watched_for_this(of_3_1_10: Drift) -> None:
    found = {change[1:] for change in new(of_3_1_10) if change[0] == "NOTICE"}
    # All errors lost a field that 2.5.6 published and never sent.
    error_codes = {change for change in found if change[3] == "error_code"}
    assert {part for _, _, part, _ in error_codes} == {"400", "401", "404", "422", "500"}
    types = {change for change in found if change[3] == "query type"}
    assert {kind for kind, *_ in types} == {"request-default-changed"}
    assert found - error_codes - types == {
        ("status-added", "POST /sessions", "", "409"),
        ("operation-unpublished", "GET /", "", ""),
        ("response-field-unsent", RUN, "event StepOutput", "step_output.steps"),
    }
    # A string 400 for typed input in batch, where 2.5.6 answered 500.
    gone = {(change.part, change.server) for change in of_3_1_10.gone}
    assert ("input that breaks its input_schema, in batch", "500") in gone


def test_agno_3_1_10_adds_this(of_3_1_10: Drift) -> None:
    added = {change[1:] for change in new(of_3_1_10) if change[0] == "ADDITION"}
    assert {change for change in added if change[0] == "request-field-added"} == {
        ("request-field-added", RUN, "request", "background"),
        ("request-field-added", RUN, "request", "factory_input"),
    }
    depth = {part for _, _, part, field in added if field == "nested_depth"}
    came = {part for (_, part) in of_3_1_10.fields if part.startswith("event ")}
    assert depth == came
    assert len(came) > 25
    for kind, field in (
        ("response-field-sent", "metadata"),
        ("response-field-added", "metrics"),
        ("response-field-added", "step_executor_runs"),
    ):
        assert (kind, RUN, "event WorkflowCompleted", field) in added
    operations = {operation for kind, operation, *_ in added if kind == "operation-added"}
    runs = "/workflows/{workflow_id}/runs"
    assert {operation for operation in operations if "/workflows" in operation} == {
        f"GET {runs}",
        f"POST {runs}/{{run_id}}/continue",
        f"POST {runs}/{{run_id}}/resume",
    }
    assert len(operations) == 38


def test_another_versions_document_is_a_spec(serve: Serve) -> None:
    """A version is data: against its own document 3.1.10 has no drift, but where it breaks it."""
    document = load_document(RECORDINGS / "agno-3.1.10.openapi.json")
    url = serve(RecordedServer(RECORDINGS, "agno-3.1.10"))
    drift = find_drift(Options(url, document, 0, workflows=RECORDED_WORKFLOWS), Baseline())
    assert {(change.impact.name, change.part, change.field) for change in drift.changes} == {
        ("BREAKING", "input that breaks its input_schema, streamed", ""),
        ("ADDITION", "422", "detail[].input"),
    }
    assert drift.notes == ["events not compared: the document has no schemas for them (no overlay)"]


def test_the_page_shows_what_is_printed(serve: Serve) -> None:
    page = (ROOT / "docs" / "drift.md").read_text(encoding="utf-8")
    shown = page.partition("$ contract-tests drift http://localhost:7778\n")[2].partition("```")[0]
    url = serve(RecordedServer(RECORDINGS, "agno-3.1.10"))
    workflows = [word for name in RECORDED_WORKFLOWS for word in ("--workflow", name)]
    result = run_cli("drift", url, *workflows)
    assert result.exit_code == 1
    lines = iter(result.output.replace(url, "http://localhost:7778").splitlines())
    for expected in shown.splitlines():
        if expected.strip("… "):
            pattern = re.escape(expected).replace("…", ".*")
            assert any(re.fullmatch(pattern, line) for line in lines), expected
