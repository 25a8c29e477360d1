"""What a connection writes in one turn of the event loop goes to the system in one piece."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from mockserver.corked import Corked


class Written:
    """A transport that notes what it is given, in order."""

    def __init__(self) -> None:
        self.calls: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self.calls.append(name)


def corked() -> tuple[Any, list[bytes | str]]:
    transport = Written()
    loop = asyncio.get_running_loop()
    return Corked(cast("asyncio.Transport", transport), loop), transport.calls


@pytest.mark.anyio
async def test_what_is_written_in_one_turn_is_one_write() -> None:
    transport, calls = corked()
    for part in (b"head", b"body", b"end"):
        transport.write(part)
    assert transport.get_write_buffer_size() == 11
    assert calls == []
    await asyncio.sleep(0)
    transport.write(b"more")
    await asyncio.sleep(0)
    assert calls == [b"headbodyend", b"more"]
    assert transport.get_write_buffer_size() == 0


@pytest.mark.anyio
@pytest.mark.parametrize("end", ["close", "abort", "write_eof"])
async def test_what_was_written_goes_before_the_end(end: str) -> None:
    transport, calls = corked()
    transport.write(b"last")
    getattr(transport, end)()
    await asyncio.sleep(0)
    assert calls == [b"last", end]


@pytest.mark.anyio
async def test_much_is_not_kept_back() -> None:
    transport, calls = corked()
    for _ in range(9):
        transport.write(b"x" * 8192)
    assert calls == [b"x" * 9 * 8192]
