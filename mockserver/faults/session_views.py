"""Site state: what is shown of sessions and runs is something else than there is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from mockserver.faults.exchange import Request, Response
from mockserver.faults.registry import on_request, on_response

_RUN = re.compile(r"/workflows/[^/]+/runs/([^/]+)")
_SESSION = re.compile(r"/sessions/[^/]+")
_RUNS = re.compile(r"/sessions/[^/]+/runs")

Runs = list[dict[str, Any]]

_LISTED: dict[str, Callable[[Runs], Runs]] = {
    "session.last-three-only": lambda runs: runs[-3:],
    "session.newest-first": lambda runs: runs[::-1],
    "session.listed-twice": lambda runs: [run for run in runs for _ in range(2)],
    "session.listed-cut": lambda runs: [
        {**run, "content": str(run.get("content"))[:6]} for run in runs
    ],
}
"""By name: how a session lists its runs."""


def _register(name: str, listed: Callable[[Runs], Runs]) -> None:
    @on_response(name)
    def shown(response: Response) -> None:
        if _RUNS.fullmatch(response.request.path) and isinstance(response.json, list):
            response.json = listed(response.json)


for _name, _listed in _LISTED.items():
    _register(_name, _listed)


@on_response("session.last-run-read")
def last_run_read(response: Response) -> None:
    body = response.json
    if response.is_batch:
        response.memory.values["last"] = body
    elif _reads_run(response.request) and response.status == 200:
        response.json = response.memory.values.get("last", body)


@on_response("session.run-of-any")
def run_of_any_session(response: Response) -> None:
    if not (found := _reads_run(response.request)):
        return
    read = response.memory.values
    if response.status == 200:
        read["run"] = response.json
    elif response.status == 404 and read.get("run", {}).get("run_id") == found[1]:
        response.status, response.json = 200, read["run"]


def _reads_run(request: Request) -> re.Match[str] | None:
    return _RUN.fullmatch(request.path) if request.method == "GET" else None


_ASKED: dict[str, tuple[str, str]] = {
    "session.page-ignored": ("page=[0-9]+", "page=1"),
    "session.limit-ignored": ("limit=1", "limit=20"),
    "session.type-ignored": ("type=agent", "type=workflow"),
}
"""By name: what is read of the query of a list of sessions as something else."""


def _register_query(name: str, pattern: str, instead: str) -> None:
    @on_request(name)
    def asked(request: Request) -> None:
        if request.path == "/sessions":
            request.query = re.sub(pattern, instead, request.query)


for _name, (_pattern, _instead) in _ASKED.items():
    _register_query(_name, _pattern, _instead)


@on_response("session.page-counted")
def page_counted(response: Response) -> None:
    body = response.json
    if response.request.path == "/sessions" and isinstance(body, dict) and "meta" in body:
        response.json = {**body, "meta": {**body["meta"], "total_count": len(body["data"])}}


@on_response("session.rename-lost")
def rename_lost(response: Response) -> None:
    body, request = response.json, response.request
    is_asked = request.method == "GET" and _SESSION.fullmatch(request.path)
    if is_asked and isinstance(body, dict) and "session_name" in body:
        response.json = {**body, "session_name": "a session"}


@on_response("time.sessions-in-another-zone")
def sessions_in_another_zone(response: Response) -> None:
    body = response.json
    is_session = _SESSION.fullmatch(response.request.path) and isinstance(body, dict)
    if is_session and isinstance(said := body.get("created_at"), str):
        later = datetime.fromisoformat(said) + timedelta(hours=2)
        response.json = {**body, "created_at": later.strftime("%Y-%m-%dT%H:%M:%SZ")}


@on_request("session.delete-ignored")
def delete_ignored(request: Request) -> None:
    if request.method == "DELETE" and _SESSION.fullmatch(request.path):
        request.path = "/sessions/another"


@on_response("routing.unknown-null")
def unknown_is_null(response: Response) -> None:
    is_read = response.request.method == "GET" and response.request.path.count("/") == 2
    if is_read and response.status == 404:
        response.status, response.json = 200, None
