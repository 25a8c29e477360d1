"""A stream on the page: what is drawn, what is listed, and that whatever came can be shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_contract.events import EVENTS
from agentos_contract.requirements import load_catalogue
from agentos_contract.sse import encode_event
from contract_tests.judging.judgement import Breach
from contract_tests.judging.results import Result, Status
from contract_tests.reports.files import write_reports
from contract_tests.reports.timeline import (
    AFTER,
    BEFORE,
    MAX_BARS,
    MAX_ROWS,
    Timeline,
    Timelines,
)
from contract_tests.running.run import Options, Report
from contract_tests.target.exchange import Exchange
from tests.agentos_contract.test_judge import Stream, event, good, step
from tests.contract_tests.conftest import DOCUMENT
from tests.contract_tests.judging.test_hostile import JSON, an_exchange


def exchange_of(stream: Stream) -> Exchange:
    frames = (encode_event(payload["event"], json.dumps(payload)) for payload in stream)
    return an_exchange(b"".join(frames), "text/event-stream")


def timeline_of(stream: Stream, marked: int | None = None) -> Timeline:
    timeline = Timelines(str).of(exchange_of(stream), marked)
    assert timeline is not None
    return timeline


def position(stream: Stream, name: str) -> int:
    return next(index for index, payload in enumerate(stream) if payload["event"] == name)


def test_what_ran_is_drawn_from_its_start_to_its_end() -> None:
    stream = good()
    bars = {bar.label: bar for bar in timeline_of(stream).bars}
    assert bars["workflow 'W'"].left == 0
    assert bars["workflow 'W'"].width == 100
    parallel = bars["Parallel 'par'"]
    start, end = (position(stream, f"ParallelExecution{how}") for how in ("Started", "Completed"))
    assert parallel.left == pytest.approx(100 * start / len(stream))
    assert parallel.width == pytest.approx(100 * (end - start + 1) / len(stream))
    # Branches overlap, as they did.
    first, second = bars["step 'p0'"], bars["step 'p1'"]
    assert first.depth == second.depth == parallel.depth + 1
    assert first.left < second.left < first.left + first.width
    assert not any(bar.is_open or bar.is_marked for bar in bars.values())


def test_what_never_ended_is_drawn_as_open() -> None:
    stream = [one for one in good() if (one["event"], one.get("step_name")) != OPEN]
    timeline = timeline_of(stream)
    assert {bar.label for bar in timeline.bars if bar.is_open} == {"step 'chosen'"}


OPEN = ("StepCompleted", "chosen")


def test_the_event_that_shows_it_is_marked_among_its_neighbours() -> None:
    stream = good()
    marked = position(stream, "LoopExecutionStarted")
    timeline = timeline_of(stream, marked)
    (row,) = (row for row in timeline.near if row.is_marked)
    assert (row.number, row.name, row.about) == (marked + 1, "LoopExecutionStarted", "loop")
    assert json.loads(row.data) == stream[marked]
    assert [bar.label for bar in timeline.bars if bar.is_marked] == ["Loop 'loop'"]
    assert timeline.marker == pytest.approx(100 * (marked + 0.5) / len(stream))
    assert len(timeline.near) == BEFORE + 1 + AFTER
    listed = [*timeline.before, *timeline.near, *timeline.after]
    assert [row.name for row in listed] == [payload["event"] for payload in stream]


def long_stream(steps: int) -> Stream:
    inner = [payload for number in range(steps) for payload in step(f"s{number}", number)]
    return [event("WorkflowStarted"), *inner, event("WorkflowCompleted", step_results=[])]


@pytest.mark.parametrize("marked", [None, 0, 1_000, 2_001, 9_999])
def test_of_a_long_stream_what_is_near_is_shown(marked: int | None) -> None:
    stream = long_stream(1_000)
    timeline = timeline_of(stream, marked)
    assert timeline.count == len(stream) == 2_002
    assert len(timeline.bars) == MAX_BARS
    assert timeline.bars_left_out == 1_001 - MAX_BARS
    listed = [*timeline.before, *timeline.near, *timeline.after]
    assert len(listed) <= MAX_ROWS + BEFORE + AFTER + 1
    assert len(listed) + timeline.left_out == len(stream)
    if marked is not None and marked < len(stream):
        assert [row.number for row in listed if row.is_marked] == [marked + 1]
        assert any(bar.is_marked for bar in timeline.bars)


EVENT_NAMES = st.sampled_from([*EVENTS, "CustomEvent", "message", "<b>"]) | st.text(max_size=5)


@given(st.lists(st.tuples(EVENT_NAMES, JSON | st.just("no JSON")), max_size=12), st.data())
@settings(max_examples=50, deadline=None)
def test_whatever_came_can_be_shown(events: list[tuple[str, Any]], data: st.DataObject) -> None:
    frames = []
    for name, payload in events:
        text = payload if payload == "no JSON" else json.dumps(payload)
        frames.append(f"event: {' '.join(name.split())}\ndata: {text}\n\n".encode())
    exchange = an_exchange(b"".join(frames), "text/event-stream")
    marked = data.draw(st.none() | st.integers(0, 14))
    timeline = Timelines(str).of(exchange, marked)
    assert timeline is not None
    assert timeline.count == len(exchange.events)


def test_the_page_is_of_a_size_that_can_be_read(tmp_path: Path) -> None:
    """All requirements broken by long streams; and what a server says is text, not markup."""
    exchange = exchange_of([*long_stream(1_000), event("<script>alert(1)</script>")])
    results = []
    for requirement in load_catalogue().requirements.values():
        breach = Breach(
            requirement.id, "<script>seen</script>", "curl", exchange, 1_500, check="streams"
        )
        results.append(
            Result(requirement, Status.FAILED, breach.message, breach.reproduce, 1, breach)
        )
    report = Report("http://localhost", 1, results, 1)
    write_reports(report, tmp_path, Options("http://localhost", DOCUMENT, 1))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count('class="marked"') == len(results)
    assert "<script" not in page
    assert len(page) < 150_000 * len(results)
