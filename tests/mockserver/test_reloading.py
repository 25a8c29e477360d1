"""Hot reload: what is edited is served at once, or not at all."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from pathlib import Path

import httpx2
import pytest

from agentos_contract.document import DEFAULT_DOCUMENT
from mockserver.app import MockServer, Settings, create_app
from mockserver.recordings.format import load_recordings
from mockserver.reloading import Files, Reloader
from mockserver.script.loader import load_scripts
from tests.conftest import Serve
from tests.mockserver.cli.test_cli import started, stop


def write(folder: Path, name: str, content: str = "hello", **more: object) -> None:
    step = {"type": "Step", "name": "s", "mock": {"content": content}}
    (folder / f"{name}.json").write_text(json.dumps({"id": name, "steps": [step], **more}))


def reloader_of(folder: Path, spec: Path | None = None) -> tuple[MockServer, Reloader]:
    scripts = load_scripts(folder)
    mock = create_app(Settings(workflows=scripts.workflows, recordings=load_recordings(folder)))
    return mock, Reloader(mock, Files(folder, spec))


def look(reloader: Reloader) -> bool:
    return asyncio.run(reloader.look())


def run(url: str, workflow_id: str = "one") -> str:
    form = {"message": "x", "stream": "false"}
    answer = httpx2.post(f"{url}/workflows/{workflow_id}/runs", data=form)
    return str(answer.json().get("content", answer.json().get("detail")))


def test_an_edit_is_served(tmp_path: Path, serve: Serve) -> None:
    write(tmp_path, "one")
    mock, reloader = reloader_of(tmp_path)
    url = serve(mock)
    assert not look(reloader)
    write(tmp_path, "one", "good day")
    write(tmp_path, "two")
    assert look(reloader)
    assert (run(url), run(url, "two")) == ("good day", "hello")
    (tmp_path / "two.json").rename(tmp_path / "three.json")
    assert look(reloader)
    assert run(url, "two") == "hello"
    (tmp_path / "three.json").unlink()
    assert look(reloader)
    assert "not found" in run(url, "two")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ('{"id": "one", "steps": [{"type": "Stpe"}]}', "steps[0].type"),
        ('{"id": ', "one.json:1"),
        ("[]", "expected a mapping"),
    ],
)
def test_what_is_broken_is_not_served_and_said(
    tmp_path: Path, serve: Serve, broken: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "one")
    write(tmp_path, "two")
    mock, reloader = reloader_of(tmp_path)
    url = serve(mock)
    since = mock.reload.since
    (tmp_path / "one.json").write_text(broken)
    write(tmp_path, "two", "edited at the same time")
    assert look(reloader)
    assert (run(url), run(url, "two")) == ("hello", "hello")
    state = httpx2.get(f"{url}/__mock__/status").json()["reload"]
    assert state["since"] == since
    assert said in "\n".join(state["problems"])
    assert said in caplog.text
    assert not look(reloader)
    write(tmp_path, "one", "mended")
    assert look(reloader)
    assert (run(url), run(url, "two")) == ("mended", "edited at the same time")
    assert httpx2.get(f"{url}/__mock__/status").json()["reload"]["problems"] == []


def test_a_run_under_way_ends_on_what_it_began_with(tmp_path: Path, serve: Serve) -> None:
    write(tmp_path, "one", "old")
    mock, reloader = reloader_of(tmp_path)
    url = serve(mock)
    rule = {"answer": {"hold": {"before": "StepStarted", "gate": "g"}}, "times": 1}
    httpx2.post(f"{url}/__mock__/rules", json=rule)
    with httpx2.stream("POST", f"{url}/workflows/one/runs", data={"message": "x"}) as answer:
        httpx2.get(f"{url}/__mock__/wait?gate=g", timeout=40)
        write(tmp_path, "one", "new")
        look(reloader)
        assert run(url) == "new"
        httpx2.post(f"{url}/__mock__/gates/g/release")
        assert '"old"' in "".join(answer.iter_text())


def test_an_editors_way_of_saving_is_seen(tmp_path: Path) -> None:
    """It writes another file and renames it over the one; sizes and seconds may be the same."""
    write(tmp_path, "one", "a")
    _, reloader = reloader_of(tmp_path)
    kept = (tmp_path / "one.json").stat()
    other = tmp_path / "other"
    other.mkdir()
    write(other, "one", "b")
    os.utime(other / "one.json", ns=(kept.st_atime_ns, kept.st_mtime_ns))
    (other / "one.json").rename(tmp_path / "one.json")
    assert look(reloader)


def test_a_config_map_that_kubernetes_replaces(tmp_path: Path, serve: Serve) -> None:
    """Links to files of a folder that a link names; what changes is that link."""
    for version, content in (("..v1", "hello"), ("..v2", "good day")):
        (tmp_path / version).mkdir()
        write(tmp_path / version, "one", content)
    (tmp_path / "..data").symlink_to("..v1")
    (tmp_path / "one.json").symlink_to("..data/one.json")
    mock, reloader = reloader_of(tmp_path)
    url = serve(mock)
    assert run(url) == "hello"
    (tmp_path / "..next").symlink_to("..v2")
    (tmp_path / "..next").rename(tmp_path / "..data")
    assert look(reloader)
    assert run(url) == "good day"


def test_a_folder_that_goes_and_comes_back(tmp_path: Path, serve: Serve) -> None:
    folder = tmp_path / "scripts"
    folder.mkdir()
    write(folder, "one", "first")
    mock, reloader = reloader_of(folder)
    url = serve(mock)
    shutil.rmtree(folder)
    assert look(reloader)
    assert run(url) == "first"
    assert mock.reload.problems
    folder.mkdir()
    write(folder, "one", "second")
    assert look(reloader)
    assert (run(url), mock.reload.problems) == ("second", [])


def test_a_scopes_own_script_stays_above_what_is_read(tmp_path: Path, serve: Serve) -> None:
    write(tmp_path, "one", "read")
    mock, reloader = reloader_of(tmp_path)
    url = serve(mock)
    step = {"type": "Step", "name": "s", "mock": {"content": "put"}}
    httpx2.put(f"{url}/__mock__/workflows/one", json={"id": "one", "steps": [step]})
    write(tmp_path, "one", "read again")
    look(reloader)
    assert run(url) == "put"
    httpx2.delete(f"{url}/__mock__/workflows/one")
    assert run(url) == "read again"


def test_the_document_and_its_overlay_are_read_again(tmp_path: Path, serve: Serve) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    write(scripts, "one")
    spec = tmp_path / "agentos.yaml"
    shutil.copy(DEFAULT_DOCUMENT, spec)
    mock, reloader = reloader_of(scripts, spec)
    url = serve(mock)
    assert look(reloader) is False
    spec.write_text(spec.read_text().replace("Agno API Reference", "Edited"))
    assert look(reloader)
    assert httpx2.get(f"{url}/openapi.json").json()["info"]["title"] == "Edited"
    assert httpx2.get(f"{url}/sessions").status_code == 404  # no overlay lies beside it
    overlay = DEFAULT_DOCUMENT.with_name("agentos-2.5.6.overlay.yaml")
    shutil.copy(overlay, tmp_path / "agentos.overlay.yaml")
    assert look(reloader)
    assert httpx2.get(f"{url}/sessions").status_code == 200
    spec.write_text("openapi: 2.0\n")
    assert look(reloader)
    assert httpx2.get(f"{url}/sessions").status_code == 200
    assert "expected 3.1.x" in mock.reload.problems[0]


def test_served_by_the_command_an_edit_is_told_to_who_follows(tmp_path: Path) -> None:
    write(tmp_path, "one")
    process, url, _ = started("--workflows", str(tmp_path))
    try:
        with httpx2.stream("GET", f"{url}/__mock__/feed", timeout=30) as feed:
            lines = feed.iter_lines()
            next(lines)
            write(tmp_path, "one", "edited")
            told = next(line for line in lines if '"reload"' in line)
        assert json.loads(told.removeprefix("data: "))["reload"]["problems"] == []
        assert run(url) == "edited"
    finally:
        said = stop(process, signal.SIGTERM)
    assert "read again: 1 workflows" in said
    assert "watchfiles" not in said


def test_a_log_beside_the_scripts_is_none_of_them(tmp_path: Path) -> None:
    write(tmp_path, "one")
    _, reloader = reloader_of(tmp_path)
    for text in ("a line\n", "a line\nanother\n"):
        (tmp_path / "mock.log").write_text(text)
        assert not look(reloader)
