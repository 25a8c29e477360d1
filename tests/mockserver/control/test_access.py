"""Who may use the control API, and what it says of itself."""

from __future__ import annotations

import httpx2
import openapi_spec_validator
import pytest
from click.testing import CliRunner

from mockserver.app import Settings, create_app
from mockserver.cli import main
from mockserver.client import ControlError, MockClient
from mockserver.control.application import PAGE, Access
from tests.conftest import Serve


def test_with_a_token_every_operation_wants_it(locked_mock_url: str) -> None:
    for method, path in (("GET", "status"), ("POST", "reset"), ("GET", "feed"), ("GET", "runs/x")):
        answer = httpx2.request(method, f"{locked_mock_url}/__mock__/{path}")
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
    with pytest.raises(ControlError):
        MockClient(locked_mock_url, "x", token="guessed")
    with MockClient(locked_mock_url, "x", token="letmein") as mock:
        mock.rule(status=503, times=1)
        assert (
            httpx2.get(f"{locked_mock_url}/sessions", headers={"mock-scope": "x"}).status_code
            == 401
        )
        assert mock.http.get("/sessions").status_code == 503
        assert "letmein" not in str(mock.journal())
        assert mock.journal()[-1]["request"]["path"] == "/sessions"


def test_the_page_holds_nothing_and_asks_for_the_token(locked_mock_url: str) -> None:
    for path in ("", "page/app.js", "openapi.json"):
        assert httpx2.get(f"{locked_mock_url}/__mock__/{path}").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7777", "127.0.0.1.evil.example"])
def test_without_a_token_another_name_for_this_machine_is_refused(mock_url: str, host: str) -> None:
    answer = httpx2.get(f"{mock_url}/__mock__/status", headers={"host": host})
    assert answer.status_code == 403
    assert "--token" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.2", "[::1]:7777", "app.localhost"])
def test_loopback_names_are_let_in(mock_url: str, host: str) -> None:
    answer = httpx2.get(f"{mock_url}/__mock__/status", headers={"host": host})
    assert answer.status_code == 200


def test_a_page_of_another_origin_is_let_in_where_it_is_named(serve: Serve) -> None:
    origin = "http://localhost:5173"
    url = serve(create_app(Settings(allow_origins=(origin,))))
    allowed = httpx2.get(f"{url}/__mock__/status", headers={"origin": origin})
    assert allowed.headers["access-control-allow-origin"] == origin
    own = httpx2.get(f"{url}/__mock__/status", headers={"origin": url})
    assert own.status_code == 200
    for other in ("http://evil.example", "null", "http://localhost:5174", f"{origin}.evil.example"):
        refused = httpx2.post(f"{url}/__mock__/reset", headers={"origin": other})
        assert refused.status_code == 403, other
        assert "--allow-origin" in refused.json()["detail"]
        assert "access-control-allow-origin" not in refused.headers


def test_as_a_real_server_pages_that_are_named_may_read(serve: Serve) -> None:
    origin = "http://localhost:5173"
    from agentos_contract.profiles import load_profile

    deviations = load_profile("agno-2.5.6").deviations
    for origins, allowed in (((origin,), origin), ((), None)):
        url = serve(create_app(Settings(deviations=deviations, allow_origins=origins)))
        answer = httpx2.get(f"{url}/health", headers={"origin": origin})
        assert answer.headers.get("access-control-allow-origin") == allowed


def test_closed_and_absent(serve: Serve) -> None:
    closed = serve(create_app(Settings(control=Access(closed="it is closed"))))
    answer = httpx2.get(f"{closed}/__mock__/")
    assert (answer.status_code, answer.json()["detail"]) == (403, "it is closed")
    absent = serve(create_app(Settings(control=None)))
    assert httpx2.get(f"{absent}/__mock__/status").status_code == 404


@pytest.mark.parametrize("value", ["localhost:5173", "http://a/b", "*", "null", "", "http://a:b"])
def test_an_origin_that_is_none_is_refused(value: str) -> None:
    result = CliRunner().invoke(main, ["serve", "--port", "0", "--allow-origin", value])
    assert result.exit_code == 2
    assert "http://localhost:5173" in result.output


def test_its_document_is_valid_and_served(mock_url: str) -> None:
    document = httpx2.get(f"{mock_url}/__mock__/openapi.json").json()
    openapi_spec_validator.validate(document)
    assert "/rules" in document["paths"]


def test_what_there_is_not_is_404_and_another_method_405(mock_url: str) -> None:
    assert httpx2.get(f"{mock_url}/__mock__/nothing").status_code == 404
    assert httpx2.get(f"{mock_url}/__mock__/page/nothing.js").status_code == 404
    assert httpx2.get(f"{mock_url}/__mock__/page/..%2fapplication.py").status_code == 404
    refused = httpx2.put(f"{mock_url}/__mock__/rules")
    assert (refused.status_code, refused.headers["allow"]) == (405, "DELETE, GET, HEAD, POST")


def test_the_page_asks_no_other_host_and_names_what_it_vendors(mock_url: str) -> None:
    page = httpx2.get(f"{mock_url}/__mock__/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for file in PAGE.glob("*.*"):
        text = file.read_text()
        assert "https://" not in text, file
    vendored = {file.name for file in (PAGE / "vendor").glob("*.js")}
    readme = (PAGE / "vendor" / "README").read_text()
    assert all(name in readme for name in vendored)


def test_status_says_what_is_served(mock_url: str) -> None:
    status = httpx2.get(f"{mock_url}/__mock__/status").json()
    assert (status["seed"], status["reload"]["problems"]) == (1, [])
    assert "content-pipeline" in status["workflows"]
    departures = httpx2.get(f"{mock_url}/__mock__/departures").json()
    assert departures["scenarios"]["rush-hour"] == ["overloaded", "refused"]
