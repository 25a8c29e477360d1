"""The journal, and the feed of what happens."""

from __future__ import annotations

import asyncio
import json
from array import array
from collections.abc import Iterator
from typing import Any

import httpx2

from mockserver.client import MockClient
from mockserver.control.journal import Journal
from mockserver.control.watch import Item, Watch
from tests.mockserver.control.conftest import Start

RUN = "/workflows/content-pipeline/runs"


def test_a_request_and_its_answer_are_noted(mock: MockClient) -> None:
    answer = mock.http.post(
        RUN,
        data={"message": "bees", "stream": "false"},
        headers={"authorization": "Bearer s3cret", "cookie": "a=s3cret"},
    )
    (entry,) = mock.journal()
    assert entry["request"]["body"] == "message=bees&stream=false"
    assert (entry["request"]["method"], entry["request"]["path"]) == ("POST", RUN)
    assert entry["response"]["status"] == 200
    assert json.loads(entry["response"]["body"]) == answer.json()
    assert entry["run_id"] == answer.json()["run_id"]
    assert "s3cret" not in json.dumps(entry)
    assert entry["duration"] > 0
    mock.http.get("/health")
    assert [each["request"]["path"] for each in mock.journal(entry["id"])] == ["/health"]


def test_a_streams_frames_have_their_times(mock: MockClient, start: Start) -> None:
    mock.hold("g", before="StepStarted", step="draft")
    answer = start()
    mock.wait(gate="g")
    (entry,) = mock.journal()
    assert entry["duration"] is None
    assert "StepCompleted" in entry["frames"][-1]["text"]
    mock.release("g")
    answer.ended()
    (entry,) = mock.journal()
    assert "".join(frame["text"] for frame in entry["frames"]) == answer.text
    times = [frame["time"] for frame in entry["frames"]]
    assert times == sorted(times)


def test_the_journal_as_an_http_archive(mock: MockClient) -> None:
    mock.http.post(RUN, data={"message": "bees"})
    mock.http.get("/sessions?type=workflow&limit=3")
    archive = mock.har()["log"]
    assert archive["version"] == "1.2"
    run, listed = archive["entries"]
    assert run["request"]["postData"]["text"] == "message=bees"
    assert run["response"]["content"]["mimeType"].startswith("text/event-stream")
    assert "WorkflowCompleted" in run["response"]["content"]["text"]
    assert listed["request"]["queryString"][1] == {"name": "limit", "value": "3"}


def test_the_journal_is_bounded() -> None:
    journal = Journal(None, max_bytes=10_000)
    scope = {"method": "GET", "path": "/", "headers": [], "query_string": b""}
    for _ in range(100):
        journal.end(journal.begin(scope, "", 0.0))
    kept = list(journal.of(""))
    assert 1 < len(kept) < 10
    assert kept[-1].id == 100


def test_the_token_is_nowhere_in_the_journal() -> None:
    journal = Journal("s3cret")
    entry = journal.begin(
        {
            "method": "GET",
            "path": "/a/s3cret",
            "query_string": b"token=s3cret",
            "headers": [(b"x-a", b"s3cret")],
        },
        "",
        0.0,
    )
    entry.received = [b"it is s3cret"]
    entry.sent, entry.times = [b"s3cret"], array("d", [0.0])
    entry.status = 200
    assert "s3cret" not in json.dumps(journal.to_dict(entry))
    assert "s3cret" not in json.dumps(journal.to_har([entry]))


def follow(answer: httpx2.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    last = ""
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if name == "id":
            last = value
        elif name == "data":
            yield last, json.loads(value)


def test_who_follows_is_told_what_happens(mock: MockClient, start: Start) -> None:
    url = f"{mock.url}/__mock__/feed"
    query = {"scope": mock.scope}
    with httpx2.stream("GET", url, params=query, timeout=30) as answer:
        items = follow(answer)
        mock.hold("g", before="StepStarted", step="draft")
        run = start()
        seen = []
        last = ""
        for last, item in items:  # noqa: B007 - the last one's is used below
            seen.append(item)
            if item["kind"] == "gate":
                break
        kinds = [item["kind"] for item in seen]
        assert kinds[0] == "rules"
        assert kinds.index("request") < kinds.index("run") < kinds.index("event")
        events = [item["event"] for item in seen if item["kind"] == "event"]
        assert [event["index"] for event in events] == list(range(len(events)))
        assert events[1]["about"] == {
            "span": 1,
            "parent": 0,
            "role": "starts",
            "kind": "step",
            "label": "outline",
        }
    mock.release("g")
    run.ended()
    headers = {"last-event-id": last}
    with httpx2.stream("GET", url, params=query, headers=headers, timeout=30) as answer:
        for _, item in follow(answer):
            if item["kind"] == "response":
                break
            seen.append(item)
    assert [item["run"]["state"] for item in seen if item["kind"] == "end"] == ["completed"]
    events = [item["event"] for item in seen if item["kind"] == "event"]
    assert [event["index"] for event in events] == list(range(len(events)))


def test_what_breaks_the_contract_is_said_at_its_event(mock: MockClient) -> None:
    mock.rule(faults=["order.step-completed-twice"])
    mock.http.post(RUN, data={"message": "x"})
    events = mock.run(mock.runs()[0]["run_id"])["events"]
    wrong = [event for event in events if event["violations"]]
    assert wrong
    assert "had ended before" in wrong[0]["violations"][0]


def test_nothing_is_kept_of_events_while_nobody_follows(client: httpx2.Client) -> None:
    watch = Watch()
    watch.happened("rules", "")
    assert not watch.items


def test_who_followed_another_mock_is_told_that_something_was_missed(mock: MockClient) -> None:
    url = f"{mock.url}/__mock__/feed"
    headers = {"last-event-id": "1000000"}
    with httpx2.stream("GET", url, params={"scope": mock.scope}, headers=headers) as answer:
        items = follow(answer)
        first = next(items)
        mock.hold("g", before="StepStarted")
        second = next(items)
    assert [first[1]["kind"], second[1]["kind"]] == ["missed", "rules"]
    assert int(second[0]) > int(first[0])


def test_who_is_too_slow_is_told_that_something_was_missed() -> None:
    async def slow() -> list[Item | None]:
        watch = Watch(max_items=3)
        following = watch.follow(0)
        first = asyncio.ensure_future(anext(following))
        await asyncio.sleep(0)
        watch.happened("rules", "a")
        seen = [await first]
        for scope in "bcdef":
            watch.happened("rules", scope)
        seen += [await anext(following) for _ in range(4)]
        await following.aclose()
        return seen

    assert [(item.kind, item.id) for item in asyncio.run(slow()) if item] == [
        ("rules", 1),
        ("missed", 3),
        ("rules", 4),
        ("rules", 5),
        ("rules", 6),
    ]
