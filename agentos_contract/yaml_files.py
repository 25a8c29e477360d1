"""YAML files: the kit's own, read fast; users' files, read within limits.

libyaml, where PyYAML has it, takes a tenth of the time. What a user hands in may be no file, or no
text, nested without end, or a few lines of aliases that stand for gigabytes.
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from agentos_contract.json_values import MAX_DEPTH

MAX_BYTES = 16_000_000
MAX_VALUES = 1_000_000

SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class UnreadableFile(ValueError):
    """A file cannot be read; str() says why, in a line."""


class TooMuch(yaml.MarkedYAMLError):
    """YAML that is nested too deep, or stands for too many values."""


def read_yaml(file: Path) -> Any:
    """The content of a file of the kit's own. Raises OSError and yaml.YAMLError."""
    return yaml.load(file.read_text(encoding="utf-8"), Loader=SafeLoader)


def read_users_yaml(file: Path) -> Any:
    """The content of a user's file. Raises UnreadableFile."""
    text = read_text(file, MAX_BYTES)
    try:
        with composed(text, SafeLoader, MAX_VALUES) as (loader, node):
            return None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        # The last four are constructors' of `!!int x` and its like.
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        reason = " ".join(str(getattr(error, "problem", None) or error).split())
        raise UnreadableFile(f"cannot be read: {where}no YAML: {reason}") from error


def read_text(file: Path, max_bytes: int) -> str:
    """A file's text. Raises UnreadableFile, also for what is no file: a pipe is never opened."""
    try:
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode):
            raise UnreadableFile(f"it is {_kind(mode)}; expected a file")
        with file.open("rb") as opened:
            content = opened.read(max_bytes + 1)
    except FileNotFoundError as error:
        reason = "a link to nothing" if file.is_symlink() else "no such file or folder"
        raise UnreadableFile(reason) from error
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


@contextlib.contextmanager
def composed(
    text: str, loader_type: Any, max_values: int
) -> Iterator[tuple[Any, yaml.Node | None]]:
    """A loader and the document's root, safe to construct. Raises yaml.YAMLError, also TooMuch."""
    loader = loader_type(text)
    try:
        # Before anything recurses: libyaml's composer ends the process where its stack does.
        _check_depth(text)
        node = loader.get_single_node()
        if node is not None:
            _measure(node, {}, max_values)
        yield loader, node
    finally:
        loader.dispose()


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _too_deep(event.start_mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _too_deep(mark: Any) -> TooMuch:
    return TooMuch(None, None, f"it is nested more than {MAX_DEPTH} deep", mark)


def _measure(
    node: yaml.Node, sizes: dict[yaml.Node, tuple[int, int] | None], max_values: int
) -> tuple[int, int]:
    """How many values a node stands for with its aliases, and how deep they are nested.

    Each node is measured once, however often it is referred to.
    """
    if isinstance(node, yaml.ScalarNode):
        return 1, 0
    if node in sizes:
        known = sizes[node]
        if known is None:
            what = "an alias stands for what it is itself a part of"
            raise TooMuch(None, None, what, node.start_mark)
        return known
    sizes[node] = None
    items = node.value
    if isinstance(node, yaml.MappingNode):
        items = [part for pair in items for part in pair]
    count, depth = 1, 0
    for item in items:
        inner_count, inner_depth = _measure(item, sizes, max_values)
        count, depth = count + inner_count, max(depth, inner_depth)
    if count > max_values:
        what = f"with its aliases it stands for more than {max_values:,} values"
        raise TooMuch(None, None, f"{what}, the most that are read", node.start_mark)
    if depth >= MAX_DEPTH:
        raise _too_deep(node.start_mark)
    sizes[node] = count, depth + 1
    return count, depth + 1
