"""Deviations and variations on request, from outside: headers, options, composition."""

from __future__ import annotations

import httpx2
import pytest
from click.testing import CliRunner

from agentos_contract.sse import EventStreamDecoder
from mockserver.app import Settings, create_app
from mockserver.cli import main
from tests.conftest import Serve

RUN = "/workflows/article-steps/runs"


def event_names(text: str) -> list[str]:
    return [event.event for event in EventStreamDecoder().feed(text.encode())]


def stream(client: httpx2.Client, *preferences: str) -> httpx2.Response:
    headers = [("prefer", preference) for preference in preferences]
    return client.post(RUN, data={"message": "bees"}, headers=headers)


def test_a_request_asks_for_a_deviation_and_the_next_is_answered_without(
    client: httpx2.Client,
) -> None:
    assert "WorkflowCompleted" not in event_names(stream(client, "fault=order.bare-end").text)
    assert "WorkflowCompleted" in event_names(stream(client).text)


def test_several_compose_in_one_header_or_in_many(client: httpx2.Client) -> None:
    one = stream(client, "fault=order.no-start, fault=order.bare-end, vary=sse.crlf")
    many = stream(client, "fault=order.no-start", "fault=order.bare-end", "vary=sse.crlf")
    for answer in (one, many):
        assert answer.text.count("\r\n") > 0
        names = event_names(answer.text)
        assert "WorkflowStarted" not in names
        assert "WorkflowCompleted" not in names
        assert "StepStarted" in names


@pytest.mark.parametrize(
    ("preference", "said"),
    [
        ("vary=sse.crl", "Prefer: vary: there is no variation 'sse.crl'; did you mean 'sse.crlf'?"),
        (
            "fault=order.bare-ende",
            "Prefer: fault: there is no deviation 'order.bare-ende'; did you mean 'order.bare-end'",
        ),
        ("fault=sse.crlf", "Prefer: fault: there is no deviation 'sse.crlf'"),
    ],
)
def test_an_unknown_name_is_refused(client: httpx2.Client, preference: str, said: str) -> None:
    answer = stream(client, preference)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(said)


def test_a_server_performs_them_for_everybody(serve: Serve) -> None:
    names = frozenset({"order.bare-end", "sse.crlf"})
    with httpx2.Client(
        base_url=serve(create_app(Settings(deviations=names))), timeout=30
    ) as client:
        answer = stream(client)
    assert "\r\n" in answer.text
    assert "WorkflowCompleted" not in event_names(answer.text)


def test_a_connection_is_cut(client: httpx2.Client) -> None:
    with pytest.raises(httpx2.RemoteProtocolError, match="incomplete chunked read"):
        stream(client, "fault=sse.cut-before-end")


def test_a_large_body_is_refused_as_ever(client: httpx2.Client) -> None:
    body = {"message": "x" * (17 * 1024 * 1024)}
    answer = client.post(RUN, data=body, headers={"prefer": "fault=form.trimmed"})
    assert answer.status_code == 413


def test_the_command_lists_what_there_is() -> None:
    listed = CliRunner().invoke(main, ["faults", "order.terminal-event"])
    assert listed.exit_code == 0
    assert "--fault order.bare-end" in listed.output
    assert "breaks order.terminal-event" in listed.output
    assert "--vary" not in listed.output
    assert "--vary sse.crlf" in CliRunner().invoke(main, ["faults", "CR", "lf"]).output
    nothing = CliRunner().invoke(main, ["faults", "no-such-thing"])
    assert nothing.exit_code == 1
    assert "'no-such-thing'" in nothing.output


def test_an_unknown_name_is_refused_at_start() -> None:
    refused = CliRunner().invoke(main, ["serve", "--vary", "sse.crl"])
    assert refused.exit_code == 2
    assert "did you mean 'sse.crlf'?" in refused.output
