"""With a token: no fault that a request can ask for reads it, guesses it or lets a stranger in."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from agentos_contract.deviations import load_deviations
from agentos_contract.variations import load_variations
from mockserver.app import Settings, create_app
from tests.conftest import Serve, serving

TOKEN = "s3cret-t0ken-of-the-server"
RUN = "/workflows/article-steps/runs"
FORM = {"message": "bees", "stream": "false"}
RIGHT = {"authorization": f"Bearer {TOKEN}"}

ASKED = [
    *(f"fault={name}" for name in load_deviations()),
    *(f"vary={name}" for name in load_variations()),
]

SOME = [name for name in ASKED if "=authentication." in name] + ASKED[::12]


@pytest.fixture(scope="module")
def locked() -> Iterator[httpx2.Client]:
    with (
        serving(create_app(Settings(token=TOKEN, seed=1))) as url,
        httpx2.Client(base_url=url) as client,
    ):
        yield client


def masked(answer: httpx2.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    headers = [(k, v) for k, v in answer.headers.items() if k != "date"]
    return answer.status_code, answer.content, headers


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {TOKEN[:3]}"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Bearer {TOKEN.upper()}"},
        {"authorization": TOKEN},
        {"authorization": f"Token {TOKEN}"},
    ],
    ids=str,
)
def test_a_strangers_preferences_do_nothing(locked: httpx2.Client, given: dict[str, str]) -> None:
    for method, url in (("POST", RUN), ("PUT", RUN), ("GET", "/workflows"), ("GET", "/nowhere")):
        data = FORM if method != "GET" else None
        plain = masked(locked.request(method, url, data=data, headers=given))
        for preference in [*SOME, "fault=nope", "nope=1", 'fault="', "scenario=x"]:
            headers = {**given, "prefer": preference}
            assert masked(locked.request(method, url, data=data, headers=headers)) == plain


@pytest.mark.parametrize("name", [one for one in ASKED if "=authentication." in one])
def test_departures_from_authentication_are_the_command_lines(
    locked: httpx2.Client, name: str
) -> None:
    answer = locked.post(RUN, data=FORM, headers={**RIGHT, "prefer": name})
    assert answer.status_code == 400
    assert f"the command line alone: mockserver serve --{name.replace('=', ' ')}" in answer.text


def test_what_can_be_had_names_no_departure_from_authentication(locked: httpx2.Client) -> None:
    for preference in ("fault=nope", "vary=nope", "fault=sse.ascii", "vary=sse.crlf"):
        answer = locked.post(RUN, data=FORM, headers={**RIGHT, "prefer": preference})
        assert answer.status_code == 400
        assert "authentication." not in answer.json()["detail"]


def test_no_fault_shows_the_token_to_who_did_not_send_it(serve: Serve) -> None:
    names: frozenset[str] = frozenset()
    app = create_app(Settings(token=TOKEN, deviations=lambda: names))
    with httpx2.Client(base_url=serve(app)) as client:
        for name in load_deviations():
            if name.startswith(("sse.", "batch.hangs", "batch.trickles", "error.hangs")):
                continue  # these say nothing of their own, and may never end
            names = frozenset({name, "authentication.token-told"})
            for headers in ({}, {"authorization": "Bearer wrong-token"}):
                for form in (FORM, {"stream": "maybe"}):
                    try:
                        answer = client.post(RUN, data=form, headers=headers)
                    except httpx2.RemoteProtocolError:
                        continue
                    assert TOKEN not in f"{answer.headers} {answer.text}", name


def test_credentials_are_not_repeated(locked: httpx2.Client) -> None:
    for given in ("s3cret-elsewhere", "Basic dTpwYXNz", "Bearer s3cret-elsewhere", "a b c"):
        answer = locked.post(RUN, data=FORM, headers={"authorization": given})
        assert answer.status_code == 401
        for word in given.replace("Bearer ", "").split():
            assert word not in answer.json()["detail"].replace("a token", "").split()
