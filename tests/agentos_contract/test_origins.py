"""An origin is read as browsers write it, whichever command is given it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from agentos_contract.origins import origin_of
from contract_tests.cli import main as contract_tests
from mockserver.cli import main as agentos_mock


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("http://localhost:5173", "http://localhost:5173"),
        ("HTTP://LocalHost:5173/", "http://localhost:5173"),
        ("http://localhost:80", "http://localhost"),
        ("https://app.example:443", "https://app.example"),
        ("https://app.example:80", "https://app.example:80"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("tauri://localhost", "tauri://localhost"),
    ],
)
def test_it_is_what_a_browser_sends(given: str, sent: str) -> None:
    assert origin_of(given) == sent


WRONG = ["localhost:5173", "http://", "http://a/b", "http://u:p@a", "http://a?b", "http://a:b"]
WRONG += ["*", "null", "", "http://a b", "http://[::1", "http://a:99999", f"http://{'a' * 70}"]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_none_is_refused_by_both_commands(wrong: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        origin_of(wrong)
    for command, arguments in (
        (contract_tests, ["http://127.0.0.1:1", "--browser-origin", wrong]),
        (agentos_mock, ["serve", "--allow-origin", wrong]),
    ):
        result = CliRunner().invoke(command, arguments)
        assert result.exit_code == 2
        assert f"'{arguments[1]}'" in result.stderr
        assert "is no origin" in result.stderr
