"""Files that people hand in, read within limits: regular files, of so many bytes, in UTF-8."""

from __future__ import annotations

import stat
from pathlib import Path


class UnreadableFile(ValueError):
    """A file cannot be read as a text; str() says why, in a line."""


def read_text(file: Path, max_bytes: int) -> str:
    """A file's text. Raises UnreadableFile, also for what is no file: a pipe is never opened."""
    try:
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode):
            raise UnreadableFile(f"it is {_kind(mode)}; expected a file")
        with file.open("rb") as opened:
            content = opened.read(max_bytes + 1)
    except FileNotFoundError as error:
        is_link = file.is_symlink()
        raise UnreadableFile(
            "a link to nothing" if is_link else "no such file or folder"
        ) from error
    except OSError as error:
        raise UnreadableFile(f"cannot be read: {error.strerror}") from error
    if len(content) > max_bytes:
        raise UnreadableFile(f"it has more than {max_bytes:,} bytes, the most that are read")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"byte {error.start} is not UTF-8; save it as UTF-8") from error


def _kind(mode: int) -> str:
    kinds = {
        stat.S_ISDIR: "a folder",
        stat.S_ISFIFO: "a pipe",
        stat.S_ISSOCK: "a socket",
        stat.S_ISCHR: "a device",
        stat.S_ISBLK: "a device",
    }
    return next((name for is_kind, name in kinds.items() if is_kind(mode)), "no regular file")
