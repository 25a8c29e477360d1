"""What a form's bytes mean: judged by what was sent, not by what it was made from."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_contract.document import Document
from contract_tests.forms.form import FormOracle, Validity
from tests.contract_tests.conftest import DOCUMENT

ORACLE = FormOracle(DOCUMENT)
VALID, INVALID, UNDECIDED = Validity.VALID, Validity.INVALID, Validity.UNDECIDED


@pytest.mark.parametrize(
    ("body", "validity"),
    [
        ("message=x", VALID),
        ("message=", VALID),
        ("message=5", VALID),
        ("message=null&session_id=null&user_id=", VALID),
        ("message=x&stream=true", VALID),
        ("message=x&stream=false", VALID),
        ("message=x&version=null", VALID),
        ("message=x&version=0", VALID),
        ("message=x&version=-12", VALID),
        ("message=x&whatever=1&%C3%BC=2", VALID),
        ("message=%00%F0%9F%98%80", VALID),
        ("", INVALID),
        ("stream=true", INVALID),
        ("Message=x", INVALID),
        ("message=x&stream=maybe", INVALID),
        ("message=x&stream=null", INVALID),
        ("message=x&stream=2", INVALID),
        ("message=x&stream=0.5", INVALID),
        ("message=x&version=abc", INVALID),
        ("message=x&version=1.5", INVALID),
        ("message=x&version=true", INVALID),
        ("message=x&version=[]", INVALID),
        ("message=x&version=abc&version=abc", INVALID),
        # Where servers differ with good reason.
        ("message=x&stream=True", UNDECIDED),
        ("message=x&stream=1", UNDECIDED),
        ("message=x&stream=", UNDECIDED),
        ("message=x&version=", UNDECIDED),
        ("message=x&version=None", UNDECIDED),
        ("message=x&version=5.0", UNDECIDED),
        ("message=x&version=%2B5", UNDECIDED),
        ("message=x&version=1e2", UNDECIDED),
        ("message=x&message=y", UNDECIDED),
        ("message=x&version=1&version=abc", UNDECIDED),
        ("message=%ff", UNDECIDED),
        ("message=\xff", UNDECIDED),
    ],
)
def test_a_form_is_judged_by_its_bytes(body: str, validity: Validity) -> None:
    form = ORACLE.judge(body.encode("latin-1"))
    assert form.validity is validity
    assert bool(form.errors) is (validity is INVALID)


def test_another_content_type_is_not_for_the_form_to_judge() -> None:
    assert ORACLE.judge(b"{}", "application/json").validity is UNDECIDED
    form = "Application/X-WWW-form-urlencoded; charset=utf-8"
    assert ORACLE.judge(b"message=x", form).validity is VALID


def test_a_closed_form_allows_nothing_else() -> None:
    form = "application/x-www-form-urlencoded"
    schema = {"type": "object", "properties": {"a": {}}, "additionalProperties": False}
    operation = {
        "operationId": "create_workflow_run",
        "requestBody": {"content": {form: {"schema": schema}}},
    }
    oracle = FormOracle(Document({"paths": {"/": {"post": operation}}}))
    assert oracle.judge(b"a=1").validity is VALID
    assert oracle.judge(b"b=1").validity is INVALID


@given(st.dictionaries(st.sampled_from(["message", "session_id", "user_id"]), st.text()))
def test_any_text_is_a_string(fields: dict[str, str]) -> None:
    body = urlencode(fields, errors="surrogatepass").encode()
    expected = VALID if "message" in fields else INVALID
    if not any(re.search("[\ud800-\udfff]", text) for text in fields.values()):
        assert ORACLE.judge(body).validity is expected


@given(st.text(alphabet="0123456789abctruefalsn.-+ ", min_size=1))
def test_what_pydantic_takes_is_never_called_invalid(text: str) -> None:
    """The reading of the most used framework: the checks must not call it a breach."""
    lenient = {"true", "false", "1", "0", "on", "off", "yes", "no", "t", "f", "y", "n"}
    for field, is_read in (
        ("stream", text.strip().lower() in lenient),
        ("version", re.fullmatch(r" *[+-]?[0-9]+(\.0*)? *", text) is not None),
    ):
        if is_read:
            form = ORACLE.judge(urlencode({"message": "x", field: text}).encode())
            assert form.validity is not INVALID


@given(st.binary())
def test_any_bytes_have_a_verdict(body: bytes) -> None:
    assert ORACLE.judge(body).validity in Validity
