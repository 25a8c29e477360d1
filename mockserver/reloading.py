"""Hot reload: what is edited is served at once, or not at all.

Scripts, recordings, the document and its overlay are read again when a file of theirs changes. Runs
under way end on what they began with. Where something is wrong, all that was good before stays
served, and the log, the page and the control API say what is wrong.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from agentos_contract.document import DEFAULT_DOCUMENT, Document, DocumentError, load_document
from mockserver.app import MockServer
from mockserver.recordings.format import (
    FOLDER,
    RecordingError,
    Recordings,
    load_recordings,
)
from mockserver.recordings.format import (
    SUFFIX as RECORDING,
)
from mockserver.script.loader import SUFFIXES as SCRIPTS
from mockserver.script.loader import Scripts, load_scripts
from mockserver.script.problems import ScriptError

logger = logging.getLogger(__name__)

LOOK_EVERY = 2.0
"""Seconds after which the files are looked at though nobody has told of a change: network file
systems tell nothing, and a folder that was taken away and comes back is another one."""

Signature = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True)
class Files:
    """What a mock was made from."""

    workflows: Path
    """The folder of scripts, or one script."""
    spec: Path | None = None
    """The document; None: the kit's own, which is looked at too."""

    @property
    def document(self) -> Path:
        return self.spec or DEFAULT_DOCUMENT

    def folders(self) -> list[Path]:
        """Where changes are looked for: also above the folder, as it may be replaced."""
        place = self.workflows
        wanted = [place.absolute().parent, place, place / FOLDER, self.document.absolute().parent]
        return [folder for folder in dict.fromkeys(wanted) if folder.is_dir()]

    def signature(self) -> Signature:
        """What changes when a file does: names, times, sizes, and which file it is."""
        return tuple(sorted(self._seen()))

    def _seen(self) -> Iterator[tuple[str, int, int, int]]:
        document = self.document
        overlay = document.with_name(f"{document.stem}.overlay{document.suffix}")
        recorded = self.workflows / FOLDER
        scripts = _within(self.workflows, SCRIPTS)
        for file in (document, overlay, *scripts, *_within(recorded, (RECORDING,))):
            try:
                found = file.stat()
            except OSError:
                continue
            yield str(file), found.st_mtime_ns, found.st_size, found.st_ino


def _within(place: Path, suffixes: Collection[str]) -> list[Path]:
    """A folder's files with these suffixes; the file itself where it is one."""
    if not place.is_dir():
        return [place]
    try:
        return sorted(file for file in place.iterdir() if file.suffix in suffixes)
    except OSError:
        return []


class Reloader:
    """Has a mock serve what lies in its files."""

    def __init__(self, mock: MockServer, files: Files) -> None:
        """The mock serves what lies there now."""
        self._mock = mock
        self._files = files
        self._signature = files.signature()

    async def follow(self) -> None:
        """Look for changes until cancelled."""
        from watchfiles import awatch  # a third of the time that serving nothing takes to start

        while True:
            folders = self._files.folders()
            changes = awatch(
                *folders,
                recursive=False,
                debounce=200,
                step=50,
                rust_timeout=int(LOOK_EVERY * 1000),
                yield_on_timeout=True,
            )
            async for _ in changes:
                await self.look()
                if self._files.folders() != folders:
                    break

    async def look(self) -> bool:
        """Read again what has changed; whether anything has."""
        signature = self._files.signature()
        if signature == self._signature:
            return False
        self._signature = signature
        # Reading takes a second where there is much: meanwhile the mock goes on.
        try:
            scripts, recordings, document = await asyncio.to_thread(self._read)
            if document.content != self._mock.document.content:
                self._mock.replace_document(document)
        except ScriptError as error:
            self._refuse([str(problem) for problem in error.problems if not problem.is_warning])
        except (DocumentError, RecordingError) as error:
            self._refuse(str(error).splitlines())
        else:
            self._mock.replace_scripts(scripts.workflows, recordings)
            for warning in scripts.warnings:
                logger.warning("%s", warning)
            self._serve_again(len(scripts.workflows))
        self._mock.watch.happened("reload", "")
        return True

    def _read(self) -> tuple[Scripts, Recordings, Document]:
        scripts = load_scripts(self._files.workflows)
        recordings = load_recordings(self._files.workflows)
        document = self._mock.document
        if self._files.spec is not None:
            document = load_document(self._files.spec)
        elif DEFAULT_DOCUMENT.exists():
            document = load_document(DEFAULT_DOCUMENT)
        return scripts, recordings, document

    def _serve_again(self, count: int) -> None:
        state = self._mock.reload
        state.since, state.problems = time.time(), []
        logger.info("read again: %d workflows", count)

    def _refuse(self, problems: list[str]) -> None:
        self._mock.reload.problems = problems
        for problem in problems:
            logger.error("%s", problem)
        logger.error("what was edited is not served, what was good before is")
