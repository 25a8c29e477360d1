"""A client of the mock for tests in Python: one scope of it, in the control API's own words."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import TracebackType
from typing import Any, Self

import httpx2

Json = dict[str, Any]

LONG_POLL = 300.0
"""Seconds that the mock lets somebody wait at most."""


class ControlError(AssertionError):
    """The mock refused what was asked of it, or what was waited for did not come; str() says
    why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@cache
def _tls() -> ssl.SSLContext:
    """Made once: reading the certificates of authorities takes 50 ms."""
    return httpx2.create_ssl_context()


class MockClient:
    """One scope of a mock.

    `http` sends requests of the AgentOS API that belong to the scope; a client that can't send
    headers belongs to it by a session_id from `session_id()`. Every method raises ControlError.
    """

    def __init__(self, url: str, scope: str, *, token: str | None = None) -> None:
        """`url` is the mock's; the scope is opened where it is not."""
        self.url = url.rstrip("/")
        self.scope = scope
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        self.headers = {"Mock-Scope": scope, **authorization}
        """What a request of the AgentOS API needs to belong to the scope."""
        verify = _tls() if self.url.startswith("https:") else False
        self.http = httpx2.Client(
            base_url=self.url, headers=self.headers, timeout=60, verify=verify
        )
        self._control = httpx2.Client(
            base_url=f"{self.url}/__mock__/",
            headers=authorization,
            timeout=LONG_POLL + 30,
            verify=verify,
        )
        self._sessions = 0
        try:
            self._call("POST", "scopes", {"scope": scope})
        except Exception:
            self._hang_up()
            raise

    @property
    def page(self) -> str:
        """The address that shows this scope in a browser."""
        return f"{self.url}/__mock__/#scope={self.scope}"

    def session_id(self, name: str | None = None) -> str:
        """A session_id by which requests belong to the scope."""
        self._sessions += 1
        return f"{self.scope}:{name or self._sessions}"

    # -- rules

    def rule(
        self,
        answer: Mapping[str, Any] | None = None,
        *,
        when: str | None = None,
        workflow_id: str | None = None,
        operation_id: str | None = None,
        times: int | None = None,
        **members: Any,
    ) -> Json:
        """Answer requests with something else: `rule(status=503, times=1)`,
        `rule(cut={"after": 5}, workflow_id="article-writer")`. The rule, with its `id`.

        `answer`, or `members`, are the document's Answer.
        """
        body = {
            "scope": self.scope,
            "when": when,
            "workflow_id": workflow_id,
            "operation_id": operation_id,
            "times": times,
            "answer": {**(answer or {}), **members},
        }
        return self._object("POST", "rules", {k: v for k, v in body.items() if v is not None})

    def fail(self, status: int, *, times: int = 1, **about: Any) -> Json:
        """Answer the next requests with an error: `fail(503, times=2)`. `about`: as `rule`."""
        return self.rule(status=status, times=times, **about)

    def hold(
        self,
        gate: str,
        *,
        before: str | None = None,
        after: str | None = None,
        step: str | None = None,
        workflow_id: str | None = None,
        times: int | None = None,
    ) -> Json:
        """Have runs wait at a gate before, or after, an event. The rule."""
        hold = {"before": before, "after": after, "step": step, "gate": gate}
        hold = {name: value for name, value in hold.items() if value is not None}
        return self.rule(hold=hold, workflow_id=workflow_id, times=times)

    def rules(self) -> list[Json]:
        return self._list("rules")

    def remove(self, rule: Json) -> None:
        """Take a rule away."""
        self._call("DELETE", f"rules/{rule['id']}")

    # -- gates and runs

    def gates(self, gate: str | None = None, *, timeout: float | None = None) -> list[Json]:
        """Where runs wait. With `timeout` (seconds) as soon as one waits, at `gate`."""
        return self._list("gates", gate=gate, timeout=timeout)

    def release(self, gate: str, run_id: str | None = None) -> list[Json]:
        """Release a gate, for one run or for all; those that waited there."""
        body = {"scope": self.scope, **({"run_id": run_id} if run_id else {})}
        found: list[Json] = self._call("POST", f"gates/{gate}/release", body)
        return found

    def wait(
        self,
        event: str | None = None,
        *,
        step: str | None = None,
        gate: str | None = None,
        workflow_id: str | None = None,
        run_id: str | None = None,
        after: int | None = None,
        timeout: float = 30,
    ) -> Json:
        """Return when an event was sent (at once where it was), a run waits at a gate, or, with a
        run_id alone, when that run is over. The document's Waited. `after`: only events of the run
        beyond this index count."""
        asked: Json = {"event": event, "step": step, "timeout": timeout}
        if run_id is not None:
            return self._object("GET", f"runs/{run_id}/wait", after=after, **asked)
        return self._object(
            "GET", "wait", scope=self.scope, gate=gate, workflow_id=workflow_id, **asked
        )

    def expect_events(
        self,
        events: Iterable[str | tuple[str, str]],
        *,
        run_id: str | None = None,
        timeout: float = 30,
    ) -> None:
        """Expect that a run sends these events, each by its name or with its step's, in this
        order, others between them. Waits for each at most `timeout` seconds; the ControlError where
        one does not come has the scope's timeline."""
        after = None
        for wanted in events:
            event, step = (wanted, None) if isinstance(wanted, str) else wanted
            try:
                found = self.wait(event, step=step, run_id=run_id, after=after, timeout=timeout)
            except ControlError as error:
                raise ControlError(error.status, f"{error}\n{self.timeline()}") from error
            run_id, after = found["run_id"], found["index"]

    def runs(self) -> list[Json]:
        """The scope's runs, the newest first."""
        return self._list("runs")

    def run(self, run_id: str) -> Json:
        """A run with all that it has sent."""
        return self._object("GET", f"runs/{run_id}")

    def pause(self, run_id: str) -> Json:
        return self._object("POST", f"runs/{run_id}/pause")

    def step(self, run_id: str) -> Json:
        """Let a paused run send one event more."""
        return self._object("POST", f"runs/{run_id}/step")

    def resume(self, run_id: str) -> Json:
        return self._object("POST", f"runs/{run_id}/resume")

    def cut(self, run_id: str) -> Json:
        """Cut a run's connection."""
        return self._object("POST", f"runs/{run_id}/cut")

    def cancel(self, run_id: str) -> Json:
        return self._object("POST", f"runs/{run_id}/cancel")

    # -- the rest

    def journal(self, since: int | None = None) -> list[Json]:
        """The scope's requests with their answers, the oldest first."""
        return self._list("journal", since=since)

    def har(self) -> Json:
        """The journal as an HTTP Archive."""
        return self._object("GET", "journal", scope=self.scope, format="har")

    def clock(self, *, now: float | None = None, advance: float | None = None) -> float:
        """Set the clock (seconds since the epoch), move it on, or read it; what it says then."""
        changes = {"now": now, "advance": advance}
        changes = {name: value for name, value in changes.items() if value is not None}
        if not changes:
            return float(self._object("GET", "clock", scope=self.scope)["now"])
        return float(self._object("POST", "clock", {"scope": self.scope, **changes})["now"])

    def script(self, script: Mapping[str, Any]) -> None:
        """Serve a workflow script in this scope, in place of the one with its id."""
        self._call("PUT", f"workflows/{script['id']}", dict(script), scope=self.scope)

    def reset(self) -> None:
        """Make the scope as it was when it was opened."""
        self._call("POST", "reset", {"scope": self.scope})

    def close(self) -> Json:
        """Close the scope. The document's ScopeReport: what was left undone."""
        try:
            return self._object("DELETE", f"scopes/{self.scope}")
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        self.http.close()
        self._control.close()

    def timeline(self) -> str:
        """What the scope's runs have sent, in lines: seconds, event, and what it is about."""
        lines = []
        for shown in reversed(self.runs()):
            run = self.run(shown["run_id"])
            lines.append(f"{run['workflow_id']} {run['run_id']}: {run['state']}")
            lines += [f"  {line}" for line in _lines(run["events"])]
            for gate in run["gates"]:
                lines.append(f"  waits at {gate['gate']} (step {gate['step']})")
        return "\n".join(lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, method: str, path: str, body: Json | None = None, **query: Any) -> Any:
        query = {name: value for name, value in query.items() if value is not None}
        answer = self._control.request(method, path, json=body, params=query)
        if answer.is_success:
            return answer.json() if answer.content else None
        try:
            detail = answer.json()["detail"]
        except (ValueError, KeyError, TypeError):
            detail = answer.text
        raise ControlError(answer.status_code, f"{method} {answer.url.path}: {detail}")

    def _object(self, method: str, path: str, body: Json | None = None, **query: Any) -> Json:
        found: Json = self._call(method, path, body, **query)
        return found

    def _list(self, path: str, **query: Any) -> list[Json]:
        found: list[Json] = self._call("GET", path, scope=self.scope, **query)
        return found


def _lines(events: list[Json]) -> Iterator[str]:
    for event in events:
        about = event["about"]["label"] if event["about"] else ""
        yield f"{event['time']:8.3f}  {event['name']} {about}".rstrip()
        for violation in event["violations"]:
            yield f"          against the contract: {violation}"
