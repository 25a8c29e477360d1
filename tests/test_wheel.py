"""The wheel: what is in it, and its commands on the Pythons that it says it runs on.

`make install-others` makes an environment with its dependencies for each of them that is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx2
import pytest

from mockserver.script.loader import BUNDLED_SCRIPTS
from tests.conftest import ROOT
from tests.runs import stream

UV = Path(sys.executable).parent / "uv"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (file,) = folder.glob("*.whl")
    return file


def test_the_wheel_has_what_its_packages_read(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert names >= {
        "agentos_contract/py.typed",
        "contract_tests/py.typed",
        "mockserver/py.typed",
        "agentos_contract/openapi/agentos-2.5.6.yaml",
        "agentos_contract/requirements.yaml",
        "contract_tests/reports/report.html.jinja",
        "mockserver/script/workflow-script.schema.json",
    }
    scripts = {f"mockserver/workflows/{file.name}" for file in BUNDLED_SCRIPTS.glob("*.yaml")}
    assert {name for name in names if name.startswith("mockserver/workflows/")} == scripts
    assert not [name for name in names if name.startswith("tests/")]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_its_commands_run(wheel: Path, tmp_path: Path, version: str) -> None:
    python = ROOT / f".venv-{version}" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"there is no Python {version}, or `make install-others` was not run")
    site = tmp_path / "site"
    install = [str(UV), "pip", "install", "--quiet", "--offline", "--no-deps", "--target"]
    subprocess.run([*install, str(site), "--python", str(python), str(wheel)], check=True)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    # The second of these processes need not compile the wheel's modules again.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(name: str, *arguments: str) -> str:
        command = [str(site / "bin" / name), *arguments]
        result = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    server = subprocess.Popen(
        [str(site / "bin" / "mockserver"), "serve", "--port", "0", "--seed", "1"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip().removeprefix("listening on ")
        with httpx2.Client(base_url=url, timeout=30) as client:
            assert stream(client, "content-pipeline").judge().violations == []
        quick = ["--workflow", "content-pipeline", "--area", "order", "--seed", "1"]
        assert " passed, " in run("contract-tests", url, *quick)
    finally:
        server.terminate()
        server.communicate(timeout=20)
