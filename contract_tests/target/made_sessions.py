"""The sessions that we have made, by runs or as such, and deleting them once they are no longer
needed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from agentos_contract.document import Document
from agentos_contract.json_values import mapping, parse_json, parse_object
from contract_tests.target.client import Client
from contract_tests.target.exchange import Exchange, Request
from contract_tests.target.operations import companion_request

SECONDS = 10.0
"""For all of them: what is left then is left."""

SECONDS_FOR_ONE = 5.0

AT_ONCE = 50

OWN = "contract-tests-"
"""How ids begin that nobody else gives."""


class MadeSessions:
    """Notes what was answered; deletes the sessions that came of it."""

    def __init__(self, document: Document, is_run: Callable[[Request], bool]) -> None:
        """`is_run`: whether a request could start a run."""
        self._document = document
        self._is_run = is_run
        self._ids: dict[str | None, dict[str, None]] = {}
        """By user."""
        self._runs: set[str] = set()

    def note(self, exchange: Exchange) -> None:
        """Look at an exchange that is over."""
        request = exchange.request
        if self._is_making(request) and exchange.status == 201:
            session_id = _about(exchange).get("session_id")
            user_id = (parse_object(request.content or b"") or {}).get("user_id")
            if isinstance(session_id, str) and isinstance(user_id, str | None):
                self._ids.setdefault(user_id, {})[session_id] = None
        if not self._is_run(request) or exchange.status != 200:
            return
        about = _about(exchange)
        session_id = about.get("session_id") or request.field("session_id")
        if isinstance(about.get("run_id"), str):
            self._runs.add(about["run_id"])
        if isinstance(session_id, str) and session_id:
            self._ids.setdefault(request.field("user_id"), {})[session_id] = None

    def _is_making(self, request: Request) -> bool:
        making = self._document.operations.get("create_session")
        path = request.path.partition("?")[0]
        return making is not None and (request.method.lower(), path) == (
            making.method.lower(),
            making.path,
        )

    def delete(self, client: Client) -> str:
        """Delete what is ours: sessions with an id of ours, and those that have runs of ours alone.
        Why some were left; "" where none was."""
        if "delete_sessions" not in self._document.operations:
            return ""
        until = time.monotonic() + SECONDS
        # A run that nobody waits for any more may end meanwhile, in the client's thread.
        made = [(user_id, list(ids)) for user_id, ids in list(self._ids.items())]
        left = sum(len(ids) for _, ids in made)
        for user_id, ids in made:
            own: list[str] = []
            for session_id in ids:
                if time.monotonic() > until:
                    return _said(left, f"{SECONDS:g} seconds had passed")
                if session_id.startswith(OWN) or self._has_ours_alone(client, session_id, user_id):
                    own.append(session_id)
            left -= len(ids) - len(own)
            for start in range(0, len(own), AT_ONCE):
                some = own[start : start + AT_ONCE]
                exchange = client.send(self._deleting(some, user_id))
                if exchange.status not in (200, 202, 204, 404):
                    return _said(left, exchange.summary)
                left -= len(some)
        return ""

    def _has_ours_alone(self, client: Client, session_id: str, user_id: str | None) -> bool:
        if "get_session_runs" not in self._document.operations or not _is_segment(session_id):
            return False
        query = {"type": "workflow"} | ({} if user_id is None else {"user_id": user_id})
        request = companion_request(
            self._document, "get_session_runs", _query(query), session_id=session_id
        )
        exchange = client.send(replace(request, timeout=SECONDS_FOR_ONE))
        runs = parse_json(exchange.body) if exchange.status == 200 else None
        return isinstance(runs, list) and all(
            str(mapping(run).get("run_id")) in self._runs for run in runs
        )

    def _deleting(self, ids: Iterable[str], user_id: str | None) -> Request:
        query = _query({} if user_id is None else {"user_id": user_id})
        ids = list(ids)
        body = json.dumps({"session_ids": ids, "session_types": ["workflow"] * len(ids)})
        return replace(
            companion_request(self._document, "delete_sessions", query),
            content=body.encode(),
            content_type="application/json",
            timeout=SECONDS_FOR_ONE,
        )


def _said(left: int, why: str) -> str:
    what = "1 session that was made was" if left == 1 else f"{left} sessions that were made were"
    return f"{what} not deleted: {why}"


def _query(values: Mapping[str, str]) -> str:
    return f"?{urlencode(values, errors='replace')}" if values else ""


def _is_segment(text: str) -> bool:
    """Whether it can stand in a path as one segment, as it is."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return text not in (".", "..") and "/" not in text


def _about(exchange: Exchange) -> Mapping[str, Any]:
    """What says whose a run is: its first event, or its body."""
    return parse_object(exchange.events[0][1].data if exchange.events else exchange.body) or {}
