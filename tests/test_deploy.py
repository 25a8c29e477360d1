"""The Dockerfile and the examples for Compose and Kubernetes, where no Docker and no cluster runs.

Their files are valid by the published schemas, what they name is there, and the commands in them
are run.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner

from mockserver.cli import main
from tests.conftest import ROOT, listening
from tests.processes import Forked
from tests.runs import batch

LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
BIN = Path(sys.executable).parent
COMPOSE = ("compose.yaml", "deploy/compose.redis.yaml")


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def cluster() -> dict[tuple[str, str], Any]:
    """What deploy/kubernetes.yaml has, by kind and name."""
    text = (ROOT / "deploy" / "kubernetes.yaml").read_text(encoding="utf-8")
    return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(text)}


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
        assert {f"!{name}", f"!{name.partition('/')[0]}"} & set(ignored), name


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


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_files_are_valid(name: str) -> None:
    schema = ["--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [BIN / "check-jsonschema", *schema, ROOT / name], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_publishes_the_port_that_the_image_has(name: str) -> None:
    service = read(name)["services"]["agentos-mock"]
    (exposed,) = (line.split()[1] for line in LINES if line.startswith("EXPOSE "))
    assert [port.rpartition(":")[2] for port in service["ports"]] == [exposed]
    assert "AGENTOS_TOKEN" in service["environment"]
    assert (ROOT / name).parent.joinpath(service["build"], "Dockerfile").is_file()


def test_what_kubernetes_is_given_is_valid(cluster: dict[tuple[str, str], Any]) -> None:
    for each in cluster.values():
        kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)


def test_what_is_named_in_the_cluster_is_in_it(cluster: dict[tuple[str, str], Any]) -> None:
    for (kind, name), each in cluster.items():
        if kind != "Service":
            continue
        pods = cluster["Deployment", name]["spec"]["template"]
        assert each["spec"]["selector"] == pods["metadata"]["labels"]
        assert (
            cluster["Deployment", name]["spec"]["selector"]["matchLabels"]
            == each["spec"]["selector"]
        )
        (container,) = pods["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert {port["targetPort"]: port["port"] for port in each["spec"]["ports"]} == ports
        for probe in ("readinessProbe", "livenessProbe"):
            if "httpGet" in container.get(probe, {}):
                assert container[probe]["httpGet"]["port"] in ports


@pytest.mark.parametrize("example", ["compose", "kubernetes"])
def test_replicas_of_an_example_share_what_they_have(
    example: str, cluster: dict[tuple[str, str], Any], empty_redis: str
) -> None:
    if example == "compose":
        services = read("deploy/compose.redis.yaml")["services"]
        command, redis = services["agentos-mock"]["command"], "redis"
        assert redis in services
    else:
        pods = cluster["Deployment", "agentos-mock"]["spec"]["template"]["spec"]
        command, redis = pods["containers"][0]["args"], "agentos-mock-redis"
        assert ("Service", redis) in cluster
    assert f"redis://{redis}:6379/0" in command
    words = [empty_redis if word.startswith("redis://") else word for word in command]
    with replica(words) as one, replica(words) as other:
        run = batch(one, "content-pipeline", session_id="shared")
        found = other.get(f"/sessions/shared/runs/{run['run_id']}", params={"type": "workflow"})
        assert found.json()["content"] == run["content"]
        other.post("/__mock__/rules", json={"answer": {"status": 503}, "times": 1})
        assert one.get("/sessions").status_code == 503
        # Who looks whether it is well has no token.
        assert httpx2.get(one.base_url.join("/health")).status_code == 200
        assert httpx2.get(one.base_url.join("/__mock__/rules")).status_code == 401


@contextlib.contextmanager
def replica(words: list[str]) -> Iterator[httpx2.Client]:
    environment = {**os.environ, "AGENTOS_TOKEN": "letmein"}
    process = Forked("mockserver", *words, "--port", "0", environment=environment)
    with listening(process, "agentos-mock") as url:
        here = url.replace("0.0.0.0", "127.0.0.1")
        headers = {"Authorization": "Bearer letmein"}
        with httpx2.Client(base_url=here, headers=headers, timeout=30) as client:
            yield client
