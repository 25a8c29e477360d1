"""Judges any answer of the run operation, whatever it was asked.

Schemathesis's own checks decide what the document says of an answer: its status, content type and
schema. Its verdicts are translated to the catalogue's requirements here and nowhere else. Streams
are judged event by event elsewhere (judging/streams.py); Schemathesis would need them whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from functools import cached_property
from typing import Any

import requests
import schemathesis
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.transport import Response
from schemathesis.openapi.checks import JsonSchemaError

from agentos_contract.document import FORM, Document
from agentos_contract.judge import fault_of
from contract_tests.judging.judgement import Judgement
from contract_tests.target.exchange import TIMEOUTS, Exchange, TransferError

JSON = "application/json"

OF_REFUSALS = frozenset(
    {
        "authentication.challenge",
        "error.answered",
        "error.body-schema",
        "error.content-type",
        "error.documented-status",
        "error.no-server-error",
        "error.no-traceback",
    }
)
"""Requirements that every answer to a wrong request is judged by."""

UNBROKEN = (None, TransferError.DISCONNECTED)
"""Of an exchange that shows nothing wrong on the wire."""

HTTP_STATUSES = frozenset({405, 413, 415})
"""What HTTP itself asks for, documented or not."""

TRACEBACK = re.compile(
    r"""Traceback\ \(most\ recent\ call\ last\)     # Python
    | File\ \\?"[^"\n]+\.py\\?",\ line\ \d+
    | site-packages/
    | ^[\ \t]*at\ [^\n(]+\([^\n()]{1,500}:\d+\)      # JavaScript, Java
    | ^[\ \t]*at\ [^\n]{1,500}\ in\ [^\n]{1,500}:line\ \d+     # .NET
    | ^\#0\ [^\n]{1,500}\(\d+\):\                            # PHP
    | \.rb:\d+:in\ [`']                                   # Ruby
    | goroutine\ \d+\ \[running\]                   # Go
    | panicked\ at                                  # Rust
    """,
    re.VERBOSE | re.MULTILINE,
)


class Expected(Enum):
    """What kind of answer the request asks for."""

    STREAM = "a stream"
    BATCH = "a batch run"
    REFUSAL = "a client error"
    """A wrong request."""
    ANY = "any answer"
    """The document does not say, or what it says is judged elsewhere."""


class AnswerJudge:
    """Judges answers of the run operation by the document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        load_all_checks()
        self._status, self._content_type, self._schema = (
            CHECKS.get_one(name)
            for name in (
                "status_code_conformance",
                "content_type_conformance",
                "response_schema_conformance",
            )
        )

    @cached_property
    def operation(self) -> Any:
        """The run operation as Schemathesis has it."""
        path, method = self._document.run_operation.path, self._document.run_operation.method
        content = {
            **self._document.content,
            "paths": {path: {method: dict(self._document.run_operation.definition)}},
        }
        # Links lead to companion operations, which this document view does not have.
        content = _without_links(content, path, method)
        return schemathesis.openapi.from_dict(content)[path][method]

    def judge(
        self,
        exchange: Exchange,
        expected: Expected,
        *,
        is_documented: bool = True,
        transfer: str | None = None,
    ) -> Judgement:
        """Everything that holds for any answer.

        `is_documented`: whether the document has the statuses of what was asked. `transfer`: what
        an answer breaks that does not come, or not whole; unless said, by what was expected.
        """
        judgement = Judgement(exchange=exchange)
        self._transfer(exchange, expected, transfer, judgement)
        if exchange.status is None:
            return judgement
        status = exchange.status
        if is_documented:
            self._documented(exchange, status, judgement)
        if status == 401:
            self._challenge(exchange, judgement)
        if status >= 400:
            self._error(exchange, judgement)
        if expected is Expected.REFUSAL:
            judgement.exercise("error.no-server-error")
            if status >= 500:
                message = f"a wrong request was answered with {exchange.summary}"
                judgement.breach("error.no-server-error", message, exchange)
        return judgement

    def judge_batch_body(self, exchange: Exchange) -> Judgement:
        """The body of a batch run that was answered with 200 and application/json."""
        judgement = Judgement()
        judgement.exercise("batch.body")
        if exchange.error is None:
            for failure in self._run(exchange, self._schema):
                _add("batch.body", failure, exchange, judgement)
        return judgement

    # -- parts

    def _documented(self, exchange: Exchange, status: int, judgement: Judgement) -> None:
        judgement.exercise("error.documented-status")
        if status not in HTTP_STATUSES:
            for failure in self._run(exchange, self._status):
                judgement.breach("error.documented-status", _message(failure, exchange), exchange)

    def _transfer(
        self,
        exchange: Exchange,
        expected: Expected,
        requirement: str | None,
        judgement: Judgement,
    ) -> None:
        """Whether the answer came, and whole."""
        error, message = exchange.error, exchange.error_message
        if requirement is not None:
            judgement.require(requirement, error in UNBROKEN, message, exchange)
            return
        is_run = exchange.is_stream or expected in (Expected.STREAM, Expected.BATCH)
        if is_run:
            judgement.exercise("sse.transfer")
            if exchange.is_stream or expected is Expected.STREAM:
                judgement.exercise("sse.idle", "sse.ends")
            else:
                judgement.exercise("batch.answered")
        else:
            judgement.exercise("error.answered")
        if error in UNBROKEN:
            return
        if not is_run:
            requirement = "error.answered"
        elif error not in TIMEOUTS:
            requirement = "sse.transfer"
        elif not exchange.is_stream and expected is not Expected.STREAM:
            requirement = "batch.answered"
        else:
            requirement = "sse.idle" if error is TransferError.IDLE else "sse.ends"
        judgement.breach(requirement, message, exchange)

    def _error(self, exchange: Exchange, judgement: Judgement) -> None:
        if exchange.request.method == "HEAD" or exchange.error is not None:
            return
        judgement.exercise("error.no-traceback")
        # Within JSON a line end is two characters.
        text = exchange.body.decode("utf-8", "replace").replace("\\n", "\n")
        if found := TRACEBACK.search(text):
            message = f"the answer ({exchange.status}) shows {found[0].strip()!r}"
            judgement.breach("error.no-traceback", message, exchange)
        if exchange.status not in self._document.run_operation.statuses:
            return
        judgement.exercise("error.content-type")
        wrong_type = self._run(exchange, self._content_type)
        for failure in wrong_type:
            judgement.breach("error.content-type", _message(failure, exchange), exchange)
        if not wrong_type:
            judgement.exercise("error.body-schema")
            for failure in self._run(exchange, self._schema):
                _add("error.body-schema", failure, exchange, judgement)

    def _challenge(self, exchange: Exchange, judgement: Judgement) -> None:
        judgement.exercise("authentication.challenge")
        challenges = exchange.headers.get_list("www-authenticate")
        if not any(challenge.strip().lower().startswith("bearer") for challenge in challenges):
            said = f"WWW-Authenticate: {', '.join(challenges)}" if challenges else "none"
            message = f"a 401 has to name Bearer in a WWW-Authenticate header; it has {said}"
            cause = "another" if challenges else "missing"
            judgement.breach("authentication.challenge", message, exchange, cause=cause)

    def _run(self, exchange: Exchange, check: Any) -> list[Failure]:
        """What one of Schemathesis's checks has against an answer."""
        case = self.operation.Case(
            method=self._document.run_operation.method.upper(),
            path_parameters={"workflow_id": "any"},
            media_type=FORM,
        )
        try:
            case.validate_response(_as_schemathesis_has_it(exchange), checks=[check])
        except FailureGroup as group:
            return list(_flatten(group.exceptions))
        return []


def _as_schemathesis_has_it(exchange: Exchange) -> Response:
    request = requests.Request(exchange.request.method, "http://target.invalid/").prepare()
    headers: dict[str, list[str]] = {}
    for name, value in exchange.headers.multi_items():
        headers.setdefault(name.lower(), []).append(value)
    return Response(
        status_code=exchange.status or 0,
        headers=headers,
        content=exchange.body,
        request=request,
        elapsed=exchange.seconds,
        verify=True,
        message=exchange.reason,
        encoding="utf-8",  # JSON is (RFC 8259 section 8.1), whatever a charset says
    )


def _flatten(failures: Iterable[Any]) -> Iterable[Failure]:
    for failure in failures:
        if isinstance(failure, FailureGroup):
            yield from _flatten(failure.exceptions)
        else:
            yield failure


def _add(requirement: str, failure: Failure, exchange: Exchange, judgement: Judgement) -> None:
    """Note what a body breaks, with the place in it."""
    at, cause = fault_of(failure) if isinstance(failure, JsonSchemaError) else ("", "otherwise")
    judgement.breach(requirement, _message(failure, exchange), exchange, at=at, cause=cause)


def _message(failure: Failure, exchange: Exchange) -> str:
    """Schemathesis's first lines, and what came."""
    lines = [line.strip() for line in failure.message.splitlines() if line.strip()]
    said = "; ".join(line for line in lines[:2] if line not in ("Schema:", "Schema at"))
    return f"{failure.title}: {said}. The answer: {exchange.summary}"


def _without_links(content: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    definition = dict(content["paths"][path][method])
    definition["responses"] = {
        status: {key: value for key, value in response.items() if key != "links"}
        for status, response in definition["responses"].items()
    }
    return {**content, "paths": {path: {method: definition}}}
