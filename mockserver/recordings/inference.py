"""A script from recordings: what each step answered, as far as its server's streams show it.

The tree is the description's. A step's content, chunks, tool calls, tokens, failure, stop and times
come from its events; a Condition's, Loop's or Router's decision from theirs. Where the recorded
message stands in an answer, the script has `{{ input }}`; where a step answered otherwise from one
try to the next, or to another message, its answers are chosen by `attempt` and `input`. What cannot
be told so, and what no recording shows, is said in a comment at its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.representer import RoundTripRepresenter

from agentos_contract.json_values import short
from mockserver.recordings.agent_runs import AgentExecution
from mockserver.recordings.answers import Answers
from mockserver.recordings.format import Recording
from mockserver.recordings.observations import Execution, NodePath, Observations
from mockserver.script.mocks import id_of
from mockserver.script.pauses import is_function
from mockserver.script.templates import is_template, literal


def infer_script(description: Mapping[str, Any], recordings: Sequence[Recording]) -> str:
    """The script, as YAML with comments."""
    observations = Observations(description)
    for recording in recordings:
        if recording.frames:
            observations.read(recording)
    script = _node(description)
    if observations.states and observations.states[0]:
        script.setdefault("session_state", _node(observations.states[0]))
    script.yaml_set_start_comment("\n".join(map(_line, _heading(recordings, observations))))
    if observations.hides_executors:
        script["stream_executor_events"] = False
    writer = _Writer(observations, is_typed=bool(description.get("input_schema")))
    for index, item in enumerate(script.get("steps") or []):
        writer.fill(item, ("steps", index))
    if () in observations.of:
        writer.fill_function(script)
    return _dumped(script)


def _heading(recordings: Sequence[Recording], observations: Observations) -> Iterable[str]:
    count = observations.count
    yield f"Inferred from {count} recorded {'stream' if count == 1 else 'streams'}."
    if not count:
        yield "Nothing shows what its steps answer: they say their names and their input."
    elif len(states := {_json(state): None for state in observations.states}) > 1:
        first, *_, last = states
        yield f"The session's state went from {first} to {last};"
        yield "which steps change it no stream shows."
    else:
        yield "What steps change in the session's state no stream shows."
    if observations.unknown:
        names = ", ".join(map(repr, observations.unknown))
        yield f"Events of steps that the description does not have were left out: {names}."
    if cut := sum(recording.end == "cut" for recording in recordings):
        yield f"Streams that broke off: {cut}."
    if refusals := sorted({r.status for r in recordings if r.status != 200}):
        yield f"Left out: answers with status {', '.join(map(str, refusals))}."
    for what in observations.unsaid:
        yield f"Beside the steps: {what}."


class _Writer:
    """Writes into the description's tree what the executions of each step show."""

    def __init__(self, observations: Observations, *, is_typed: bool) -> None:
        self._observations = observations
        self._answers = Answers(is_typed=is_typed)
        self._is_typed = is_typed

    def fill(self, node: CommentedMap, path: NodePath) -> None:
        executions = self._observations.of.get(path, [])
        notes: list[str] = []
        if path in self._observations.pauses:
            _note_pause(node, self._observations.pauses[path])
            if not executions:
                notes.append("the run waits here; what comes after no recording shows")
        elif path in self._observations.raised:
            self._raising(node, path, executions, notes)
        elif not executions:
            notes.append("no recording shows it carried out")
        if executions and node.get("type") == "Step":
            self._step(node, executions, notes)
        elif executions:
            self._decision(node, executions, notes)
        if path in self._observations.pauses and is_function(node) and "on_error" not in node:
            # A server forgets what a step asks, not what its function does.
            node.setdefault("mock", CommentedMap())["pauses"] = True
        notes += [what for execution in executions for what in execution.unsaid]
        for key in ("steps", "choices", "else_steps"):
            for index, item in enumerate(node.get(key) or []):
                self.fill(item, (*path, key, index))
        _annotate(node, notes)

    def fill_function(self, script: CommentedMap) -> None:
        """What a function in the place of steps answers."""
        notes: list[str] = []
        executions = self._observations.of[()]
        mock = self._answers.of_function(executions, notes)
        if any(execution.runs for execution in executions):
            notes.append("it passed on what its agents said, which no script says")
        script["mock"] = _node({**(script.get("mock") or {}), **mock})
        notes += [what for execution in executions for what in execution.unsaid]
        _annotate(script["mock"], notes)

    # -- decisions

    def _raising(
        self, node: CommentedMap, path: NodePath, executions: Sequence[Execution], notes: list[str]
    ) -> None:
        """What a Condition or a Router decides by raised, at least once."""
        error = self._observations.raised[path]
        if executions:
            notes.append(f"once it raised {short(error)}; when, no recording shows")
            return
        for key in ("evaluator", "evaluator_type", "selector", "selector_type"):
            node.pop(key, None)
        said = literal(error) if is_template(error) else error
        node["mock"] = _node({"fails": True, "error": said})

    def _decision(
        self, node: CommentedMap, executions: Sequence[Execution], notes: list[str]
    ) -> None:
        match node.get("type"):
            case "Condition":
                results = [bool(each.facts.get("condition_result")) for each in executions]
                node["evaluator"] = self._by_message(executions, results, notes, "true for")
                node.pop("evaluator_type", None)
                notes.append("what its evaluator looks at no recording shows")
            case "Router":
                self._router(node, executions, notes)
            case "Loop":
                self._loop(node, executions, notes)
            case _:
                pass

    def _router(
        self, node: CommentedMap, executions: Sequence[Execution], notes: list[str]
    ) -> None:
        chosen: list[tuple[str, ...]] = []
        for execution in executions:
            selected = execution.facts.get("selected_steps")
            chosen.append(tuple(map(str, selected)) if isinstance(selected, list) else ())
        node.pop("selector_type", None)
        if any(len(names) > 1 for names in chosen):
            # No expression of Agno's selects several: a function did.
            node.pop("selector", None)
            selects = self._by_message(executions, chosen, notes, "the choices for")
            node["mock"] = {"selects": selects if isinstance(selects, str) else list(selects)}
            notes.append("what its selector looks at no recording shows")
            return
        ones = [names[0] if names else "" for names in chosen]
        node["selector"] = self._by_message(executions, ones, notes, "the choice for")
        if node["selector"] in ones:
            node["selector"] = _json(node["selector"])
        notes.append("what its selector looks at no recording shows")

    def _by_message(
        self, executions: Sequence[Execution], values: Sequence[Any], notes: list[str], about: str
    ) -> Any:
        """A decision: a constant, or a CEL expression that compares the recorded messages."""
        if len(set(values)) == 1:
            return values[0]
        of: dict[str, Any] = {}
        for execution, value in zip(executions, values, strict=True):
            if of.setdefault(execution.message, value) != value or self._is_typed:
                notes.append(f"it came to {_listed(values)}; this is the first")
                return values[0]
        notes.append(f"{about} the recorded messages")
        if isinstance(values[0], bool):
            texts = ", ".join(_json(text) for text, is_met in of.items() if is_met)
            return f"input in [{texts}]"
        expression = _json(values[0])
        for text, choice in of.items():
            if choice != values[0]:
                expression = f"input == {_json(text)} ? {_json(choice)} : ({expression})"
        return expression

    def _loop(self, node: CommentedMap, executions: Sequence[Execution], notes: list[str]) -> None:
        for key in ("end_condition", "end_condition_type"):
            node.pop(key, None)
        maximum = executions[0].facts.get("max_iterations")
        if type(maximum) is int and maximum >= 0:
            node["max_iterations"] = maximum
        counts = [execution.facts.get("total_iterations") for execution in executions]
        known = [count for count in counts if type(count) is int]
        if not known:
            notes.append("no recording shows its end")
            return
        if len(set(known)) > 1:
            notes.append(f"it took {_listed(known)} iterations; this is the first")
        if known[0] != maximum:
            node["end_condition"] = f"current_iteration >= {known[0]}"
            notes.append("what ends it no recording shows")

    # -- steps

    def _step(self, node: CommentedMap, executions: Sequence[Execution], notes: list[str]) -> None:
        failed = [len(each.runs) or 1 for each in executions if each.has_failed]
        tries = failed or [len(each.runs) or 1 for each in executions]
        if failed or max(tries) > 1:
            node["max_retries"] = max(tries) - 1
        if any(execution.is_skipped for execution in executions):
            node["skip_on_failure"] = True
        for execution in executions:
            function = execution.facts.get("executor_name")
            is_function = execution.facts.get("executor_type") == "function"
            if is_function and isinstance(function, str) and function != node.get("name"):
                node["executor_ref"] = function
        described = node.get("agent") or node.get("team")
        runs = [run for execution in executions for run in execution.runs]
        if described is None:
            mock = self._answers.of_function(executions, notes)
            if failed:
                notes.append("how often it was tried no recording shows")
            if runs:
                mock = self._with_runs(mock, executions, notes)
        else:
            if runs:
                mock = self._answers.of_runs([(each, each.runs) for each in executions], notes)
                _note_executor(described, runs[0])
            else:
                mock = self._answers.of_unseen(executions, notes)
            notes += [what for run in runs for what in run.unsaid]
            _note_retries(described, runs)
            self._members(described, executions)
        if mock:
            node["mock"] = mock

    def _with_runs(
        self, mock: dict[str, Any], executions: Sequence[Execution], notes: list[str]
    ) -> dict[str, Any]:
        """A function's mock, with the agents and teams that it ran and passed on."""
        first = next(each for each in executions if each.runs)
        ids = [run.executor_id for run in first.runs]
        alike = [each for each in executions if [run.executor_id for run in each.runs] == ids]
        if len(alike) < len(executions):
            notes.append("not each time it ran the same agents; these are the first")
        if any(each.has_failed for each in executions):
            notes.append("that it failed after its agents had run no script says")
        runs = []
        for position, run in enumerate(first.runs):
            described: CommentedMap = _node(run.described)
            ((kind, executor),) = described.items()
            found = [(each, [each.runs[position]]) for each in alike]
            if kind == "team":
                ids_of = [member for each in alike for member in each.members]
                members = {m: each.members[m][0] for each in alike for m in each.members}
                executor["members"] = [_node({"id": m}) for m in dict.fromkeys(ids_of)]
                for member in executor["members"]:
                    member.update(next(iter(members[member["id"]].described.values())))
                self._members(executor, alike)
            described["mock"] = self._answers.of_runs(found, notes)
            notes += [what for each in alike for what in each.runs[position].unsaid]
            _note_retries(executor, [each.runs[position] for each in alike])
            if not run.is_whole:
                described["passes_on"] = "content"
            runs.append(described)
        mock.pop("delay", None)  # it is that of its agents
        if all(each.facts.get("content") == each.said for each in executions):
            mock.pop("content", None)
        return {"runs": runs, **mock}

    def _members(self, described: CommentedMap, executions: Sequence[Execution]) -> None:
        for member in described.get("members") or []:
            notes: list[str] = []
            member_id = str(member.get("id") or id_of(str(member.get("name") or "member")))
            found = [
                (execution, [run])
                for execution in executions
                for run in execution.members.get(member_id, ())
            ]
            runs = [run for _, inner in found for run in inner]
            if found:
                mock = self._answers.of_runs(found, notes)
                notes += [what for run in runs for what in run.unsaid]
                if mock:
                    member["mock"] = mock
                _note_retries(member, runs)
                _note_executor(member, runs[0])
            else:
                notes.append("no recording shows it at work")
            self._members(member, executions)
            _annotate(member, notes)


def _note_pause(node: CommentedMap, event: Mapping[str, Any]) -> None:
    """What a step asks for, by the event that says that the run waits for it."""
    if event.get("event") == "RouterPaused":
        node["requires_user_input"] = True
    for key in ("requires_confirmation", "requires_user_input", "allow_multiple_selections"):
        if event.get(key) is True:
            node[key] = True
    for key in ("confirmation_message", "user_input_message"):
        if isinstance(event.get(key), str):
            node[key] = event[key]
    if not (node.get("requires_confirmation") or node.get("requires_user_input")):
        node["on_error"] = "pause"


def _note_executor(described: CommentedMap, run: AgentExecution) -> None:
    """What the description leaves out of an agent or a team, and its events say."""
    (shown,) = run.described.values()
    name = described.get("name") or shown.get("name")
    if name and described.get("name") != name:
        described["name"] = name
    if shown["id"] != (described.get("id") or (name and id_of(name))):
        described["id"] = shown["id"]
    model = described.get("model") or {}
    for key, value in shown.get("model", {}).items():
        if isinstance(value, str) and model.get(key) != value:
            described.setdefault("model", CommentedMap())[key] = value


def _note_retries(described: CommentedMap, runs: Sequence[AgentExecution]) -> None:
    """Agno's own retries of an agent: a run that begins again."""
    begun_again = max((len(run.failed) - (run.error is not None) for run in runs), default=0)
    if begun_again:
        described["retries"] = begun_again
        described["delay_between_retries"] = 0


# -- YAML with comments


def _node(value: Any) -> Any:
    if isinstance(value, Mapping):
        return CommentedMap((key, _node(item)) for key, item in value.items())
    if isinstance(value, list):
        return [_node(item) for item in value]
    return value


def _annotate(node: CommentedMap, notes: Sequence[str]) -> None:
    if notes and node:
        node.yaml_add_eol_comment(_line("; ".join(dict.fromkeys(notes))), next(iter(node)))


def _line(comment: str) -> str:
    """A comment without what would end its line, or a terminal's patience."""
    text = " ".join(comment.split())
    return "".join(sign if sign.isprintable() else "�" for sign in text)


_RESOLVER: Any = yaml.SafeLoader("")


class _Representer(RoundTripRepresenter):
    """Writes what PyYAML, which is of YAML 1.1, reads as it was: `yes`, `12:30`, `1e22`."""

    def represent_text(self, text: str) -> Any:
        tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
        is_plain = tag == "tag:yaml.org,2002:str" and not set(text) & set("\x85\u2028\u2029")
        return self.represent_scalar("tag:yaml.org,2002:str", text, None if is_plain else '"')

    def represent_number(self, number: float) -> Any:
        written = repr(number)
        if "e" in written and "." not in written:
            written = written.replace("e", ".0e", 1)
        return self.represent_scalar("tag:yaml.org,2002:float", written)


_Representer.add_representer(str, _Representer.represent_text)
_Representer.add_representer(float, _Representer.represent_number)


def _dumped(script: CommentedMap) -> str:
    writer = YAML()
    writer.Representer = _Representer
    writer.allow_unicode = True
    writer.width = 1_000_000  # folded, some texts with control characters would be others
    out = StringIO()
    writer.dump(script, out)
    return out.getvalue()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(sorted(map(repr, set(values))))
