"""The pytest plugin, by pytests that use it."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import click
import pytest

import contract_tests.pytest_plugin.run  # noqa: F401 - else each inner pytest would import it anew
from agentos_contract.requirements import DEFAULT_LEVEL, load_catalogue
from contract_tests.cli import main
from contract_tests.pytest_plugin.options import OPTIONS, REPEATED
from tests.conftest import ROOT, Serve
from tests.contract_tests.checks.test_mutations import TOKEN, Locked
from tests.contract_tests.conftest import run_cli
from tests.contract_tests.running.test_replay import CutSessions
from tests.contract_tests.server import ConformingServer

pytest_plugins = ["pytester"]

QUICK = ("--contract-max-examples=0", "--contract-seed=3", "-p", "no:randomly")
OWN_TEST = """
def test_contract(contract_requirement):
    contract_requirement.verify()
"""


REQUIREMENTS = list(load_catalogue().at_level(DEFAULT_LEVEL))


@pytest.fixture(scope="module", autouse=True)
def _everything_is_imported(stage: Serve) -> None:
    """An inner pytest forgets what it imported: what is imported late would be there twice."""
    run_cli(stage(ConformingServer()), "--max-examples", "1")


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENTOS_TOKEN", raising=False)


def output_of(result: pytest.RunResult) -> str:
    return "\n".join([*result.outlines, *result.errlines])


def test_every_status_is_an_outcome(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("""
        import pytest
        from tests.contract_tests.commands.test_cli import Broken

        class BrokenTwice(Broken):
            def error(self, status, detail):
                response = super().error(status, detail)
                if status == 404:
                    response.headers["content-type"] = "text/plain"
                return response

        @pytest.fixture(scope="session")
        def contract_app():
            return BrokenTwice()
    """)
    pytester.makepyfile(OWN_TEST)
    (pytester.path / "known.yaml").write_text(
        "known: {form.version-null: as ever, form.unknown-fields: gone, sse.pacing: never seen}"
    )
    result = pytester.runpytest_inprocess(*QUICK, "--contract-known=known.yaml", "-rA")
    outcomes = result.parseoutcomes()
    assert outcomes["failed"] == 2, output_of(result)
    assert outcomes["xfailed"] == 1
    assert outcomes["passed"] > 40
    result.stdout.fnmatch_lines(
        [
            "http://127.0.0.1:*: will start at most * runs *",
            "http://127.0.0.1:*: how long that takes, first streams will show",
            "form.unknown-fields: no longer broken: remove it from the known ones (gone)",
            "error.content-type: *text/plain*",
            "required: *",
            "curl -sSiN *",
            "SKIPPED *: no token was given (--contract-token or AGENTOS_TOKEN)",
            "XFAIL *[[]form.version-null[]] - *(known: as ever)",
        ]
    )


def test_a_url_is_enough(pytester: pytest.Pytester, stage: Serve) -> None:
    server = ConformingServer()
    pytester.makepyfile("def test_of_the_user(): pass")
    pytester.makeini("[pytest]\npython_functions = check_*\nstrict = true\n")
    url = stage(server)
    result = pytester.runpytest_inprocess(*QUICK, f"--contract-url={url}", "-v")
    assert result.ret == 0, output_of(result)
    result.stdout.fnmatch_lines(["contract-tests::test_requirement[[]order.ended[]] PASSED*"])
    result.stdout.fnmatch_lines([f"{url}: * passed, * skipped; {len(server.runs)} runs started; *"])


@pytest.mark.parametrize(
    ("selection", "runs", "tests"),
    [
        (("-m", 'contract(area="routing") and not contract(level="document")'), 1, 3),
        (("-k", "form.message-required"), 0, 1),
        (("-k", "order.ended and not once"), 10, 1),
    ],
)
def test_what_is_not_selected_is_not_run(
    selection: tuple[str, str], runs: int, tests: int, pytester: pytest.Pytester, stage: Serve
) -> None:
    server = ConformingServer()
    result = pytester.runpytest_inprocess(*QUICK, f"--contract-url={stage(server)}", *selection)
    result.assert_outcomes(passed=tests, deselected=len(REQUIREMENTS) - tests)
    assert len(server.runs) == runs


def test_nothing_is_run_to_collect(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("--collect-only", "-q", "--contract-url=http://x.invalid")
    assert [line for line in result.outlines if "::" in line] == [
        f"contract-tests::test_requirement[{requirement.id}]" for requirement in REQUIREMENTS
    ]


def test_what_was_seen_broken_is_seen_again_alone(pytester: pytest.Pytester, stage: Serve) -> None:
    arguments = ("--contract-max-examples=0", f"--contract-url={stage(CutSessions())}")
    (pytester.path / "known.yaml").write_text("known: {order.terminal-event: as ever}")
    alone = pytester.runpytest_inprocess(
        *arguments, "-k", "order.terminal-event", "--contract-known=known.yaml"
    )
    alone.assert_outcomes(passed=1, deselected=len(REQUIREMENTS) - 1)
    first = pytester.runpytest_inprocess(*arguments)
    assert first.parseoutcomes()["failed"] == 1, output_of(first)
    again = pytester.runpytest_inprocess(*arguments, "--lf")
    again.assert_outcomes(failed=1)
    seeds = [re.search(r"seed (\d+) \(--contract-seed\)", output_of(one)) for one in (first, again)]
    assert seeds[0] is not None
    assert seeds[1] is not None
    assert seeds[0][1] == seeds[1][1]


def test_workers_share_one_run(pytester: pytest.Pytester, stage: Serve) -> None:
    server = CutSessions()
    url = stage(server)
    arguments = (*QUICK, f"--contract-url={url}", "-n", "2")
    result = pytester.runpytest_subprocess(*arguments)
    outcomes = result.parseoutcomes()
    assert outcomes["failed"] == 1, output_of(result)
    assert outcomes["passed"] > 40
    summaries = [line for line in result.outlines if "runs started" in line]
    assert len(summaries) == 1
    assert f"{len(server.runs)} runs started" in summaries[0]
    workers = re.findall(r"\[gw\d\]", output_of(result))
    assert len(workers) == 1  # the failure's


def test_an_application_has_its_lifespan(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        my_app="""
        from pathlib import Path
        from tests.contract_tests.server import ConformingServer

        class App(ConformingServer):
            async def __call__(self, scope, receive, send):
                if scope["type"] != "lifespan":
                    return await super().__call__(scope, receive, send)
                for _ in range(2):
                    kind = (await receive())["type"]
                    with Path("lifespan").open("a") as file:
                        print(kind, file=file)
                    await send({"type": kind + ".complete"})

        app = App()

        async def broken(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "no database"})
        """,
    )
    arguments = (*QUICK, "-m", 'contract(area="routing")')
    kept = pytester.runpytest_inprocess(*arguments, "--contract-app=my_app:app")
    assert kept.ret == 0, output_of(kept)
    events = (pytester.path / "lifespan").read_text().split()
    assert events == ["lifespan.startup", "lifespan.shutdown"]
    broken = pytester.runpytest_inprocess(*arguments, "--contract-app=my_app:broken")
    assert broken.parseoutcomes()["errors"] == 5
    broken.stdout.fnmatch_lines(
        ["contract tests: the application did not start*", "ERROR * no database"]
    )
    missing = pytester.runpytest_inprocess(*arguments, "--contract-app=my_app:nothing")
    missing.stdout.fnmatch_lines(['*--contract-app: Attribute "nothing" not found*'])


def test_fixtures_name_target_and_token(pytester: pytest.Pytester) -> None:
    """And a test of one's own sees the whole report."""
    pytester.makeconftest("""
        import pytest
        from tests.contract_tests.checks.test_mutations import Locked, TOKEN

        class Echoing(Locked):
            def error(self, status, detail):
                return super().error(status, detail + TOKEN.swapcase())

        @pytest.fixture(scope="module")
        def contract_app():
            return Echoing()

        @pytest.fixture(scope="module")
        def contract_token():
            return TOKEN
    """)
    pytester.makepyfile("""
        def test_locked(contract_report):
            assert contract_report["authentication.wrong-token"].status == "passed"
            assert contract_report["order.ended"].status == "passed"
            assert contract_report.runs > 5
    """)
    result = pytester.runpytest_inprocess(*QUICK)
    result.assert_outcomes(passed=1)
    assert TOKEN not in output_of(result)


def test_what_could_not_be_run_is_an_error(pytester: pytest.Pytester, stage: Serve) -> None:
    result = pytester.runpytest_inprocess(
        *QUICK, f"--contract-url={stage(Locked())}", "-k", "order.first-event"
    )
    result.assert_outcomes(errors=1, deselected=len(REQUIREMENTS) - 1)
    result.stdout.fnmatch_lines(
        ["contract tests: *: it wants a token (401): give --contract-token*"]
    )


def test_a_check_that_fails_itself_is_an_error(
    pytester: pytest.Pytester, stage: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contract_tests.checks.error.MALFORMED", 7)
    url = stage(ConformingServer())
    result = pytester.runpytest_inprocess(*QUICK, f"--contract-url={url}", "-k", "error.answered")
    result.assert_outcomes(errors=1, deselected=len(REQUIREMENTS) - 1)
    result.stdout.fnmatch_lines(["error.answered: the check malformed failed: TypeError*"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--contract-max-runs=0",), "Invalid value for '--contract-max-runs': 0 is not in *"),
        (("--contract-known=nobody",), "Invalid value for '--contract-known': *no such profile*"),
        (("--contract-require=sse.utf8",), "*'--contract-require': *did you mean sse.utf-8[?]"),
        (("--contract-url=localhost",), "*is no server's URL*"),
        (("--contract-config=nowhere.toml",), "*nowhere.toml*cannot be read*"),
    ],
)
def test_usage_errors(arguments: tuple[str, ...], says: str, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("--contract-url=http://127.0.0.1:9", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {says}"])


@pytest.mark.parametrize("option", ["max-runs=0", "known=nobody"])
def test_usage_errors_of_tests_of_one_s_own(option: str, pytester: pytest.Pytester) -> None:
    """They begin when other tests may have run: pytest goes on."""
    pytester.makepyfile(OWN_TEST)
    result = pytester.runpytest_inprocess(f"--contract-{option}", "-k", "order.first or not order")
    assert f"contract tests: Invalid value for '--contract-{option[:5]}" in output_of(result)
    assert "Traceback" not in output_of(result)
    assert "raise " not in output_of(result)


def test_no_target_is_said(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(OWN_TEST)
    result = pytester.runpytest_inprocess("-k", "order.first-event")
    result.stdout.fnmatch_lines(["contract tests: no target; expected --contract-url URL, *"])


def test_the_configuration_is_read(pytester: pytest.Pytester, stage: Serve) -> None:
    server = ConformingServer(("main", "other"))
    (pytester.path / "contract-tests.toml").write_text(
        f'url = "{stage(server)}"\nworkflow = ["other"]\nmax-examples = 0\n'
        'level = "document"\nreport-dir = "reports"\n'
    )
    pytester.makepyfile(OWN_TEST)
    result = pytester.runpytest_inprocess()
    assert result.ret == 0, output_of(result)
    assert "time.created-at" not in output_of(result)
    assert {run.workflow_id for run in server.runs.values()} == {"other"}
    assert (pytester.path / "reports" / "report.json").is_file()
    result.stdout.fnmatch_lines(["http://127.0.0.1:*: how long that takes, first streams will *"])
    again = pytester.runpytest_inprocess("-k", "sse.content-type")
    again.stdout.fnmatch_lines(
        ["http://127.0.0.1:*: some 5 s; by an earlier run (1 of 1 workflows)"]
    )


def test_the_options_are_those_of_the_command() -> None:
    own = {
        option.removeprefix("--"): parameter
        for parameter in main.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option.startswith("--")
    }
    assert set(OPTIONS) == set(own) - NOT_OF_THE_PLUGIN
    assert {name for name in OPTIONS if own[name].multiple} == REPEATED


NOT_OF_THE_PLUGIN = {"version", "help", "update-known", "replay", "verbose", "github", "plan"}
"""Writing a file of known ones is not what a test does, nor trying what another run found; and
annotations are of what pytest says."""


def test_it_costs_nothing_where_it_is_not_used() -> None:
    """It is loaded by every pytest of the environment."""
    code = """
        import sys, pytest
        before = set(sys.modules)
        import contract_tests.pytest_plugin.plugin
        print(*set(sys.modules) - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", inspect.cleandoc(code)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert set(done.stdout.split()) == {
        "contract_tests",
        "contract_tests.pytest_plugin",
        "contract_tests.pytest_plugin.options",
        "contract_tests.pytest_plugin.plugin",
    }


def test_other_suites_are_as_they_were(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one(): pass")
    result = pytester.runpytest_inprocess("--strict-markers", "--strict-config", "-W", "error")
    result.assert_outcomes(passed=1)
    assert "contract" not in output_of(result).replace("agentos-contract-kit", "")
