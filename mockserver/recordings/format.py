"""Recordings of runs: what a server answered to a form, each event with its time of arrival.

One file a run, `recordings/*.jsonl` beside the scripts: JSON Lines, to be read and compared by
people. The first line says what was asked and how it was answered, then comes one line an event
(`at` is in seconds since the request), or one with the batch body; the last one counts and sums
up, the whole and each line before it, so that a file that was cut or changed is refused, with the
place.

    {"recording": 1, "workflow_id": "greeter", "form": {"message": "tea"}, "status": 200}
    {"at": 0.012, "event": "WorkflowStarted", "data": {"created_at": 1795524653, ...}}
    {"end": "complete", "frames": 1, "sha256": "...", "crc32": ["...", "..."]}
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jsonschema_rs

from agentos_contract.json_values import read_json_object
from agentos_contract.yaml_files import UnreadableFile, read_text

VERSION = 1
FOLDER = "recordings"
SUFFIX = ".jsonl"
MAX_BYTES = 256_000_000
"""Of one recording."""

End = Literal["complete", "cut"]

_ID = {"type": "string", "minLength": 1}
_HEAD = jsonschema_rs.Draft202012Validator(
    {
        "type": "object",
        "required": ["recording", "workflow_id", "form", "status"],
        "properties": {
            "recording": {"const": VERSION},
            "workflow_id": _ID,
            "form": {
                "type": "object",
                "required": ["message", "stream"],
                "additionalProperties": {"type": "string"},
            },
            "status": {"type": "integer", "minimum": 100, "maximum": 599},
        },
    }
)
_FRAME = jsonschema_rs.Draft202012Validator(
    {
        "type": "object",
        "required": ["at", "event", "data"],
        "properties": {
            "at": {"type": "number", "minimum": 0},
            "event": {"type": "string"},
            "data": {"type": "object"},
        },
        "additionalProperties": False,
    }
)
_BODY = jsonschema_rs.Draft202012Validator(
    {
        "type": "object",
        "required": ["at", "body"],
        "properties": {"at": {"type": "number", "minimum": 0}},
        "additionalProperties": True,
    }
)
_END = jsonschema_rs.Draft202012Validator(
    {
        "type": "object",
        "required": ["end", "frames", "sha256"],
        "properties": {
            "end": {"enum": ["complete", "cut"]},
            "frames": {"type": "integer", "minimum": 0},
            "sha256": {"type": "string"},
            "crc32": {"type": "array", "items": {"type": "string"}},
        },
    }
)


class RecordingError(ValueError):
    """A recording cannot be used; str() names its file, line and frame, and what is wrong."""


@dataclass(frozen=True)
class Frame:
    """One event."""

    at: float
    """Seconds since the request."""
    event: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Recording:
    """One run, as a server answered it."""

    workflow_id: str
    form: dict[str, str]
    """The fields that were sent, texts."""
    status: int
    frames: tuple[Frame, ...] = ()
    """Of a stream."""
    body: Any = None
    """The JSON body of a batch run or of a refusal."""
    body_at: float = 0.0
    end: End = "complete"
    """`cut`: the connection was closed in the middle."""

    @property
    def message(self) -> str:
        return self.form["message"]

    @property
    def is_stream(self) -> bool:
        return self.form["stream"] != "false"


def save_recording(recording: Recording, file: Path) -> None:
    """Write a recording. Raises OSError."""
    lines: list[dict[str, Any]] = [
        {
            "recording": VERSION,
            "workflow_id": recording.workflow_id,
            "form": recording.form,
            "status": recording.status,
        }
    ]
    for frame in recording.frames:
        lines.append({"at": round(frame.at, 4), "event": frame.event, "data": frame.data})
    if recording.body is not None:
        lines.append({"at": round(recording.body_at, 4), "body": recording.body})
    written = [json.dumps(line, ensure_ascii=False, allow_nan=False) for line in lines]
    text = "".join(line + "\n" for line in written)
    last = {
        "end": recording.end,
        "frames": len(recording.frames),
        "sha256": _checksum(text),
        "crc32": [_crc32(line) for line in written],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text + json.dumps(last) + "\n", encoding="utf-8", newline="\n")


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _crc32(line: str) -> str:
    return f"{zlib.crc32(line.encode('utf-8', 'surrogatepass')):08x}"


def _changed(lines: Sequence[str], sums: Sequence[str], *, has_body: bool) -> str:
    """Which of a recording's lines is not as it was recorded: the last, if none before it."""
    for number, (line, recorded) in enumerate(zip(lines, sums, strict=False), 1):
        if _crc32(line) != recorded:
            what = "the first line" if number == 1 else f"frame {number - 1}"
            return f"{number}: {'the body' if has_body and number == 2 else what} was changed"
    if len(sums) == len(lines):
        return f"{len(lines) + 1}: the end was changed"
    return f"1: the first line, one of its frames or the end (line {len(lines) + 1}) was changed"


def load_recording(file: Path) -> Recording:
    """Read a recording. Raises RecordingError."""
    try:
        text = read_text(file, MAX_BYTES)
    except UnreadableFile as error:
        raise RecordingError(f"{file}: {error}") from error
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    if len(lines) < 2:
        raise RecordingError(f"{file}: expected a first line, frames and a last line")
    head = _read(file, 1, "the first line", lines[0], _HEAD)
    frames: list[Frame] = []
    body: Any = None
    body_at = 0.0
    for number, line in enumerate(lines[1:-1], 2):
        where = f"frame {len(frames) + 1}"
        if '"body"' in line and not frames:
            found = _read(file, number, "the body", line, None)
            if "body" in found:
                _judge(file, number, "the body", found, _BODY)
                if body is not None:
                    raise RecordingError(f"{file}:{number}: there is a second body")
                body, body_at = found["body"], float(found["at"])
                continue
        found = _read(file, number, where, line, _FRAME)
        if body is not None:
            raise RecordingError(f"{file}:{number}: {where} comes after the body")
        if frames and found["at"] < frames[-1].at:
            raise RecordingError(
                f"{file}:{number}: {where} came at {found['at']}, before the one before it "
                f"({frames[-1].at})"
            )
        frames.append(Frame(float(found["at"]), found["event"], found["data"]))
    last = _read(file, len(lines), f"the end, after frame {len(frames)}", lines[-1], _END)
    if last["frames"] != len(frames):
        raise RecordingError(
            f"{file}:{len(lines)}: {last['frames']} frames were recorded, there are {len(frames)}; "
            f"what follows frame {min(len(frames), last['frames'])} is not as recorded"
        )
    if last["sha256"] != _checksum("".join(line + "\n" for line in lines[:-1])):
        changed = _changed(lines[:-1], last.get("crc32", ()), has_body=body is not None)
        raise RecordingError(
            f"{file}:{changed} after it was recorded (its checksum is another); record it anew"
        )
    return Recording(
        head["workflow_id"],
        head["form"],
        head["status"],
        tuple(frames),
        body,
        body_at,
        last["end"],
    )


def _read(file: Path, number: int, where: str, line: str, validator: Any) -> dict[str, Any]:
    try:
        value = read_json_object(line)
    except ValueError as error:
        raise RecordingError(f"{file}:{number}: {where}: no JSON object: {error}") from error
    if validator is not None:
        _judge(file, number, where, value, validator)
    return value


def _judge(file: Path, number: int, where: str, value: Any, validator: Any) -> None:
    for error in validator.iter_errors(value):
        path = ".".join(str(part) for part in error.instance_path)
        at = f"{path}: " if path else ""
        raise RecordingError(f"{file}:{number}: {where}: {at}{error.message}"[:500])


class Recordings:
    """The recordings that a mock replays, by workflow."""

    def __init__(self, recordings: Iterable[Recording] = ()) -> None:
        self._by_workflow: dict[str, list[Recording]] = {}
        for recording in recordings:
            self._by_workflow.setdefault(recording.workflow_id, []).append(recording)
        self._turn: dict[tuple[str, bool], int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_workflow.values()))

    def of(self, workflow_id: str) -> Sequence[Recording]:
        return self._by_workflow.get(workflow_id, ())

    def rewind(self) -> None:
        """Begin again with the first of each workflow."""
        self._turn.clear()

    def pick(self, workflow_id: str, message: str, *, stream: bool) -> Recording | None:
        """The recording that answers: one of this message, else one after the other.

        None where the workflow has none. One of the other mode where there is no other.
        """
        known = self.of(workflow_id)
        if not known:
            return None
        fitting = [recording for recording in known if recording.is_stream == stream] or known
        asked = [recording for recording in fitting if recording.message == message]
        fitting = asked or list(fitting)
        turn = self._turn.get((workflow_id, stream), 0)
        self._turn[workflow_id, stream] = turn + 1
        return fitting[turn % len(fitting)]


def load_recordings(directory: Path) -> Recordings:
    """The recordings beside a folder's scripts; none is fine.

    Raises RecordingError with what is wrong in each that cannot be used, a line each.
    """
    folder = directory / FOLDER
    recordings: list[Recording] = []
    problems: list[str] = []
    for file in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []:
        try:
            recordings.append(load_recording(file))
        except RecordingError as error:
            problems.append(str(error))
    if problems:
        raise RecordingError("\n".join(problems))
    return Recordings(recordings)
