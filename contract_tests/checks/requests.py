"""Sends single requests to the run operation; what holds for any answer is judged and noted."""

from __future__ import annotations

from collections.abc import Sequence

from agentos_contract.document import Document
from contract_tests.judging.answers import AnswerJudge, Expected
from contract_tests.judging.findings import Findings
from contract_tests.target.client import Client
from contract_tests.target.exchange import OWN_TOKEN, Authorization, Exchange, Request
from contract_tests.target.operations import run_path

Fields = Sequence[tuple[str, str]]

MIN_WORD = 16
"""Letters of a token without anything else from which on it is no word of a language."""
MIN_SECRET = 8
"""Letters of a token that stands in no answer by chance."""


class Requests:
    """Makes requests for the run operation, and sends them."""

    def __init__(
        self, document: Document, client: Client, answers: AnswerJudge, findings: Findings
    ) -> None:
        self._document = document
        self._client = client
        self._answers = answers
        self._findings = findings

    def make(
        self,
        workflow_id: str,
        fields: Fields | None = None,
        *,
        method: str = "POST",
        content: bytes | None = None,
        content_type: str | None = None,
        authorization: Authorization | None = OWN_TOKEN,
    ) -> Request:
        """A request for the run operation."""
        return Request(
            method,
            run_path(self._document, workflow_id),
            fields=tuple(fields) if fields is not None else None,
            content=content,
            content_type=content_type,
            authorization=authorization,
        )

    def ask(self, request: Request, expected: Expected = Expected.REFUSAL) -> Exchange:
        """Send a request, judge its answer by what holds for any, and hand it out.

        Raises NoMoreRuns where it could start a run and none is left.
        """
        exchange = self._client.send(request)
        self._findings.record(self._answers.judge(exchange, expected))
        self._token_kept_secret(exchange)
        return exchange

    def expect(
        self,
        requirement: str,
        status: int,
        what: str,
        request: Request,
        expected: Expected = Expected.REFUSAL,
    ) -> Exchange:
        """Ask, and require that status in the answer. `what` was sent, for the message."""
        exchange = self.ask(request, expected)
        message = f"{what}: expected {status}, got {exchange.summary}"
        self._findings.require(requirement, exchange.status == status, message, exchange)
        return exchange

    def ask_steadily(self, request: Request) -> Exchange:
        """As `ask` for any answer, and once more where the server fails: what it does now and then
        is another fault than what it does each time."""
        exchange = self.ask(request, Expected.ANY)
        if exchange.status is None or exchange.status < 500:
            return exchange
        again = self.ask(request, Expected.ANY)
        if again.status is not None and again.status < 500:
            message = f"answered with {exchange.summary}, and asked again with {again.status}"
            self._findings.breach("error.sporadic", message, exchange, again)
        return again

    def _token_kept_secret(self, exchange: Exchange) -> None:
        """No 401 may tell the right token, nor repeat one that was sent."""
        token, sent = self._client.token, exchange.request.authorization
        if token is None or exchange.status != 401:
            return
        answer = exchange.body + str(exchange.headers).encode()
        credentials = sent.value.rpartition(" ")[2] if sent else ""
        if len(credentials) >= MIN_SECRET and credentials.encode() in answer:
            message = "a 401 repeats the token that was sent"
            self._findings.breach("authentication.token-secret", message, exchange)
            return
        message = "a 401 tells the right token to somebody who did not send it"
        is_kept = token in (sent.value if sent else "") or token.encode() not in answer
        if not is_kept and token.isalpha() and len(token) < MIN_WORD:
            return  # a word such as `token` stands in many an answer
        self._findings.require("authentication.token-secret", is_kept, message, exchange)
