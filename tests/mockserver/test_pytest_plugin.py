"""The fixture agentos_mock, by pytests that use it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytest_plugins = ["pytester"]

QUICK = ("-p", "no:randomly", "-p", "no:cacheprovider")


def outcome(pytester: pytest.Pytester, text: str, url: str) -> pytest.RunResult:
    pytester.makepyfile(text)
    return pytester.runpytest_inprocess(*QUICK, f"--agentos-mock-url={url}")


def test_each_test_has_a_scope_of_its_own(pytester: pytest.Pytester, mock_url: str) -> None:
    text = """
    import pytest

    @pytest.mark.parametrize("number", range(3))
    def test_it(agentos_mock, number):
        agentos_mock.fail(503)
        run = {"message": "bees", "stream": "false"}
        url = "/workflows/content-pipeline/runs"
        assert agentos_mock.http.post(url, data=run).status_code == 503
        assert agentos_mock.http.post(url, data=run).status_code == 200
        assert len(agentos_mock.runs()) == 1
    """
    outcome(pytester, text, mock_url).assert_outcomes(passed=3)


def test_what_is_left_undone_fails_the_test(pytester: pytest.Pytester, mock_url: str) -> None:
    text = """
    import pytest

    def test_unused(agentos_mock):
        agentos_mock.rule(status=503)

    @pytest.mark.agentos_mock(lenient=True)
    def test_lenient(agentos_mock):
        agentos_mock.rule(status=503)
    """
    result = outcome(pytester, text, mock_url)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*the rule {'status': 503} changed no request*"])


def test_a_failure_shows_the_runs_and_the_page(pytester: pytest.Pytester, mock_url: str) -> None:
    text = """
    def test_it(agentos_mock):
        agentos_mock.http.post("/workflows/content-pipeline/runs", data={"message": "bees"})
        agentos_mock.wait("StepError", timeout=0)
    """
    result = outcome(pytester, text, mock_url)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*no run sent StepError within*",
            "*- agentos-mock -*",
            "content-pipeline *: completed",
            "*StepCompleted draft",
            f"{mock_url}/__mock__/#scope=test_it-*",
        ]
    )


def test_without_an_address_it_is_served_from_the_process(pytester: pytest.Pytester) -> None:
    pytester.mkdir("scripts")
    script = "{id: mine, steps: [{type: Step, name: s, mock: {content: hello}}]}"
    (pytester.path / "scripts" / "mine.yaml").write_text(script)
    pytester.makeini("[pytest]\nagentos_mock_workflows = scripts\n")
    pytester.makepyfile("""
    def test_it(agentos_mock):
        workflows = agentos_mock.http.get("/workflows").json()
        assert [workflow["id"] for workflow in workflows] == ["mine"]
    """)
    pytester.runpytest_inprocess(*QUICK).assert_outcomes(passed=1)


def test_it_costs_nothing_unused() -> None:
    code = "import mockserver.pytest_plugin, sys; print([m for m in sys.modules if 'httpx' in m])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert found.stdout.strip() == "[]"


def test_a_suite_with_warnings_as_errors_can_use_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
    def test_it(agentos_mock):
        form = {"message": "bees", "stream": "false"}
        run = "/workflows/content-pipeline/runs"
        assert agentos_mock.http.post(run, data=form).status_code == 200
        assert agentos_mock.http.post(run, data={"message": "bees"}).status_code == 200
    """)
    # A process of its own: here all is imported.
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", *QUICK, str(pytester.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout
