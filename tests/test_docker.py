"""The Dockerfile and compose.yaml, as far as they can be looked at where no Docker runs."""

from __future__ import annotations

import json
import shlex

import yaml
from click.testing import CliRunner

from mockserver.cli import main
from tests.conftest import ROOT

LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()


def test_what_is_copied_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = [
        word
        for line in LINES
        if line.startswith("COPY ") and "--from" not in line
        for word in shlex.split(line)[1:-1]
    ]
    assert copied
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name.partition('/')[0]}" in ignored, name


def test_what_is_run_is_a_command_with_these_options() -> None:
    (command,) = (json.loads(line[4:]) for line in LINES if line.startswith("CMD "))
    help_text = CliRunner().invoke(main, [command[0], "--help"]).output
    assert all(word in help_text for word in command if word.startswith("--"))


def test_the_build_has_what_the_wheel_is_made_of() -> None:
    import tomllib

    built = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    wheel = built["build"]["targets"]["wheel"]
    wanted = {*wheel["packages"], *wheel["force-include"]}
    copied = {shlex.split(line)[-1] for line in LINES if line.startswith("COPY ")}
    assert wanted <= copied


def test_compose_serves_the_port_that_the_image_has() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    service = compose["services"]["agentos-mock"]
    assert service["ports"] == ["7777:7777"]
    assert "AGENTOS_TOKEN" in service["environment"]
