"""Checks of one's own: the example as its user runs it, and plugins that are broken."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agentos_contract.requirements import Level, Requirement, load_catalogue
from contract_tests.checks.registry import CHECKS, Check
from contract_tests.checks.stages import Stage
from contract_tests.plugins import Case, hookimpl, prove
from contract_tests.plugins.loading import PluginError, add_plugin
from mockserver.app import Settings, create_app
from tests.conftest import ROOT, serving
from tests.contract_tests.server import ConformingServer
from tests.processes import KIT, Forked

EXAMPLE = ROOT / "fixtures" / "own-checks"
SECONDS = 100.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the example is installed in."""
    site = tmp_path_factory.mktemp("site")
    uv = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--python", sys.executable]
    install = [*uv, "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*install, "--target", str(site), str(EXAMPLE)], check=True, capture_output=True)
    return site


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A mock, which knows nothing of X-Request-Id."""
    with serving(create_app(Settings(seed=1, speed=10))) as url:
        yield url


def run(site: Path, folder: Path, command: str, *words: str) -> tuple[int, str]:
    """Exit code and output of a command that finds what is installed in `site`."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    environment.pop("AGENTOS_TOKEN", None)
    process = Forked(KIT[command], *words, folder=folder, environment=environment)
    output, _ = process.communicate(SECONDS)
    return process.wait(), output


QUICK = ("--workflow", "article-steps", "--max-examples", "0", "--seed", "1")


def test_the_page_shows_the_example() -> None:
    page = (ROOT / "docs" / "own-checks.md").read_text(encoding="utf-8")
    assert (EXAMPLE / "acme_checks.py").read_text().partition('"""\n\n')[2].strip() in page
    test = (EXAMPLE / "test_acme_checks.py").read_text()
    assert test[test.index("def test_") :].strip() in page


def test_it_is_one_of_the_kit_s(site: Path, url: str, tmp_path: Path) -> None:
    """In what is selected, judged, reported, known and replayed."""
    reports = ("--report-dir", "reports", "--allure-dir", "allure")
    code, output = run(site, tmp_path, "contract-tests", url, *QUICK, *reports)
    assert code == 1, output
    assert "FAILED acme.request-id (3 times)" in output
    results = json.loads((tmp_path / "reports" / "report.json").read_text())["results"]
    assert {one["requirement"]: one["status"] for one in results}["acme.request-id"] == "failed"
    for name in ("junit.xml", "results.sarif", "report.html"):
        assert "acme.request-id" in (tmp_path / "reports" / name).read_text()
    assert any(
        json.loads(file.read_text())["name"] == "acme.request-id"
        for file in (tmp_path / "allure").glob("*-result.json")
    )
    code, output = run(site, tmp_path, "contract-tests", "--replay", "reports:acme.request-id")
    assert code == 1, output
    assert "STILL FAILS acme.request-id" in output
    (tmp_path / "known.yaml").write_text("known: {acme.request-id: Acme's gateway is not there}")
    code, output = run(site, tmp_path, "contract-tests", url, *QUICK, "--known", "known.yaml")
    assert code == 0, output


def test_it_is_a_test_of_pytest_s(site: Path, url: str, tmp_path: Path) -> None:
    options = ("-p", "no:cacheprovider", f"--contract-url={url}", "-k", "acme.request-id")
    quick = ("--contract-workflow=article-steps", "--contract-max-examples=0", "--contract-seed=1")
    _, output = run(site, tmp_path, "pytest", *options, *quick)
    assert "1 failed" in output, output
    assert "acme.request-id: sent contract-tests-request-" in output


def test_it_finds_what_it_is_there_for(site: Path, tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "test_acme_checks.py", tmp_path)
    code, output = run(site, tmp_path, "pytest", "-s", "-p", "no:cacheprovider")
    assert code == 0, output
    assert "| acme.request-id | missing in streams | acme_request_id |" in output


def test_a_plugin_that_cannot_be_loaded_is_named_in_a_line(tmp_path: Path) -> None:
    info = tmp_path / "broken-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[contract_tests]\nours = broken_checks\n")
    (tmp_path / "broken_checks.py").write_text("import no_such\n")
    for more in (["http://127.0.0.1:9"], ["fuzz", "http://127.0.0.1:9"]):
        code, output = run(tmp_path, tmp_path, "contract-tests", *more)
        assert code == 2
        (line,) = output.splitlines()
        assert line.endswith(
            "plugin ours (broken_checks): it cannot be loaded: "
            "ModuleNotFoundError: No module named 'no_such'"
        )


def plugin(requirements: Any = (), checks: Any = (), **more: Any) -> SimpleNamespace:
    def contract_tests_requirements() -> Any:
        return requirements

    def contract_tests_checks() -> Any:
        return checks

    both = contract_tests_requirements, contract_tests_checks
    hooks = {one.__name__: hookimpl(one) for one in both}
    return SimpleNamespace(**hooks | more)


def requirement(name: str) -> Requirement:
    return Requirement(name, Level.PROTOCOL, "A text.", "A source")


def own_check(name: str, *decides: str) -> Check:
    return Check(name, Stage.PROBES, frozenset(decides), lambda context: None)


def misspelled() -> Any:
    def contract_tests_check() -> Any:
        return ()

    return plugin(contract_tests_check=hookimpl(contract_tests_check))


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (SimpleNamespace(), "it has no hook; expected contract_tests_requirements and"),
        (misspelled(), "unknown hook 'contract_tests_check'"),
        (plugin(5), "TypeError: 'int' object is not iterable"),
        (plugin(["acme.a"]), "expected Requirement objects, found 'acme.a'"),
        (plugin([requirement("acme")]), "'acme' is no id; expected AREA.NAME"),
        (plugin([requirement("order.ended")]), "there is a requirement order.ended already"),
        (plugin([requirement("acme.a")]), "no check decides acme.a"),
        (plugin([requirement("acme.a")], [own_check("streams", "acme.a")]), "check 'streams' alr"),
        (plugin([requirement("acme.a")], [own_check("a", "acme.b")]), "expected one of acme.a"),
        (plugin([], [own_check("a", "order.ended")]), "'order.ended', which is none of the plugin"),
    ],
)
def test_a_broken_plugin_adds_nothing(broken: Any, said: str) -> None:
    before = dict(load_catalogue().requirements), list(CHECKS)
    with pytest.raises(PluginError, match=r"^plugin ours: ") as raised:
        add_plugin("ours", broken)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert (dict(load_catalogue().requirements), list(CHECKS)) == before


@pytest.fixture
def crashing() -> Iterator[None]:
    """A plugin whose check fails itself."""
    before = list(CHECKS)

    def acme_crash(context: Any) -> None:
        raise LookupError("no such thing")

    check = Check("acme_crash", Stage.PROBES, frozenset({"acme.crash"}), acme_crash)
    add_plugin("ours", plugin([requirement("acme.crash")], [check]))
    yield
    CHECKS[:] = before
    del load_catalogue().requirements["acme.crash"]


def test_a_check_that_crashes_is_its_plugin_s_fault(crashing: None) -> None:
    with pytest.raises(AssertionError) as raised:
        prove(["acme.crash"], [Case("conforming", ConformingServer())])
    said = str(raised.value).splitlines()
    assert said[0].startswith("conforming: the check acme_crash failed: LookupError: no such thing")
    assert said[0].endswith("; this is a fault of the plugin ours")
    assert "acme.crash: no case breaks it" in said


def test_a_case_that_breaks_something_else_is_said() -> None:
    with pytest.raises(AssertionError) as raised:
        prove(["order.ended"], [Case("cut", ConformingServer(), frozenset({"order.ended"}))])
    assert "cut: order.ended was not found" in str(raised.value)
    assert "order.ended: no case keeps it" in str(raised.value)
