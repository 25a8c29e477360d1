"""A script from recordings: what each step answered, as far as its server's streams show it.

The tree is the description's. A step's content, chunks, tool calls, tokens, failure, stop and times
come from its events; a Condition's, Loop's or Router's decision from theirs. Where the recorded
message stands in an answer, the script has `{{ input }}`; where a step answered otherwise from one
try to the next, or to another message, its answers are chosen by `attempt` and `input`. What cannot
be told so, and what no recording shows, is said in a comment at its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from mockserver.engine.pacing import tokens_of
from mockserver.recordings.alternatives import Case, DiffersInShape, choose
from mockserver.recordings.format import Recording
from mockserver.recordings.observations import (
    AgentExecution,
    Execution,
    ModelRequest,
    Observations,
    Path,
)
from mockserver.recordings.replay import MIN_ECHO
from mockserver.script.model import DELEGATION

Json = dict[str, Any]

MIN_DELAY = 0.02
"""Seconds; what is shorter is the server's own time."""

_MARKS = re.compile(r"\{[{%#]")


def infer_script(description: Mapping[str, Any], recordings: Sequence[Recording]) -> str:
    """The script, as YAML with comments."""
    streams = [recording for recording in recordings if recording.frames]
    observations = Observations(description)
    for recording in streams:
        observations.read(recording)
    script = _node(description)
    if observations.states and observations.states[0]:
        script.setdefault("session_state", _node(observations.states[0]))
    script.yaml_set_start_comment(_heading(len(streams), observations))
    writer = _Writer(observations, is_typed=bool(description.get("input_schema")))
    for index, item in enumerate(script.get("steps") or []):
        writer.fill(item, ("steps", index))
    out = StringIO()
    yaml = YAML()
    yaml.allow_unicode = True
    yaml.width = 100
    yaml.dump(script, out)
    return out.getvalue()


def _heading(streams: int, observations: Observations) -> str:
    lines = [f"Inferred from {streams} recorded {'stream' if streams == 1 else 'streams'}."]
    if streams:
        states = [json.dumps(state, ensure_ascii=False) for state in observations.states]
        if len(set(states)) > 1:
            lines.append(f"The session's state went from {states[0]} to {states[-1]};")
            lines.append("which steps change it no stream shows.")
        else:
            lines.append("What steps change in the session's state no stream shows.")
    else:
        lines.append("Nothing shows what its steps answer: they say their names and their input.")
    if observations.unknown:
        names = ", ".join(map(repr, observations.unknown))
        lines.append(f"Events of steps that the description does not have were left out: {names}.")
    return "\n".join(lines)


def _node(value: Any) -> Any:
    if isinstance(value, Mapping):
        return CommentedMap((key, _node(item)) for key, item in value.items())
    if isinstance(value, list):
        return [_node(item) for item in value]
    return value


class _Writer:
    """Writes into the description's tree what the executions of each step show."""

    def __init__(self, observations: Observations, *, is_typed: bool) -> None:
        self._observations = observations
        self._is_typed = is_typed
        """The workflow's input is a value; its message is not what the templates see."""

    def fill(self, node: CommentedMap, path: Path) -> None:
        seen = self._observations.of.get(path, [])
        notes: list[str] = []
        if not seen:
            notes.append("no recording shows it carried out")
        elif node.get("type") == "Step":
            self._step(node, seen, notes)
        else:
            self._decision(node, seen, notes)
        for key in ("steps", "choices", "else_steps"):
            for index, item in enumerate(node.get(key) or []):
                self.fill(item, (*path, key, index))
        _annotate(node, notes)

    # -- decisions

    def _decision(self, node: CommentedMap, seen: Sequence[Execution], notes: list[str]) -> None:
        match node.get("type"):
            case "Condition":
                results = [bool(execution.facts.get("condition_result")) for execution in seen]
                node["evaluator"] = self._by_message(seen, results, notes, "true for")
                node.pop("evaluator_type", None)
                notes.append("what its evaluator looks at no recording shows")
            case "Router":
                chosen = [
                    next(iter(execution.facts.get("selected_steps") or ()), "")
                    for execution in seen
                ]
                node["selector"] = self._by_message(seen, chosen, notes, "the choice for")
                if isinstance(node["selector"], str) and node["selector"] in chosen:
                    node["selector"] = _cel_text(node["selector"])
                node.pop("selector_type", None)
                notes.append("what its selector looks at no recording shows")
            case "Loop":
                self._loop(node, seen, notes)
            case _:
                pass

    def _by_message(
        self, seen: Sequence[Execution], values: Sequence[Any], notes: list[str], about: str
    ) -> Any:
        """A decision: a constant, or a CEL expression that compares the recorded messages."""
        if len(set(values)) == 1:
            return values[0]
        of: dict[str, Any] = {}
        for execution, value in zip(seen, values, strict=True):
            if of.setdefault(execution.message, value) != value or self._is_typed:
                notes.append(f"it came to {_listed(set(values))}; this is the first")
                return values[0]
        notes.append(f"{about} the recorded messages")
        if isinstance(values[0], bool):
            texts = ", ".join(_cel_text(text) for text, is_met in of.items() if is_met)
            return f"input in [{texts}]"
        expression = _cel_text(values[0])
        for text, choice in of.items():
            if choice != values[0]:
                expression = f"input == {_cel_text(text)} ? {_cel_text(choice)} : ({expression})"
        return expression

    def _loop(self, node: CommentedMap, seen: Sequence[Execution], notes: list[str]) -> None:
        for key in ("end_condition", "end_condition_type"):
            node.pop(key, None)
        maximum = seen[0].facts.get("max_iterations")
        if isinstance(maximum, int):
            node["max_iterations"] = maximum
        counts = [execution.facts.get("total_iterations") for execution in seen]
        known = [count for count in counts if isinstance(count, int)]
        if not known:
            notes.append("no recording shows its end")
            return
        if len(set(known)) > 1:
            notes.append(f"it took {_listed(set(known))} iterations; this is the first")
        if known[0] != maximum:
            node["end_condition"] = f"current_iteration >= {known[0]}"
            notes.append("what ends it no recording shows")

    # -- steps

    def _step(self, node: CommentedMap, seen: Sequence[Execution], notes: list[str]) -> None:
        tries = [len(execution.runs) or 1 for execution in seen]
        failed = [_has_failed(execution) for execution in seen]
        if any(failed):
            node["max_retries"] = max(
                count - 1 for count, has in zip(tries, failed, strict=True) if has
            )
        elif max(tries) > 1:
            node["max_retries"] = max(tries) - 1
        if any(execution.is_skipped for execution in seen):
            node["skip_on_failure"] = True
        for execution in seen:
            function = execution.facts.get("executor_name")
            is_function = execution.facts.get("executor_type") == "function"
            if is_function and function and function != node.get("name"):
                node["executor_ref"] = function
        described = node.get("agent") or node.get("team")
        if described is None:
            mock = self._mock([self._function(execution) for execution in seen], notes)
            if any(failed):
                notes.append("how often it was tried no recording shows")
        else:
            mock = self._mock([self._of_agent(execution) for execution in seen], notes)
            self._retries(described, [run for execution in seen for run in execution.runs])
            self._members(described, seen)
        if mock:
            node["mock"] = mock

    def _members(self, described: CommentedMap, seen: Sequence[Execution]) -> None:
        for member in described.get("members") or []:
            notes: list[str] = []
            found = [
                (execution, [run])
                for execution in seen
                for run in execution.members.get(str(member.get("id")), ())
            ]
            if found:
                tries = [self._of_runs(execution, runs, None) for execution, runs in found]
                mock = self._mock(tries, notes)
                if mock:
                    member["mock"] = mock
                self._retries(member, [run for _, runs in found for run in runs])
            else:
                notes.append("no recording shows it at work")
            self._members(member, seen)
            _annotate(member, notes)

    @staticmethod
    def _retries(described: CommentedMap, runs: Sequence[AgentExecution]) -> None:
        """Agno's own retries of an agent: a run that begins again."""
        begun_again = max((run.failures - (run.error is not None) for run in runs), default=0)
        if begun_again:
            described["retries"] = begun_again
            described["delay_between_retries"] = 0

    def _mock(self, tries: Sequence[list[_Try]], notes: list[str]) -> Json:
        """What a step answers, of what each execution of it shows."""
        answers: list[tuple[Case, Json]] = []
        failing: list[str] = []
        attempts: dict[int, int] = {}
        leading = True
        for execution in tries:
            for one in execution:
                attempt = attempts[one.recording] = attempts.get(one.recording, 0) + 1
                if one.mock is not None:
                    leading = False
                    answers.append((Case(attempt, one.message), one.mock))
                    continue
                failing.append(one.error)
                if not leading and answers and attempt > 1:
                    notes.append(f"its try {attempt} failed: {one.error!r}; no script says so")
        if not answers:
            return {"fails": 1000, "error": failing[0]} if failing else {}
        mock = self._merged(answers, notes)
        first = min(case.attempt for case, _ in answers) - 1
        if first and failing:
            mock |= {"fails": first, "error": failing[0]}
        return mock

    def _merged(self, answers: list[tuple[Case, Json]], notes: list[str]) -> Json:
        """One answer, or one that chooses among several."""
        paced = [{k: m[k] for k in ("delay", "timing") if k in m} for _, m in answers]
        said = [
            (case, {k: v for k, v in mock.items() if k not in ("delay", "timing")})
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
        return {**mock, **paced[0]}

    def _function(self, execution: Execution) -> list[_Try]:
        facts = execution.facts
        if _has_failed(execution):
            return [_Try(execution, None, str(facts["error"]))]
        mock: Json = {}
        if facts.get("content") is not None:
            mock["content"] = self._templated(facts["content"], execution.message)
        if facts.get("stop"):
            mock["stop"] = True
        _put_seconds(
            mock, "delay", None if execution.ended is None else execution.ended - execution.started
        )
        return [_Try(execution, mock)]

    def _of_agent(self, execution: Execution) -> list[_Try]:
        error = execution.facts.get("error")
        return self._of_runs(execution, execution.runs, None if error is None else str(error))

    def _of_runs(
        self, execution: Execution, runs: Sequence[AgentExecution], error: str | None
    ) -> list[_Try]:
        """A try each time that a model was asked, the last that answered."""
        tries: list[_Try] = []
        for run in runs:
            said = run.error or error or "the model failed"
            tries += [_Try(execution, None, said)] * run.failures
            if run.is_over:
                tries.append(_Try(execution, self._answer(run.requests, execution.message)))
        return tries

    def _answer(self, requests: Sequence[ModelRequest], message: str) -> Json:
        """An agent's mock: what it was asked for the last time is the answer."""
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
        if asked:
            mock["requests"] = asked
        mock |= written[-1]
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
        said = [piece.text for piece in request.pieces if not piece.is_reasoning]
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
                for key in ("args", "result", "error")
                if tool.get(key) is not None
            },
        }
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
        if value == message and not self._is_typed:
            return "{{ input }}"
        pieces = [value]
        if len(message) >= MIN_ECHO and not self._is_typed:
            pieces = re.split(rf"(?<!\w){re.escape(message)}(?!\w)", value)
        return "{{ input }}".join(
            f"{{% raw %}}{piece}{{% endraw %}}" if _MARKS.search(piece) else piece
            for piece in pieces
        )


class _Try:
    """One try of a step: what it answered, or the error that it raised."""

    def __init__(self, execution: Execution, mock: Json | None, error: str = "") -> None:
        self.recording = execution.recording
        self.message = execution.message
        self.mock = mock
        self.error = error


def _has_failed(execution: Execution) -> bool:
    return bool(execution.facts.get("error")) and (execution.ended is None or execution.is_skipped)


def _annotate(node: CommentedMap, notes: Sequence[str]) -> None:
    if notes:
        first = next(iter(node))
        node.yaml_add_eol_comment(" ".join("; ".join(dict.fromkeys(notes)).split()), first)


def _put_seconds(into: Json, key: str, seconds: float | None) -> None:
    if seconds is not None and seconds >= MIN_DELAY:
        into[key] = round(seconds, 2)


def _first_wait(request: ModelRequest) -> float:
    """Seconds from a request to the first thing said, or to its end."""
    measured = request.time_to_first_token
    if measured is not None and not request.pieces[0].is_reasoning:
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
    said = [piece.text for piece in request.pieces if not piece.is_reasoning]
    return said == tokens_of("".join(said))


def _cel_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _listed(values: Any, text: Callable[[Any], str] = repr) -> str:
    return ", ".join(sorted(map(text, values)))
