"""Each deviation of the HTTP surface, performed alone: what it does, and what stays as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from agentos_contract.deviations import DEVIATIONS
from agentos_contract.profiles import load_profile
from mockserver.agno.order import AGNO_STAGES
from mockserver.app import Settings, create_app
from mockserver.faults.registry import resolve
from mockserver.http.hooks import STAGES
from tests.conftest import Serve
from tests.runs import ORDER, batch, masked

RUN = "/workflows/content-pipeline/runs"
TYPED = "/workflows/order-intake/runs"
FORM = {"content-type": "application/x-www-form-urlencoded"}
MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="message"\r\n\r\nx\r\n'
    b'--b\r\nContent-Disposition: form-data; name="stream"\r\n\r\n0\r\n--b--\r\n'
)
PAGE = {"origin": "https://somewhere.example"}

Request = dict[str, Any]
"""httpx2's arguments."""

# A request that each deviation changes the answer to; the status without it, and with it.
SHOWN_BY: dict[str, tuple[Request, int, int]] = {
    "routing.form-before-workflow": ({"url": "/workflows/nope/runs"}, 404, 422),
    "routing.allow-one": ({"method": "PUT", "url": "/sessions"}, 405, 405),
    "routing.head-refused": ({"method": "HEAD", "url": "/health"}, 200, 405),
    "authentication.no-challenge": ({"url": RUN, "locked": True}, 401, 401),
    "authentication.body-first": (
        {"url": "/sessions", "content": b"{", "headers": {"content-type": "application/json"}}
        | {"locked": True},
        401,
        422,
    ),
    "error.no-code": ({"method": "GET", "url": "/workflows/nope"}, 404, 404),
    "error.terse": ({"method": "GET", "url": "/workflows/nope"}, 404, 404),
    "error.detail-list": ({"url": RUN}, 422, 422),
    "error.unwritable-input": (
        {"method": "DELETE", "url": "/sessions", "content": b'{"session_ids": NaN}'}
        | {"headers": {"content-type": "application/json"}}
        # An answer that shows what it was given, NaN included.
        | {"with": "values.pydantic, fault=error.detail-list"},
        422,
        500,
    ),
    "values.pydantic": (
        {"url": RUN, "data": {"message": "x", "version": "null", "stream": "0"}},
        200,
        422,
    ),
    "form.empty-field-absent": ({"url": RUN, "data": {"message": "", "stream": "0"}}, 200, 422),
    "form.any-bytes": (
        {"url": RUN, "content": b"message=%ff&stream=0", "headers": FORM},
        422,
        200,
    ),
    "form.any-media-type": ({"url": RUN, "json": {"message": "x"}}, 415, 422),
    "form.multipart": (
        {"url": RUN, "content": MULTIPART}
        | {"headers": {"content-type": "multipart/form-data; boundary=b"}},
        415,
        200,
    ),
    "form.limits": (
        {"url": RUN, "data": {"message": "x" * (1024 * 1024 + 1), "stream": "0"}},
        200,
        400,
    ),
    "input-schema.in-run": ({"url": TYPED, "data": {"message": "{}", "stream": "0"}}, 400, 500),
    "input-schema.lax": (
        {"url": TYPED, "data": {"message": ORDER.replace("2", '"2"'), "stream": "0"}},
        400,
        200,
    ),
    "cors.agno-origins": ({"method": "GET", "url": "/health", "headers": PAGE}, 200, 200),
    "cors.expose-star": ({"method": "GET", "url": "/health", "headers": PAGE}, 200, 200),
    "cors.crash-unreadable": (
        {"method": "DELETE", "url": "/sessions", "content": b'{"session_ids": NaN}'}
        | {"headers": {"content-type": "application/json", **PAGE}}
        | {"with": "values.pydantic, fault=error.detail-list, fault=error.unwritable-input"},
        500,
        500,
    ),
    "stream.no-cache-control": ({"url": RUN, "data": {"message": "x"}}, 200, 200),
}

CHANGED_HEADERS = {
    "routing.allow-one": ("allow", "DELETE, GET, HEAD, POST", "GET"),
    "authentication.no-challenge": ("www-authenticate", "Bearer", None),
    "cors.agno-origins": ("access-control-allow-origin", PAGE["origin"], None),
    "cors.expose-star": (
        "access-control-expose-headers",
        "WWW-Authenticate, Allow, Preference-Applied",
        "*",
    ),
    "cors.crash-unreadable": ("access-control-allow-origin", PAGE["origin"], None),
    "stream.no-cache-control": ("cache-control", "no-cache", None),
}


def ask(client: httpx2.Client, request: Request, faults: str) -> httpx2.Response:
    request = {"method": "POST", **request}
    headers = {**request.pop("headers", {}), **({"prefer": f"fault={faults}"} if faults else {})}
    return client.request(**request, headers=headers)


def test_every_deviation_is_shown() -> None:
    catalogue = yaml.safe_load((Path(DEVIATIONS) / "http.yaml").read_text(encoding="utf-8"))
    assert set(SHOWN_BY) == set(catalogue)


@pytest.mark.parametrize("name", SHOWN_BY)
def test_a_deviation_alone_does_what_it_says(
    client: httpx2.Client, locked: httpx2.Client, serve: Serve, name: str
) -> None:
    request, without, performed = SHOWN_BY[name]
    request = dict(request)
    if request.pop("locked", False):
        # Departures from authentication are the command line's alone.
        departing = create_app(Settings(token="letmein", deviations=frozenset({name})))
        plain = ask(locked, request, "")
        with httpx2.Client(base_url=serve(departing)) as server:
            with_it = ask(server, request, "")
    else:
        besides = request.pop("with", "")
        plain = ask(client, request, besides)
        with_it = ask(client, request, f"{besides}, fault={name}" if besides else name)
    assert (plain.status_code, with_it.status_code) == (without, performed)
    if name in CHANGED_HEADERS:
        header, expected, deviating = CHANGED_HEADERS[name]
        assert plain.headers.get(header) == expected
        assert with_it.headers.get(header) == deviating
    elif without == performed:
        assert masked(plain.json()) != masked(with_it.json())
    if with_it.status_code >= 400 and with_it.content and name != "error.no-code":
        assert "error_code" in with_it.json()


@pytest.mark.parametrize(
    "name", sorted(set(SHOWN_BY) - {"form.limits", "authentication.no-challenge"})
)
def test_what_it_is_not_about_stays(client: httpx2.Client, name: str) -> None:
    form = {"message": "tea", "stream": "false"}
    response = client.post(RUN, data=form, headers={"prefer": f"fault={name}"})
    assert masked(response.json()) == masked(batch(client, "content-pipeline", message="tea"))


def test_a_422_lists_each_fault(client: httpx2.Client) -> None:
    form = {"stream": "maybe", "version": "x"}
    faults = {"prefer": "fault=error.detail-list, fault=values.pydantic"}
    detail = client.post(RUN, data=form, headers=faults).json()["detail"]
    assert [entry["loc"] for entry in detail] == [
        ["body", "message"],
        ["body", "stream"],
        ["body", "version"],
    ]
    assert [entry["type"] for entry in detail] == ["missing", "bool_parsing", "int_parsing"]


def test_a_typed_message_is_what_pydantic_reads(client: httpx2.Client) -> None:
    message = '{"customer": "Ada", "items": [{"sku": "A", "quantity": "7"}], "more": 1}'
    form = {"message": message, "stream": "false"}
    headers = {"prefer": "fault=input-schema.lax"}
    response = client.post(TYPED, data=form, headers=headers)
    assert response.json()["input"] == {
        "customer": "Ada",
        "items": [{"sku": "A", "quantity": 7}],
        "shipping": "standard",
    }


def test_the_stages_of_the_real_server_are_what_its_two_departures_make() -> None:
    names = ("authentication.body-first", "routing.form-before-workflow")
    assert resolve(frozenset(names)).stages() == AGNO_STAGES
    assert resolve(load_profile("agno-2.5.6").deviations).stages() == AGNO_STAGES
    assert sorted(AGNO_STAGES) == sorted(STAGES)
    for name in names:
        assert resolve(frozenset([name])).stages() not in (STAGES, AGNO_STAGES)


# -- always as the real server


@pytest.mark.parametrize("path", ["/workflows/", "/workflows///", "/health/"])
def test_a_slash_at_the_end_changes_nothing(client: httpx2.Client, path: str) -> None:
    answer, plain = client.get(path), client.get(path.rstrip("/"))
    assert (answer.status_code, answer.content) == (200, plain.content)


@pytest.mark.parametrize("path", ["/workflows%0A", "/sessions/a%0Ab", "/workflows/a%0A/runs/x%0A"])
def test_a_line_feed_in_the_path_does_not_get_past_the_token(
    locked: httpx2.Client, path: str
) -> None:
    assert locked.get(path).status_code == 401
    response = locked.get(path, headers={"authorization": "Bearer letmein"})
    assert response.status_code in (200, 404, 422)
