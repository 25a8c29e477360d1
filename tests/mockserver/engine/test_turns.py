"""Tasks take turns as asyncio's do: the same programs by asyncio itself, the order compared."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.engine.actions import NodeActions
from mockserver.engine.gates import Gates
from mockserver.engine.hooks import EngineHooks
from mockserver.engine.turns import TaskLoop, together, turns

Program = list[Any]
"""What is done in order: a number is said, a text lets others go first as often as it is long, a
list begins programs side by side."""

PROGRAMS: st.SearchStrategy[Program] = st.recursive(
    st.lists(st.just(0) | st.sampled_from(["-", "--", "---"]), max_size=4),
    lambda inner: st.lists(
        st.just(0) | st.just("-") | st.lists(inner, min_size=1, max_size=3), max_size=4
    ),
    max_leaves=12,
)


def numbered(program: Program, count: list[int]) -> Program:
    """What is said is its number, so that each is another."""
    out: Program = []
    for what in program:
        if isinstance(what, list):
            out.append([numbered(child, count) for child in what])
        elif isinstance(what, str):
            out.append(what)
        else:
            count[0] += 1
            out.append(count[0])
    return out


async def by_asyncio(program: Program, done: list[int]) -> AsyncIterator[int]:
    """As Agno's Parallel does it (agno/workflow/parallel.py of 2.5.6). `done`: what has been done
    so far, whether it has been heard or not."""
    for what in program:
        if isinstance(what, int):
            done.append(what)
            yield what
        elif isinstance(what, str):
            for _ in what:
                await asyncio.sleep(0)
        else:
            queue: asyncio.Queue[int | None] = asyncio.Queue()

            async def child(program: Program, queue: asyncio.Queue[int | None] = queue) -> None:
                async for said in by_asyncio(program, done):
                    await queue.put(said)
                await queue.put(None)

            tasks = [asyncio.create_task(child(one)) for one in what]
            ended = 0
            while ended < len(tasks):
                said = await queue.get()
                if said is None:
                    ended += 1
                else:
                    yield said
            await asyncio.gather(*tasks)


async def sent(program: Program) -> list[tuple[int, int]]:
    """What is sent, and how much had been done by then, through a stream that holds nothing."""
    seen: list[tuple[int, int]] = []
    done: list[int] = []
    sender, receiver = anyio.create_memory_object_stream[int](0)

    async def run() -> None:
        with sender:
            await sender.send(0)
            async for said in by_asyncio(program, done):
                seen.append((said, len(done)))
                await sender.send(said)

    async with anyio.create_task_group() as group, receiver:
        group.start_soon(run)
        await receiver.receive()
        async for _ in receiver:
            pass
    return seen


def by_turns(program: Program, done: list[int]) -> NodeActions:
    for what in program:
        if isinstance(what, int):
            done.append(what)
            yield {"said": what}
        elif isinstance(what, str):
            yield turns(len(what))
        else:
            children = [by_turns(one, done) for one in what]
            yield from together(children, is_queued=True, queues_events=True)
            yield turns(2)  # asyncio.gather
    return None


# What asyncio.gather takes for tasks that are done is less from Python 3.12 on.
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the observed server ran on Python 3.11")
@settings(max_examples=120, deadline=None)
@given(PROGRAMS)
def test_the_order_is_asyncios(program: Program) -> None:
    program = numbered(program, [0])
    done: list[int] = []
    run = by_turns(program, done)
    loop = TaskLoop(run, EngineHooks(), Gates(), is_handed_on=True)
    seen = [(action["said"], len(done)) for action in loop.run() if isinstance(action, dict)]
    assert seen == asyncio.run(sent(program))
