"""The command line: exit codes, reports, and what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.responses import JSONResponse, Response

from agentos_contract.requirements import DEFAULT_LEVEL, Level, load_catalogue
from contract_tests.judging.results import Status
from mockserver.cli import main as mock
from tests.conftest import Serve
from tests.contract_tests.checks.test_mutations import TOKEN, Locked
from tests.contract_tests.conftest import run_cli
from tests.contract_tests.server import ConformingServer

QUICK = ("--max-examples", "0", "--seed", "3")


class Broken(ConformingServer):
    """Breaks form.version-null, and nothing else."""

    def judge_version(self, version: str) -> None:
        super().judge_version("x" if version == "null" else version)

    def judge_form(self, form: dict[str, str]) -> bool:
        form.setdefault("version", "1")
        return super().judge_form(form)


def test_all_kept(stage: Serve, tmp_path: Path) -> None:
    url = stage(ConformingServer())
    result = run_cli(url, *QUICK, "--report-dir", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "will start at most" in result.output
    assert "seed 3" in result.output
    assert "requirements exercised; not: authentication.token-required" in result.output
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert set(report) == {"target", "seed", "results", "seconds"}
    assert (report["target"], report["seed"]) == (url, 3)
    ids = [requirement.id for requirement in load_catalogue().at_level(DEFAULT_LEVEL)]
    assert [entry["requirement"] for entry in report["results"]] == ids
    for entry in report["results"]:
        assert set(entry) == {"requirement", "status", "message", "reproduce"}
        assert entry["status"] in {status.value for status in Status}


def test_a_broken_requirement_comes_with_what_to_do(stage: Serve, tmp_path: Path) -> None:
    result = run_cli(stage(Broken()), *QUICK, "--report-dir", str(tmp_path))
    assert result.exit_code == 1
    lines = result.output.splitlines()
    start = lines.index("FAILED form.version-null")
    assert "version=null is valid" in lines[start + 1]
    assert "422" in lines[start + 2]
    assert lines[start + 3].strip().startswith("curl ")
    assert "--data-urlencode version=null" in lines[start + 3]


def test_the_level_says_how_far_to_go(stage: Serve, tmp_path: Path) -> None:
    url = stage(ConformingServer())
    run_cli(url, *QUICK, "--level", "document", "--report-dir", str(tmp_path))
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    ids = [requirement.id for requirement in load_catalogue().at_level(Level.DOCUMENT)]
    assert [entry["requirement"] for entry in report["results"]] == ids


def test_the_seed_reproduces_the_run(stage: Serve) -> None:
    outputs = []
    for _ in range(2):
        bodies: list[bytes] = []

        class Recording(ConformingServer):
            def read_form(self, body: bytes, seen: list[bytes] = bodies) -> dict[str, str]:
                seen.append(body)
                return super().read_form(body)

        run_cli(stage(Recording()), "--seed", "11", "--max-examples", "8")
        outputs.append(bodies)
    assert len(outputs[0]) > 30
    # Those that are sent side by side come in any order; ids are others each time.
    first, second = (
        sorted(re.sub(rb"(contract-tests-[a-z-]+-)[0-9a-f]{12}", rb"\1ID", body) for body in bodies)
        for bodies in outputs
    )
    assert first == second


def test_the_budget_of_runs_is_kept(stage: Serve) -> None:
    server = ConformingServer(("main", "other", "third"))
    result = run_cli(stage(server), "--max-runs", "4", "--max-examples", "5")
    assert result.exit_code == 0, result.output
    assert len(server.runs) == 4
    assert "4 runs started" in result.output


def test_what_is_required_may_not_be_skipped(stage: Serve) -> None:
    url = stage(ConformingServer())
    result = run_cli(url, *QUICK, "--require", "sse.pacing", "--require", "sse.utf-8")
    assert result.exit_code == 1
    assert "FAILED sse.pacing" in result.output
    assert "required, but skipped: no run took long enough" in result.output


def test_known_deviations(stage: Serve, tmp_path: Path) -> None:
    url = stage(Broken())
    file = tmp_path / "known.yaml"
    file.write_text("known:\n  form.version-null: Agno takes an int or nothing\n")
    result = run_cli(url, *QUICK, "--known", str(file))
    assert result.exit_code == 0, result.output
    assert "KNOWN form.version-null" in result.output
    file.write_text(
        "known:\n  form.version-null: x\n  form.unknown-fields: {reason: y}\n"
        "  time.created-at: {reason: z, sometimes: true}\n"
    )
    result = run_cli(url, *QUICK, "--known", str(file))
    assert result.exit_code == 1
    assert "FAILED form.unknown-fields" in result.output
    assert "no longer broken: remove it" in result.output
    assert "FAILED time.created-at" not in result.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--require", "form.version-nul"), "did you mean form.version-null?"),
        (("--known", "nobody"), "no such file, and no such profile"),
        (("--spec", "nowhere.yaml"), "no such file"),
        (("--max-runs", "0"), "range"),
        (("--token", "s\u00e9cret"), "no header can carry it"),
        (("--token", "a\nb"), "no header can carry it"),
        (("--message", "\udcff"), "it is no UTF-8"),
        (("--workflow", ".."), "is no workflow's id"),
    ],
)
def test_usage_errors(arguments: tuple[str, ...], says: str) -> None:
    result = run_cli("http://127.0.0.1:9", *arguments)
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.split())


@pytest.mark.parametrize("content", ["{", "[]", "known: {a.b: c}", "known: {sse.utf-8: }"])
def test_a_wrong_list_of_known_deviations(content: str, tmp_path: Path) -> None:
    file = tmp_path / "known.yaml"
    file.write_text(content)
    result = run_cli("http://127.0.0.1:9", "--known", str(file))
    assert result.exit_code == 2
    assert "known.yaml" in result.stderr


NO_URLS = [
    *(
        "localhost:7777",
        "http://[::1",
        "ftp://x",
        "http://",
        "http://x:y",
        "/",
        "http://host:99999",
    ),
    *("http://127.0.0.1:99999", "http://localhost:0", "http://localhost:-1", "http://a..b"),
    *("http://ho st", "http://x/\n", "http://x\\y", "http://x/#top"),
    f"http://{'a' * 70}.com",
]


@pytest.mark.parametrize("command", [(), ("drift",), ("fuzz",), ("learn", "--out", "/tmp/x")])
@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_no_url(url: str, command: tuple[str, ...]) -> None:
    result = run_cli(*command, url)
    assert result.exit_code == 2
    (line,) = result.stderr.strip().splitlines()
    assert "no server's URL" in line
    assert "expected one such as http://localhost:7777" in line


@pytest.mark.parametrize("url", [url for url in NO_URLS if url != "/"])
def test_what_is_no_url_to_record(url: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(mock, ["record", url, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    (line,) = result.stderr.strip().splitlines()
    assert "no server's URL" in line


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "it wants a token (401): give --token or AGENTOS_TOKEN"),
        (("--token", "wrong"), "it refuses the token (401)"),
        (("--token", TOKEN, "--workflow", "mian"), "no workflow 'mian'; did you mean main?"),
    ],
)
def test_what_cannot_be_run(arguments: tuple[str, ...], says: str, stage: Serve) -> None:
    result = run_cli(stage(Locked()), *arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_server_without_workflows(stage: Serve) -> None:
    result = run_cli(stage(ConformingServer(())))
    assert result.exit_code == 2
    assert "it has no workflow" in result.stderr


def test_the_token_is_in_no_output(stage: Serve, tmp_path: Path) -> None:
    class Echoing(Locked):
        def error(self, status: int, detail: str) -> Response:
            return JSONResponse({"detail": [f"not {TOKEN}"]}, status)

    result = run_cli(
        stage(Echoing()), *QUICK, "--report-dir", str(tmp_path), env={"AGENTOS_TOKEN": TOKEN}
    )
    assert result.exit_code == 1
    written = (tmp_path / "report.json").read_text(encoding="utf-8")
    for text in (result.output, result.stderr, written):
        assert TOKEN not in text
    assert "$AGENTOS_TOKEN" in written


def test_a_check_that_fails_itself_is_said_so(
    stage: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contract_tests.checks.error.MALFORMED", 7)
    result = run_cli(stage(ConformingServer()), *QUICK)
    assert result.exit_code == 2
    assert "the check malformed failed: TypeError" in result.stderr
    assert "a fault of contract-tests" in result.stderr
    assert "ERROR error.documented-status" in result.output


def test_what_a_page_cannot_read_is_had_again(stage: Serve, tmp_path: Path) -> None:
    url = stage(ConformingServer())
    page = ("--area", "browser", "--browser-origin", "http://localhost:5173/")
    result = run_cli(url, *page, "--report-dir", str(tmp_path))
    assert result.exit_code == 1
    assert "a page of http://localhost:5173 may not read this" in result.output
    result = run_cli("--replay", str(tmp_path))
    assert result.exit_code == 1, result.output
