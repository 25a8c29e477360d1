"""docs/ci.md and the GitHub Action: valid for those who read them, and their commands run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import yaml
from markdown_it import MarkdownIt

from tests.conftest import ROOT, Serve
from tests.contract_tests.checks.test_mutations import TOKEN, Locked

ACTION = ROOT / ".github" / "actions" / "contract-tests"
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
EXAMPLES = [token for token in MarkdownIt().parse(PAGE) if token.type == "fence"]
BIN = Path(sys.executable).parent


def example(language: str, has: str = "") -> str:
    (found,) = (one for one in EXAMPLES if one.info == language and has in one.content)
    return found.content


def check_schema(schema: str, file: Path) -> None:
    done = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", schema, file], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_files_of_ci_servers_are_valid(tmp_path: Path) -> None:
    check_schema("vendor.github-actions", ACTION / "action.yml")
    for name, schema, has in (
        ("workflow.yml", "vendor.github-workflows", "runs-on"),
        ("gitlab.yml", "vendor.gitlab-ci", "image:"),
    ):
        (tmp_path / name).write_text(example("yaml", has), encoding="utf-8")
        check_schema(schema, tmp_path / name)


def test_the_workflow_gives_the_action_what_it_takes() -> None:
    inputs = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))["inputs"]
    steps = yaml.safe_load(example("yaml", "runs-on"))["jobs"]["contract"]["steps"]
    (used,) = (step for step in steps if "contract-tests@" in step.get("uses", ""))
    name = used["uses"].partition("agentos-contract-kit/")[2].partition("@")[0]
    assert ROOT / name == ACTION
    assert set(used["with"]) <= set(inputs)
    assert {key for key, value in inputs.items() if value.get("required")} <= set(used["with"])
    written = inputs["report-dir"]["default"]
    for step in steps[-2:]:
        read = step["with"].get("path") or step["with"]["sarif_file"]
        assert read.partition("/")[0] == written


PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")


def test_everything_is_pinned_by_commit() -> None:
    action = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
    workflow = yaml.safe_load(example("yaml", "runs-on"))
    used = [
        step["uses"]
        for step in (*action["runs"]["steps"], *workflow["jobs"]["contract"]["steps"])
        if "uses" in step
    ]
    assert len(used) == 5
    assert all(PINNED.fullmatch(one) for one in used), used


def test_the_action_installs_its_own_checkout_and_what_is_locked() -> None:
    """Nothing but what the lock has, by its hash, is asked of an index."""
    action = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
    (step,) = (step for step in action["runs"]["steps"] if "pip" in step.get("run", ""))
    lines = [line.strip() for line in step["run"].splitlines() if line.strip().startswith("pip -")]
    assert [line.split()[1] for line in lines] == ["--require-hashes", "--no-index"]
    assert lines[1].endswith('--no-deps --no-build-isolation "$GITHUB_ACTION_PATH/../../.."')
    locked = {
        found[1]: found[0]
        for found in re.finditer(
            r"^([\w.-]+)==.*(?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)+",
            (ACTION / "requirements.lock").read_text(encoding="utf-8"),
            re.M,
        )
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = [*project["project"]["dependencies"], *project["dependency-groups"]["build"]]
    names = {re.split(r"[^\w.-]", one)[0].lower().replace(".", "-") for one in needed}
    assert names <= set(locked)
    whole = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for text in locked.values():
        assert text.partition(" ")[0] in whole  # the versions that the tests ran with


def run_action(folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """The action's last step, as GitHub runs it."""
    action = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
    values = {name: str(value.get("default", "")) for name, value in action["inputs"].items()}
    values |= {name.replace("_", "-"): value for name, value in inputs.items()}
    (step,) = (step for step in action["runs"]["steps"] if step.get("id") == "judge")
    contexts = {f"inputs.{name}": value for name, value in values.items()}
    contexts["runner.temp"] = str(folder)

    def expand(text: str) -> str:
        return re.sub(r"\$\{\{ (\S+) \}\}", lambda found: contexts[found[1]], text)

    command = folder / "contract-tests" / "bin" / "contract-tests"
    command.parent.mkdir(parents=True)
    command.symlink_to(BIN / "contract-tests")
    environment = {
        **os.environ,
        **{name: expand(value) for name, value in step["env"].items()},
        "GITHUB_ACTION_PATH": str(ACTION),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_OUTPUT": str(folder / "output"),
        "RUNNER_TEMP": str(folder),
    }
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_the_action_judges(stage: Serve, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("max-examples = 0\n")
    done = run_action(
        tmp_path,
        url=stage(Locked(("main", "other", "slow"))),
        token=TOKEN,
        workflows="main\nother\n",
        require="sse.pacing\nsse.utf-8",
        max_runs="20",
        config="settings.toml",
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "of: main, other" in done.stdout
    assert "FAILED sse.pacing" in done.stdout
    assert (tmp_path / "output").read_text() == "exit-code=1\n"
    summary = (tmp_path / "summary.md").read_text()
    assert "| `sse.pacing` |" in summary
    assert "::error title=contract%3A sse.pacing" in done.stdout
    assert (tmp_path / "contract-tests-report" / "results.sarif").is_file()
    assert TOKEN not in done.stdout + done.stderr + summary


def test_the_action_takes_no_input_for_a_command(tmp_path: Path) -> None:
    done = run_action(tmp_path, url="http://127.0.0.1:9; touch hit", known="$(touch hit)")
    assert done.returncode == 2
    assert (tmp_path / "output").read_text() == "exit-code=2\n"
    assert not (tmp_path / "hit").exists()


def commands() -> Iterator[str]:
    """The page's calls of contract-tests, from whichever CI's file."""
    yield from re.findall(r"^contract-tests .*", example("sh", "pip install"), re.M)
    yield from yaml.safe_load(example("yaml", "image:"))["contract"]["script"][1:]
    yield from re.findall(r"sh '(contract-tests .*)'", example("groovy"))
    yield from re.findall(r"^contract-tests .*", example("sh", "--replay"), re.M)


def test_the_page_s_commands_are_one() -> None:
    """tests/docs runs it."""
    first, *same, replay = commands()
    assert same == [first, first]
    assert "--replay" in replay
