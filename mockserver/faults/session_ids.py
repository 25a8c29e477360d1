"""Site state: sessions are kept by less than their ids, and answers name them as asked for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from agentos_contract.json_values import to_json
from mockserver.faults.exchange import Request, Response
from mockserver.faults.registry import on_frame, on_request, on_response

_SESSION = re.compile(r"(?<=^/sessions/)[^/]+")

_KEPT_AS: dict[str, Callable[[str], str]] = {
    "session.case-ignored": str.lower,
    "session.trimmed": str.strip,
    "session.accents-ignored": lambda session_id: "".join(
        one for one in unicodedata.normalize("NFD", session_id) if not unicodedata.combining(one)
    ),
    "session.cut-at-slash": lambda session_id: session_id.partition("/")[0],
    "session.cut": lambda session_id: session_id[:128],
}
"""By name: what of a session_id the server goes by."""


def _register(name: str, kept: Callable[[str], str]) -> None:
    @on_request(name, on="form")
    def asked(request: Request) -> None:
        if request.field("session_id"):
            request.fields = [(k, kept(v) if k == "session_id" else v) for k, v in request.fields]
        request.path = _SESSION.sub(lambda found: kept(found[0]), request.path)

    @on_response(name, on="form")
    def answered(response: Response) -> None:
        sent, body = response.request.field("session_id"), response.json
        if sent and response.is_batch and isinstance(body, dict):
            response.json = {**body, "session_id": sent}

    @on_frame(name, on="form")
    def told(frame: bytes, response: Response) -> bytes:
        sent = response.request.field("session_id")
        if not sent or kept(sent) == sent:
            return frame
        key = b'"session_id":'
        return frame.replace(key + to_json(kept(sent)), key + to_json(sent))


for _name, _kept in _KEPT_AS.items():
    _register(_name, _kept)
