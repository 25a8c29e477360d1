"""Errors that a caller gets: a status, a sentence, the document's body."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from agentos_contract.document import Document


class ApiError(Exception):
    """An answer with an error status. `detail` says what was wrong and what would be right.

    `words` is what the real server's framework says instead, `entries` its list for a 422.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        error_code: str | None = None,
        headers: Mapping[str, str] | None = None,
        words: str | None = None,
        entries: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.error_code = error_code
        self.headers = dict(headers or {})
        self.words = words
        self.entries = entries

    def said(self, deviations: frozenset[str]) -> Any:
        """The body's `detail`: a text, or with `error.detail-list` a list."""
        if self.entries is not None and "error.detail-list" in deviations:
            return list(self.entries)
        if self.words is not None and "error.terse" in deviations:
            return self.words
        return self.detail


class ErrorBodies:
    """Makes error bodies `{"detail": string, "error_code": string}` as the document has them.

    The code for a status is the one in the document's example of that status's schema; for a
    status that only HTTP knows it is the status's name.
    """

    def __init__(self, document: Document) -> None:
        self._codes: dict[int, str] = {}
        for operation in document.operations.values():
            for status, response in operation.definition.get("responses", {}).items():
                media = document.resolve(response).get("content", {}).get("application/json", {})
                schema = document.resolve(media.get("schema", {}))
                code = (schema.get("example") or {}).get("error_code")
                if code and str(status).isdigit():
                    self._codes.setdefault(int(status), code)

    def code(self, status: int) -> str:
        return self._codes.get(status) or HTTPStatus(status).name

    def body(
        self,
        status: int,
        detail: Any,
        error_code: str | None = None,
        deviations: frozenset[str] = frozenset(),
    ) -> bytes:
        content: dict[str, Any] = {"detail": detail}
        if "error.no-code" not in deviations:
            content["error_code"] = error_code or self.code(status)
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace")
