"""Errors that a caller gets: a status, a sentence, the document's body."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from agentos_contract.document import Document


class ApiError(Exception):
    """An answer with an error status: what was wrong, and in `hint` what would be right.

    `kind` names what was wrong, `entries` lists the wrong values of a 422. `body` is sent instead
    of the document's. `is_crash` says that it is an error that its server did not foresee.
    """

    def __init__(
        self,
        status: int,
        statement: str,
        *,
        hint: str = "",
        kind: str | None = None,
        error_code: str | None = None,
        headers: Mapping[str, str] | None = None,
        entries: Sequence[Mapping[str, Any]] | None = None,
        body: bytes | None = None,
        is_crash: bool = False,
    ) -> None:
        self.detail = f"{statement}; {hint}" if hint else statement
        super().__init__(self.detail)
        self.status = status
        self.statement = statement
        self.hint = hint
        self.kind = kind
        self.error_code = error_code
        self.headers = dict(headers or {})
        self.entries = entries
        self.body = body
        self.is_crash = is_crash


class ErrorCodes:
    """The `error_code` of each status.

    It is the one in the document's example of that status's schema; for a status that only HTTP
    knows it is the status's name.
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

    def __getitem__(self, status: int) -> str:
        return self._codes.get(status) or HTTPStatus(status).name


def strict_json(value: Any) -> bytes:
    """JSON as Starlette's JSONResponse writes it. Raises TypeError or ValueError."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def writable(value: Any) -> Any:
    """A value with what JSON cannot say shown as Python writes it."""
    if isinstance(value, Mapping):
        return {_text(str(key)): writable(member) for key, member in value.items()}
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [writable(member) for member in value]
    if value is None or isinstance(value, bool | int):
        return value
    return _text(repr(value))


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
