"""What `Prefer` asks for: how it is read, what is refused, what is said to have been applied."""

from __future__ import annotations

import contextlib

import httpx2
import pytest

from agentos_contract.profiles import load_profile
from agentos_contract.sse import EventStreamDecoder
from mockserver.app import Settings, create_app
from mockserver.faults.applicability import possible_events
from mockserver.http.preferences import Preferences, read_preferences
from mockserver.script.loader import BUNDLED_SCRIPTS, load_scripts
from tests.conftest import Serve

STEPS = "/workflows/content-pipeline/runs"
"""A workflow of functions and nothing else."""


def read(*values: str) -> Preferences:
    return read_preferences([(b"Prefer", value.encode()) for value in values])


def run(client: httpx2.Client, preference: str, url: str = STEPS, **form: str) -> httpx2.Response:
    form = {"message": "bees", **form}
    return client.post(url, data=form, headers={"prefer": preference})


# -- how it is read


@pytest.mark.parametrize(
    ("value", "faults", "variations", "scenario"),
    [
        ("fault=x; wait=5", ["x"], [], None),
        ("FAULT = x ,Vary=y", ["x"], ["y"], None),
        ('fault="a,b;c", vary="d\\"e"', ["a,b;c"], ['d"e'], None),
        (
            "respond-async, return=minimal, wait=5, handling=strict, odata.maxpagesize=3",
            [],
            [],
            None,
        ),
        ('scenario="too busy", scenario=other', [], [], "too busy"),
        ('scenario="Überlast"', [], [], "Überlast"),
        ("", [], [], None),
        (" , ,", [], [], None),
    ],
)
def test_it_is_read_as_the_rfc_says(
    value: str, faults: list[str], variations: list[str], scenario: str | None
) -> None:
    found = read(value)
    assert found.problem is None
    assert (found.faults, found.variations, found.values.get("scenario")) == (
        faults,
        variations,
        scenario,
    )


def test_several_headers_are_one() -> None:
    found = read("fault=a", "wait=1, fault=b", "vary=c")
    assert (found.faults, found.variations, found.problem) == (["a", "b"], ["c"], None)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            "faults=a",
            "there is no preference 'faults' here; "
            "expected code, delay, fault, scenario, seed, speed, vary",
        ),
        ("speed=fast", "speed=fast: expected a number above 0"),
        ("fault", "fault: expected a name, such as fault=NAME"),
        ('vary=""', "vary: expected a name"),
        ("fault=a;vary=b", "preferences stand apart by commas, not semicolons"),
        ("fault=a b", "'fault=a b' is no preference"),
        ('vary=a, fault="b', "a quote is not closed"),
        ("=a", "'=a' is no preference"),
    ],
)
def test_what_is_no_preference_of_the_mocks_is_said(value: str, problem: str) -> None:
    found = read(value)
    assert found.problem is not None
    assert problem in found.problem


# -- what cannot apply


@pytest.mark.parametrize(
    ("preference", "form", "reason"),
    [
        ("fault=parallel.count-off", {}, "has no ParallelExecutionStarted"),
        ("fault=order.late-content", {}, "'content-pipeline' has no RunContent"),
        ("fault=event.list", {}, "'content-pipeline' has no RunContentCompleted"),
        ("fault=loop.from-0", {}, "'content-pipeline' has no Loop"),
        ("fault=results.chunks-grow", {}, "has no RunContent"),
        ("fault=order.bare-end", {"stream": "false"}, "it is about streams"),
        ("fault=sse.cut-in-event", {"stream": "false"}, "it is about streams"),
        ("vary=sse.crlf", {"stream": "false"}, "it is about streams"),
        ("fault=batch.list", {}, "it is about batch runs"),
        ("vary=batch.indented", {"stream": "true"}, "it is about batch runs"),
        ("fault=cancel.crash-on-second", {}, "it is about cancelling a run"),
        ("fault=authentication.open", {}, "the server asks for no token"),
        ("fault=authentication.forbidden", {}, "the server asks for no token"),
        ("fault=sse.ascii, fault=loop.count-off", {}, "loop.count-off cannot apply here"),
    ],
)
def test_what_cannot_apply_is_refused_with_what_can(
    client: httpx2.Client, preference: str, form: dict[str, str], reason: str
) -> None:
    answer = run(client, preference, **form)
    assert answer.status_code == 400
    detail = answer.json()["detail"]
    assert reason in detail
    assert "; what can: " in detail
    listed = detail.partition("; what can: ")[2].split(", ")
    key, _, refused = preference.rpartition(", ")[2].partition("=")
    assert refused not in listed
    assert "preference-applied" not in answer.headers
    # Whatever is listed can be had; some of it cuts the answer off.
    for name in listed[::40]:
        with contextlib.suppress(httpx2.RemoteProtocolError):
            assert run(client, f"{key}={name}", **form).status_code != 400, name


def test_other_operations_have_no_runs(client: httpx2.Client) -> None:
    for preference in ("fault=form.trimmed", "fault=order.bare-end", "vary=batch.indented"):
        answer = client.get("/workflows", headers={"prefer": preference})
        assert answer.status_code == 400, preference
    scenario = client.get("/workflows", headers={"prefer": "scenario=overloaded"})
    assert "only a run has a scenario" in scenario.json()["detail"]


def test_a_scenario_that_the_workflow_has_not_is_refused(client: httpx2.Client) -> None:
    answer = run(client, "scenario=nope")
    assert answer.status_code == 400
    assert "'content-pipeline' has none" in answer.json()["detail"]


def test_as_a_real_server_it_is_refused_too(serve: Serve) -> None:
    deviations = load_profile("agno-2.5.6").deviations
    with httpx2.Client(base_url=serve(create_app(Settings(deviations=deviations)))) as client:
        unknown = run(client, "fault=order.bare-ende")
        impossible = run(client, "fault=loop.from-0")
        applied = run(client, "fault=order.bare-end")
    assert unknown.status_code == impossible.status_code == 400
    assert "order.bare-end, " in unknown.json()["detail"]
    assert "what can: " in impossible.json()["detail"]
    assert "WorkflowCompleted" not in applied.text
    assert applied.headers["preference-applied"] == "fault=order.bare-end"


# -- what was applied


@pytest.mark.parametrize(
    ("preference", "form", "applied"),
    [
        (
            "wait=5, vary=sse.crlf, fault=order.bare-end; x=1",
            {},
            "fault=order.bare-end, vary=sse.crlf",
        ),
        ("fault=batch.status-pending", {"stream": "false"}, "fault=batch.status-pending"),
        ("fault=form.trimmed", {"message": " bees "}, "fault=form.trimmed"),
        ("fault=error.no-code, speed=2", {"stream": "maybe"}, "fault=error.no-code"),
        ("code=503, speed=2, seed=1", {}, "code=503"),
        ("code=200", {}, "code=200"),
        # Nothing had to be trimmed, no error was answered, nobody and no session was named.
        ("fault=form.trimmed", {}, None),
        ("fault=error.html, vary=error.unknown-code", {}, None),
        ("fault=batch.other-user", {"stream": "false"}, None),
        ("fault=session.forgotten", {"stream": "false"}, None),
        ("fault=error.no-code, fault=error.terse", {}, None),
        ("fault=authentication.body-first, fault=form.multipart", {"stream": "false"}, None),
        ("fault=step.failure-skipped, fault=run.unnamed", {"stream": "false"}, None),
        ("fault=error.html, fault=order.bare-end", {"stream": "maybe"}, "fault=error.html"),
        ("vary=http.extra-headers", {}, "vary=http.extra-headers"),
        ("vary=http.chunked-bodies", {}, None),
        ("vary=http.chunked-bodies", {"stream": "false"}, "vary=http.chunked-bodies"),
        ("fault=step.failure-skipped", {}, "fault=step.failure-skipped"),
        ("fault=step.failure-skipped", {"stream": "maybe"}, None),
        ("wait=5", {}, None),
    ],
)
def test_an_answer_says_what_was_applied(
    client: httpx2.Client, preference: str, form: dict[str, str], applied: str | None
) -> None:
    assert run(client, preference, **form).headers.get("preference-applied") == applied


def test_a_scenario_is_applied_too(client: httpx2.Client) -> None:
    answer = run(client, "scenario=overloaded", url="/workflows/rush-hour/runs")
    assert answer.status_code == 500
    assert answer.headers["preference-applied"] == "scenario=overloaded"


def test_a_page_can_read_what_was_applied(client: httpx2.Client) -> None:
    headers = {"origin": "https://page.example", "prefer": "fault=order.bare-end"}
    answer = client.post(STEPS, data={"message": "bees"}, headers=headers)
    assert "Preference-Applied" in answer.headers["access-control-expose-headers"]
    assert answer.headers["preference-applied"] == "fault=order.bare-end"


def test_a_workflow_has_no_events_but_those_that_it_may_have(serve: Serve) -> None:
    scripts = load_scripts(BUNDLED_SCRIPTS).workflows
    with httpx2.Client(base_url=serve(create_app(Settings(speed=1000)))) as client:
        for workflow_id, workflow in scripts.items():
            form = {"message": "bees"}
            text = client.post(f"/workflows/{workflow_id}/runs", data=form).text
            names = {event.event for event in EventStreamDecoder().feed(text.encode())}
            assert names <= possible_events(workflow), workflow_id


# -- the mock's own values


def test_a_status_is_asked_for(client: httpx2.Client) -> None:
    for code in (400, 404, 429, 500, 503):
        answer = run(client, f"code={code}")
        assert answer.status_code == code
        assert answer.headers["preference-applied"] == f"code={code}"
        assert set(answer.json()) == {"detail", "error_code"}
    assert client.get("/sessions", headers={"prefer": "code=503"}).status_code == 503
    assert run(client, "code=200", "/workflows/rush-hour/runs", message="x").status_code == 200


def test_a_seed_gives_the_same_ids(client: httpx2.Client) -> None:
    one, same, other = (
        run(client, f"seed={seed}", stream="false").json()["run_id"] for seed in (7, 7, 8)
    )
    assert one == same != other
    assert run(client, "seed=7, speed=10").headers["preference-applied"] == "seed=7, speed=10"


def test_an_answer_is_delayed(client: httpx2.Client) -> None:
    answer = run(client, "delay=0.05, code=503")
    assert answer.elapsed.total_seconds() >= 0.05
    assert answer.headers["preference-applied"] == "delay=0.05, code=503"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("code=99", "expected 200, or the status of an error"),
        ("code=204", "expected 200, or the status of an error"),
        ("code=abc", "code=abc: expected"),
        ("delay=-1", "expected seconds from 0 to 3600"),
        ("delay=99999", "expected seconds from 0 to 3600"),
        ("delay=nan", "expected seconds"),
        ("speed=0", "expected a number above 0"),
        ("speed=inf", "expected a number above 0"),
        ("seed=1.5", "expected a whole number"),
        ("seed", "expected a whole number, such as seed=1"),
    ],
)
def test_a_value_that_cannot_be_is_refused(client: httpx2.Client, value: str, said: str) -> None:
    answer = run(client, value)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]
    assert "preference-applied" not in answer.headers


def test_a_speed_and_a_seed_are_a_runs(client: httpx2.Client) -> None:
    for value in ("speed=2", "seed=2"):
        answer = client.get("/sessions", headers={"prefer": value})
        assert answer.status_code == 400
        assert "only a run has" in answer.json()["detail"]
