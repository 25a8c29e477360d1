"""What may take long is evaluated in threads, so that the event loop serves others meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

THREADS = 4
"""Evaluations at a time; more wait for one of them to end."""

P = ParamSpec("P")
T = TypeVar("T")


async def aside(function: Callable[P, T], *arguments: P.args, **more: P.kwargs) -> T:
    """What the function gives, called in a thread. It raises no StopIteration.

    Whoever is cancelled meanwhile waits for its end: it works on what is theirs.
    """
    loop = asyncio.get_running_loop()
    call = functools.partial(contextvars.copy_context().run, function, *arguments, **more)
    future = loop.run_in_executor(_threads(os.getpid()), call)
    try:
        return await asyncio.shield(future)
    finally:
        while not future.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([future])


@functools.cache
def _threads(process: int) -> ThreadPoolExecutor:
    """Those of this process: one that was forked has none of its parent's."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix="expressions")
