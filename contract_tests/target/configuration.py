"""Configuration: contract-tests.toml, or `[tool.contract-tests]` of a pyproject.toml.

The keys are the options' names without their dashes in front, and what no option can say: a
`token-command`, and settings of single workflows.

    max-runs = 30
    known = "known.yaml"
    token-command = ["vault", "read", "-field=token", "secret/agentos"]

    [workflows.article-writer]
    message = "bees"
    deterministic = false
    seconds = 20

    [workflows.order-intake]
    messages = [{sku = "A1", count = 1}, {sku = "B2", count = 3}]
"""

from __future__ import annotations

import json
import shlex
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from agentos_contract.names import nearest

FILE_NAME = "contract-tests.toml"
TABLE = "contract-tests"
COMMAND_SECONDS = 60
"""How long a token-command may take."""


class ConfigurationError(ValueError):
    """A configuration cannot be used; str() names file, key and what is right."""


def _as_message(value: Any) -> Any:
    """A message is a text; anything else is sent as JSON, as typed workflows want it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


Message = Annotated[str, BeforeValidator(_as_message, json_schema_input_type=Any)]


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", alias_generator=_kebab, frozen=True, allow_inf_nan=False
    )


class WorkflowSettings(_Table):
    """What is said of one workflow."""

    message: Message | None = None
    """What its runs are started with."""
    messages: list[Message] = Field(default_factory=list, min_length=1)
    """Several: the first is the probes'; each of the others is streamed once, a run more."""
    deterministic: bool | None = None
    """Whether the same message gets the same answer; found out, unless said."""
    seconds: Annotated[float, Field(gt=0)] | None = None
    """What a run of it takes: how long the tests will take is said by that before they begin."""

    @model_validator(mode="after")
    def _one_of(self) -> WorkflowSettings:
        if self.message is not None and self.messages:
            raise ValueError("expected message or messages, found both")
        return self

    @property
    def samples(self) -> tuple[str, ...]:
        """Its messages; empty where none is given."""
        return (self.message,) if self.message is not None else tuple(self.messages)


class Configuration(_Table):
    """A configuration file. What is absent is the option's default."""

    url: str | None = None
    """The target, where the command line names none."""
    token_command: str | list[str] | None = None
    """Prints the token. Run where neither --token nor AGENTOS_TOKEN is given."""
    header: list[str] | None = None
    """`NAME: VALUE`. Secret ones have no place in a file: AGENTOS_HEADERS has."""
    ca: Path | None = None
    insecure: bool | None = None
    cert: Path | None = None
    key: Path | None = None
    proxy: str | None = None
    workflow: list[str] | None = None
    level: Literal["document", "protocol", "observed"] | None = None
    area: list[str] | None = None
    only: list[str] | None = None
    skip: list[str] | None = None
    known: str | None = None
    max_examples: Annotated[int, Field(ge=0)] | None = None
    max_runs: Annotated[int, Field(ge=1)] | None = None
    parallel: Annotated[int, Field(ge=1)] | None = None
    time_budget: Annotated[float, Field(gt=0)] | None = None
    keep_sessions: bool | None = None
    browser_origin: str | None = None
    message: Message | None = None
    require: list[str] | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    report_dir: Path | None = None
    allure_dir: Path | None = None
    code: list[Path] | None = None
    github: bool | None = None
    log: Path | None = None
    spec: Path | None = None
    idle_timeout: Annotated[float, Field(gt=0)] | None = None
    total_timeout: Annotated[float, Field(gt=0)] | None = None
    verbose: bool | None = None
    workflows: dict[str, WorkflowSettings] = Field(default_factory=dict)
    """By workflow id."""


def find_configuration(start: Path) -> Path | None:
    """The nearest from a directory upwards: contract-tests.toml, else a pyproject.toml that has
    the table. Raises ConfigurationError for a file that cannot be read."""
    for directory in (start, *start.parents):
        file = directory / FILE_NAME
        if file.is_file():
            return file
        project = directory / "pyproject.toml"
        if project.is_file() and TABLE in _read(project).get("tool", {}):
            return project
    return None


def load_configuration(file: Path) -> Configuration:
    """Read a file. Paths in it are relative to its directory. Raises ConfigurationError."""
    content = _read(file)
    where = f"{file}: "
    if file.name == "pyproject.toml":
        content = content.get("tool", {}).get(TABLE, {})
        where = f"{file}: tool.{TABLE}: "
    try:
        found = Configuration.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError("\n".join(_faults(error, where))) from error
    base = file.parent
    update: dict[str, Any] = {
        name: base / path
        for name in ("log", "report_dir", "allure_dir", "spec", "ca", "cert", "key")
        if (path := getattr(found, name)) is not None
    }
    if found.code is not None:
        update["code"] = [base / path for path in found.code]
    if found.known is not None and (base / found.known).is_file():
        update["known"] = str(base / found.known)
    return found.model_copy(update=update)


def token_from(command: str | list[str]) -> str:
    """What a token-command prints. Raises ConfigurationError, which has nothing of its output."""
    words = shlex.split(command) if isinstance(command, str) else command
    if not words:
        raise ConfigurationError("token-command: it is empty; expected a command")
    try:
        done = subprocess.run(  # nosec B603 # the user's own command, by no shell
            words, stdout=subprocess.PIPE, timeout=COMMAND_SECONDS, check=False, text=True
        )
    except subprocess.TimeoutExpired:
        message = f"token-command: {words[0]} gave no token within {COMMAND_SECONDS} s"
        raise ConfigurationError(message) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"token-command: {words[0]} cannot be run: {error}") from None
    if done.returncode:
        raise ConfigurationError(f"token-command: {words[0]} ended with {done.returncode}")
    token = done.stdout.strip()
    if not token:
        raise ConfigurationError(f"token-command: {words[0]} printed nothing; expected the token")
    return token


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file}: cannot be read: {error}") from error


def _faults(error: ValidationError, where: str) -> list[str]:
    lines = []
    for fault in error.errors(include_url=False):
        location = [str(part) for part in fault["loc"]]
        key = ".".join(location)
        if fault["type"] == "extra_forbidden":
            lines.append(f"{where}{key}: {_unknown_key(location)}")
            continue
        said = fault["msg"].removeprefix("Value error, ")
        said = said[:1].lower() + said[1:]
        found = "" if isinstance(fault["input"], Mapping) else f", found {fault['input']!r}"
        lines.append(f"{where}{key}: {said}{found}")
    return list(dict.fromkeys(lines))


def _unknown_key(location: list[str]) -> str:
    name = location[-1]
    if name == "token":
        return "a token has no place in a file; expected token-command, --token or AGENTOS_TOKEN"
    model: type[BaseModel] = WorkflowSettings if len(location) > 1 else Configuration
    names = [_kebab(field) for field in model.model_fields]
    near = nearest(name, names)
    hint = f"did you mean {near}?" if near else f"expected one of {', '.join(names)}"
    return f"unknown key; {hint}"
