"""Errors that a caller gets: a status, a sentence, the document's body."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from agentos_contract.document import Document


class ApiError(Exception):
    """An answer with an error status. `detail` says what was wrong and what would be right.

    `words` is what the real server says instead, `entries` its list for a 422. `is_crash` says
    that the real server did not foresee it.
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
        is_crash: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.error_code = error_code
        self.headers = dict(headers or {})
        self.words = words
        self.entries = entries
        self.is_crash = is_crash

    def said(self, deviations: frozenset[str]) -> Any:
        """The body's `detail`: a text, or with `error.detail-list` a list."""
        if self.status == 422 and "error.detail-list" in deviations:
            entries = self.entries
            if entries is None:
                entries = [{"type": "value_error", "loc": [], "msg": self.detail, "input": None}]
            return list(entries)
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
        """A body as bytes.

        What JSON cannot say is shown as Python writes it; with `error.unwritable-input` it raises
        TypeError or ValueError.
        """
        content: dict[str, Any] = {"detail": detail}
        if "error.no-code" not in deviations:
            content["error_code"] = error_code or self.code(status)
        try:
            return _strict_json(content)
        except (TypeError, ValueError):
            if "error.unwritable-input" in deviations:
                raise
            return _strict_json(_writable(content))


def _strict_json(value: Any) -> bytes:
    """As Starlette's JSONResponse writes it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def _writable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_text(str(key)): _writable(member) for key, member in value.items()}
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_writable(member) for member in value]
    if value is None or isinstance(value, bool | int):
        return value
    return _text(repr(value))


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
