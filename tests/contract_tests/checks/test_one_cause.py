"""One cause is one failure."""

from __future__ import annotations

import pytest
from starlette.responses import JSONResponse, Response

from contract_tests.judging.results import Status
from tests.conftest import Serve
from tests.contract_tests.conftest import broken, by_status, report_on, run_cli
from tests.contract_tests.server import ConformingServer, Run


class NoBatch(ConformingServer):
    """Every batch run, or every one of a workflow, is a 500."""

    failing: str | None = None

    async def batch(self, run: Run) -> Response:
        if self.failing in (None, run.workflow_id):
            return JSONResponse({"detail": "no", "error_code": "ERROR"}, 500)
        return await super().batch(run)


@pytest.mark.parametrize("max_runs", [80, 400])
def test_every_batch_run_a_500_is_one_failure(max_runs: int, stage: Serve) -> None:
    server = NoBatch(("main", "typed"))
    report = report_on(stage(server), max_runs=max_runs)
    assert broken(report) == {"batch.equals-stream"}
    (result,) = by_status(report, Status.FAILED).values()
    assert result.reproduce.count("curl") == 2
    skipped = by_status(report, Status.SKIPPED)
    for name in ("error.recovery", "form.text-kept", "form.version-null"):
        assert "each batch run of" in skipped[name].message
        assert "see batch.equals-stream" in skipped[name].message


@pytest.mark.parametrize("slow", [True, False])
def test_a_workflow_that_fails_in_batch_alone_is_found(slow: bool, stage: Serve) -> None:
    """Probes run the quickest workflow: the one that fails, or not."""
    server = NoBatch(("main", "slow"))
    server.failing = "slow" if slow else "main"
    report = report_on(stage(server))
    assert broken(report) == {"batch.equals-stream"}
    (result,) = by_status(report, Status.FAILED).values()
    assert server.failing in result.message


def test_it_is_replayed(stage: Serve, tmp_path_factory: pytest.TempPathFactory) -> None:
    server = NoBatch()
    url, folder = stage(server), str(tmp_path_factory.mktemp("reports"))
    options = ("--max-examples", "0", "--report-dir", folder)
    assert run_cli(url, *options).exit_code == 1
    again = run_cli("--replay", f"{folder}:batch.equals-stream")
    assert again.exit_code == 1, again.output
    server.failing = "none"
    assert run_cli("--replay", f"{folder}:batch.equals-stream").exit_code == 0
