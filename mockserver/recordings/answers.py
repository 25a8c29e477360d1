"""What steps answer, as a script says it: their `mock`, of what recordings show of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentos_contract.events import MEDIA_KINDS
from mockserver.engine.pacing import tokens_of
from mockserver.recordings.agent_runs import AgentExecution, Json, ModelRequest
from mockserver.recordings.alternatives import Case, DiffersInShape, choose
from mockserver.recordings.observations import Execution
from mockserver.recordings.replay import MIN_ECHO
from mockserver.script.model import DELEGATION
from mockserver.script.templates import is_template, literal

MIN_DELAY = 0.02
"""Seconds; what is shorter is the server's own time."""

_CLASS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Try:
    """One try of a step: what it answered, or the error that it raised."""

    execution: Execution
    mock: Json | None
    error: str = ""
    said: tuple[Json, int] | None = None
    """What a model had said when it failed: as its mock, and in how many pieces."""


class Answers:
    """Makes the mocks of one workflow's steps, and notes what they cannot say."""

    def __init__(self, *, is_typed: bool) -> None:
        """`is_typed`: its input is a value; a run's message is not what the templates see."""
        self._is_typed = is_typed

    def of_function(self, executions: Sequence[Execution], notes: list[str]) -> Json:
        """The mock of a step that a function carries out."""
        return self._mock([[self._function(execution)] for execution in executions], notes)

    def of_runs(
        self,
        runs: Sequence[tuple[Execution, Sequence[AgentExecution]]],
        notes: list[str],
    ) -> Json:
        """The mock of an agent or a team, by its runs in each carrying out of its step."""
        return self._mock([self._tries(execution, inner) for execution, inner in runs], notes)

    def of_unseen(self, executions: Sequence[Execution], notes: list[str]) -> Json:
        """The same where streams have no events of its runs: their answers alone."""
        tries = []
        for execution in executions:
            one = self._function(execution)
            kept = ("content", "delay", "images")
            mock = one.mock and {key: one.mock[key] for key in kept if key in one.mock}
            tries.append([replace(one, mock=mock)])
        return self._mock(tries, notes)

    # -- several answers as one

    def _mock(self, tries: Sequence[list[Try]], notes: list[str]) -> Json:
        answers: list[tuple[Case, Json]] = []
        failing: list[Try] = []
        attempts: dict[int, int] = {}
        for one in (one for inner in tries for one in inner):
            recording = one.execution.recording
            attempt = attempts[recording] = attempts.get(recording, 0) + 1
            if one.mock is not None:
                answers.append((Case(attempt, one.execution.message), one.mock))
                continue
            failing.append(one)
            if answers and attempt > 1:
                notes.append(f"its try {attempt} failed: {one.error!r}; no script says so")
        if not answers:
            if not failing:
                return {}
            said = failing[0].said
            return {**(said[0] if said else {}), "fails": 1000, **_failure(failing, notes)}
        mock = self._merged(answers, notes)
        first = min(case.attempt for case, _ in answers) - 1
        if first and failing:
            mock |= {"fails": first, **_failure(failing, notes)}
        return mock

    def _merged(self, answers: list[tuple[Case, Json]], notes: list[str]) -> Json:
        """One answer, or one that chooses among several; its pace is the first one's."""
        paces = ("delay", "timing")
        said = [
            (case, {key: value for key, value in mock.items() if key not in paces})
            for case, mock in answers
        ]
        distinct = {json.dumps(value, sort_keys=True): None for _, value in said}
        try:
            mock = choose(said, by_message=not self._is_typed)
        except DiffersInShape:
            notes.append(f"it answered in {len(distinct)} ways; this is the first")
            mock = said[0][1]
        else:
            if len({case.message for case, _ in said}) > 1 and len(distinct) > 1:
                notes.append("what it answers to other messages no recording shows")
        first = answers[0][1]
        return {**mock, **{key: first[key] for key in paces if key in first}}

    # -- one answer

    def _function(self, execution: Execution) -> Try:
        facts = execution.facts
        if execution.has_failed:
            return Try(execution, None, str(facts["error"]))
        mock: Json = {}
        if facts.get("content") is not None:
            mock["content"] = self._templated(facts["content"], execution.message)
        if facts.get("stop") is True:
            mock["stop"] = True
        if facts.get("success") is False:
            mock["success"] = False
            if isinstance(facts.get("error"), str):
                mock["error"] = self._templated(facts["error"], execution.message)
        for kind in (*MEDIA_KINDS, "events"):
            if facts.get(kind):
                mock[kind] = self._templated(facts[kind], execution.message)
        ended = execution.ended
        _put_seconds(mock, "delay", None if ended is None else ended - execution.started)
        return Try(execution, mock)

    def _tries(self, execution: Execution, runs: Sequence[AgentExecution]) -> list[Try]:
        """A try each time that a model was asked, the last that answered."""
        tries: list[Try] = []
        of_step = execution.facts.get("error")
        for run in runs:
            error = run.error or ("the model failed" if of_step is None else str(of_step))
            for requests in run.failed:
                count = sum(len(request.pieces) for request in requests)
                said = self._answer(replace(run, requests=requests), execution.message)
                tries.append(Try(execution, None, error, (said, count) if count else None))
            if run.is_over:
                tries.append(Try(execution, self._answer(run, execution.message)))
        return tries

    def _answer(self, run: AgentExecution, message: str) -> Json:
        """An agent's mock: what it was asked for the last time is the answer."""
        requests = run.requests
        if not requests:
            return {}
        mock: Json = {}
        rate = _rate(requests)
        is_by_token = rate > 0 and all(_is_by_token(request) for request in requests)
        written = [
            self._request(request, message, is_paced=rate > 0, is_by_token=is_by_token)
            for request in requests
        ]
        # A request before the last asks for tools; of others no script has more than one.
        asked = [request for request in written[:-1] if "tools" in request]
        answered = written[-1]
        if run.is_paused and "tools" in answered:
            asked, answered = [*asked, answered], {}  # what it would answer nobody knows
        if asked:
            mock["requests"] = asked
        mock |= answered
        if run.content is not None:
            mock.pop("chunks", None)
            mock["content"] = self._templated(run.content, message)
            if isinstance(run.content, dict) and _CLASS.fullmatch(str(run.content_type)):
                mock["content_type"] = run.content_type
        for key, given in (("images", run.images), ("citations", run.citations)):
            if given:
                mock[key] = self._templated(given, message)
        if "content" not in mock and "chunks" not in mock:
            mock["chunks"] = []
        if "tools" in mock:
            mock.setdefault("requests", []).append({"tools": mock.pop("tools")})
        waits = [_first_wait(request) for request in requests]
        timing: Json = {}
        _put_seconds(timing, "time_to_first_token", min(waits))
        _put_seconds(mock, "delay", waits[0] - timing.get("time_to_first_token", 0.0))
        if rate:
            timing["tokens_per_second"] = rate
        if timing:
            mock["timing"] = timing
        return mock

    def _request(
        self, request: ModelRequest, message: str, *, is_paced: bool, is_by_token: bool
    ) -> Json:
        written: Json = {}
        reasoning = [piece.text for piece in request.pieces if piece.is_reasoning]
        said = request.said
        if reasoning:
            written["reasoning"] = [self._templated(text, message) for text in reasoning]
        if is_by_token and said:
            written["content"] = self._templated("".join(said), message)
        elif len(said) == 1 and not is_paced:
            written["content"] = self._templated(said[0], message)
        elif said:
            written["chunks"] = [self._templated(text, message) for text in said]
        tools = [self._tool(tool, message) for tool in request.tools.values()]
        if tools:
            written["tools"] = tools
        if request.tokens:
            tokens = dict(request.tokens)
            if tokens.get("total") == tokens.get("input", 0) + tokens.get("output", 0):
                del tokens["total"]
            written["tokens"] = tokens
        return written

    def _tool(self, tool: Mapping[str, Any], message: str) -> Json:
        written: Json = {
            "name": tool["name"],
            **{
                key: self._templated(tool[key], message)
                for key in ("args", "result", "error", *MEDIA_KINDS)
                if tool.get(key) is not None
            },
        }
        written |= {key: True for key in tool if tool[key] is True}
        if tool["name"] == DELEGATION:
            # Its member answers.
            return {key: written[key] for key in ("name", "args")}
        _put_seconds(written, "delay", tool.get("delay"))
        return written

    def _templated(self, value: Any, message: str) -> Any:
        """A recorded value as a template that gives it again."""
        if isinstance(value, Mapping):
            return {key: self._templated(item, message) for key, item in value.items()}
        if isinstance(value, list):
            return [self._templated(item, message) for item in value]
        if not isinstance(value, str):
            return value
        pieces = [value]
        if message and not self._is_typed:
            if value == message:
                return "{{ input }}"
            if len(message) >= MIN_ECHO:
                pieces = re.split(rf"(?<!\w){re.escape(message)}(?!\w)", value)
        if len(pieces) > 1:
            return "{{ input }}".join(map(literal, pieces))
        return literal(value) if is_template(value) else value


def _failure(failing: Sequence[Try], notes: list[str]) -> Json:
    """How tries failed, as the first one did."""
    pieces = {one.said[1] if one.said else 0 for one in failing}
    if len(pieces) > 1:
        notes.append("its tries failed after more and after fewer pieces; this is the first")
    said = failing[0].said
    return {"error": failing[0].error, **({"fails_after": said[1]} if said else {})}


def _put_seconds(into: Json, key: str, seconds: float | None) -> None:
    if seconds is not None and seconds >= MIN_DELAY:
        into[key] = round(seconds, 2)


def _first_wait(request: ModelRequest) -> float:
    """Seconds from a request to the first thing said, or to its end."""
    measured = request.time_to_first_token
    if measured is not None and request.pieces and not request.pieces[0].is_reasoning:
        return measured
    first = request.pieces[0].at if request.pieces else request.ended
    return 0.0 if first is None else first - request.asked


def _rate(requests: Sequence[ModelRequest]) -> float:
    """Tokens a second; 0 where all came at once."""
    tokens, seconds = 0, 0.0
    for request in requests:
        for before, piece in zip(request.pieces, request.pieces[1:], strict=False):
            tokens += len(tokens_of(piece.text))
            seconds += piece.at - before.at
    return round(tokens / seconds, 1) if seconds >= MIN_DELAY else 0.0


def _is_by_token(request: ModelRequest) -> bool:
    """Whether its content came in what the mock takes for tokens."""
    return request.said == tokens_of("".join(request.said))
