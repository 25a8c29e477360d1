"""Rules: what the requests that they are for are answered with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agentos_contract.deviations import load_deviations
from agentos_contract.document import RUN_OPERATION_ID, Document
from agentos_contract.events import CUSTOM_EVENT, EVENTS
from agentos_contract.names import did_you_mean
from agentos_contract.variations import load_variations
from mockserver.control.requested import Requested, step_names
from mockserver.engine.gates import Hold
from mockserver.http.errors import ApiError
from mockserver.http.preferences import NO_ANSWER, RuleAnswer
from mockserver.http.validation import ABSENT
from mockserver.script.aside import aside
from mockserver.script.cel import Cel, CelError
from mockserver.script.model import Workflow

Json = dict[str, Any]

MAX_NAMES = 80
"""Of those that there are, in the answer to one that there is not."""

_OF_RUNS = ("scenario", "speed", "seed", "hold", "cut", "fail")

VARIABLES = (
    "method",
    "path",
    "operation_id",
    "workflow_id",
    "run_id",
    "session_id",
    "user_id",
    "input",
    "form",
    "query",
    "headers",
    "body",
)
"""Of a rule's `when`: texts, and mappings of texts; `body` is a JSON value. Empty where a request
has none."""


@dataclass(eq=False)
class Rule:
    """One rule of a scope."""

    id: str
    scope: str
    source: Json
    """As it was asked for: the document's NewRule."""
    answer: RuleAnswer
    when: Cel | None
    used: int = 0
    """How many requests it has changed, or may still."""

    @property
    def is_used_up(self) -> bool:
        return bool(self.used >= self.source.get("times", float("inf")))

    def matches(self, requested: Requested) -> bool:
        """Whether it is for that request, and would change something there."""
        variables = requested.variables
        for name in ("workflow_id", "operation_id"):
            if name in self.source and self.source[name] != variables[name]:
                return False
        if not requested.can_show(self.answer):
            return False
        if self.when is None:
            return True
        try:
            return bool(self.when(variables) == True)  # noqa: E712 - CEL's own booleans
        except CelError:
            return False

    def to_dict(self) -> Json:
        """The document's Rule."""
        return {"id": self.id, "used": self.used, **self.source, "scope": self.scope}


@dataclass(eq=False)
class Use:
    """What one request makes of the rules: all that they answer, and which of them what."""

    answer: RuleAnswer = NO_ANSWER
    taken: list[tuple[Rule, RuleAnswer]] = field(default_factory=list)
    """Rules, each used once, with the part of the answer that is theirs."""


class Rules:
    """The rules of all scopes."""

    def __init__(self, document: Document) -> None:
        self.document = document
        """That of the AgentOS API."""
        self._rules: dict[str, list[Rule]] = {}
        self._last_id = 0
        self.place = ""
        """What makes ids differ from those of other processes that share the rules."""
        self.claim: Callable[[Rule], Awaitable[bool]] | None = None
        """Where rules are shared: use one once; whether it may be."""
        self.give_back: Callable[[Rule], None] = _give_back
        """Use one once less."""

    def __bool__(self) -> bool:
        return bool(self._rules)

    def of(self, scope: str) -> list[Rule]:
        """The rules of a scope, in the order in which they are asked."""
        return self._rules.get(scope, [])

    def add(self, source: Json, workflows: Mapping[str, Workflow] | None) -> Rule:
        """A new rule, which may be for one of these workflows. Raises ApiError(422).

        One of another process has its `id` there, and no `workflows`: it was checked there.
        """
        scope = source.get("scope", "")
        known = {name: value for name, value in source.items() if name not in ("scope", "id")}
        when = None
        if "when" in known:
            try:
                when = Cel(known["when"], VARIABLES)
            except CelError as error:
                raise ApiError(422, f"body.when: {error}") from error
        answer = _read_answer(known["answer"])
        if workflows is not None:
            self._check(known, answer, workflows)
        self._last_id += 1
        id = source.get("id", f"{self._last_id}{self.place}")
        rule = Rule(id, scope, known, answer, when)
        self._rules.setdefault(scope, []).append(rule)
        return rule

    def _check(self, source: Json, answer: RuleAnswer, workflows: Mapping[str, Workflow]) -> None:
        """Raises ApiError(422) for names that there are not, and for what cannot be together."""
        operation_id, workflow_id = source.get("operation_id"), source.get("workflow_id")
        if operation_id is not None:
            _check_name("operation_id", "operation", operation_id, self.document.operations)
        candidates, of_workflow = list(workflows.values()), ""
        if workflow_id is not None:
            _check_name("workflow_id", "workflow", workflow_id, workflows)
            candidates, of_workflow = [workflows[workflow_id]], f" of {workflow_id!r}"
        if answer.scenario is not None:
            scenarios = dict.fromkeys(one.name for each in candidates for one in each.scenarios)
            _check_name("answer.scenario", f"scenario{of_workflow}", answer.scenario, scenarios)
        for hold in answer.holds:
            if hold.step is not None:
                steps = step_names(candidates)
                _check_name("answer.hold.step", f"step{of_workflow}", hold.step, steps)
        if answer.is_of_runs:
            of_runs = ", ".join(name for name in _OF_RUNS if name in source["answer"])
            if operation_id not in (None, RUN_OPERATION_ID):
                message = f"body.operation_id: {operation_id!r} starts no run; {of_runs} is a run's"
                raise ApiError(422, message, hint=f"expected {RUN_OPERATION_ID}, or none")
            if answer.status is not None:
                message = f"body.answer: with a status no run starts; {of_runs} is a run's"
                raise ApiError(422, message, hint="expected the one or the other")

    def get(self, rule_id: str) -> Rule:
        """Raises ApiError(404)."""
        for rules in self._rules.values():
            for rule in rules:
                if rule.id == rule_id:
                    return rule
        raise ApiError(404, f"there is no rule {rule_id!r}", hint="GET /__mock__/rules lists them")

    def remove(self, rule: Rule) -> None:
        self._rules[rule.scope].remove(rule)
        if not self._rules[rule.scope]:
            del self._rules[rule.scope]

    def clear(self, scope: str | None = None) -> None:
        """Take away the rules of a scope; of all without one."""
        if scope is None:
            self._rules.clear()
        else:
            self._rules.pop(scope, None)

    async def ask(self, scope: str, requested: Requested) -> Use:
        """What the rules of a scope ask for a request, each used once until it is over.

        Each member is the first rule's that has it; holds, faults and variations add up. After one
        that gives a whole answer no other is asked.
        """
        answer, taken = NO_ANSWER, []
        for rule in tuple(self.of(scope)):
            if rule.is_used_up:
                continue
            if rule.when is None or not rule.when.may_take_long:
                fits = rule.matches(requested)
            else:
                fits = await aside(rule.matches, requested)
            if not fits or rule.is_used_up:
                continue
            more = _more(answer, rule.answer)
            if not more:
                continue
            if self.claim is None:
                rule.used += 1
            elif not await self.claim(rule):
                continue
            taken.append((rule, replace(NO_ANSWER, **more)))
            answer = replace(answer, **{**more, **_added(answer, more)})
            if answer.status is not None:
                break
        return Use(replace(answer, acted=set()), taken) if taken else Use()

    def settle(self, use: Use) -> bool:
        """The request is over: rules of which nothing has come were not used. Whether there are
        any; of a request that is settled already there are none."""
        taken, use.taken = use.taken, []
        unused = [rule for rule, its in taken if not _has_acted(its, use.answer.acted)]
        for rule in unused:
            self.give_back(rule)
        return bool(unused)


def _give_back(rule: Rule) -> None:
    rule.used -= 1


_SETS = ("faults", "variations", "holds")
"""Members that add up."""

_VALUES = ("scenario", "speed", "seed", "cut_after", "fail_after", "error", "status")
"""Members of which the first rule's counts, as of `delay`; None: it has none."""


def _has_acted(answer: RuleAnswer, acted: set[Any]) -> bool:
    """Whether anything of an answer has changed something."""
    names = {each for name in _SETS for each in getattr(answer, name)}
    names |= {
        name for name in (*_VALUES, "delay") if getattr(answer, name) != getattr(NO_ANSWER, name)
    }
    return not acted.isdisjoint(names)


def _added(first: RuleAnswer, more: Json) -> Json:
    return {name: (*getattr(first, name), *more[name]) for name in _SETS if name in more}


def _more(first: RuleAnswer, then: RuleAnswer) -> Json:
    """What a rule asks for beside what is asked for already."""
    changes: Json = {
        name: getattr(then, name)
        for name in _VALUES
        if getattr(first, name) is None and getattr(then, name) is not None
    }
    if "status" in changes:
        for name in ("detail", "error_code", "headers", "body"):
            changes[name] = getattr(then, name)
    if not first.delay and then.delay:
        changes["delay"] = then.delay
    for name in _SETS:
        if getattr(then, name):
            changes[name] = getattr(then, name)
    return changes


def _read_answer(source: Json) -> RuleAnswer:
    """What the document's Answer asks for. Raises ApiError(422)."""
    for key, names in (("faults", load_deviations()), ("variations", load_variations())):
        for index, name in enumerate(source.get(key, ())):
            _check_name(f"answer.{key}.{index}", key.removesuffix("s"), name, names)
    return RuleAnswer(
        status=source.get("status"),
        detail=source.get("detail"),
        error_code=source.get("error_code"),
        headers=_headers(source.get("headers", {})),
        body=source.get("body", ABSENT),
        delay=float(source.get("delay", 0)),
        scenario=source.get("scenario"),
        faults=tuple(source.get("faults", ())),
        variations=tuple(source.get("variations", ())),
        speed=source.get("speed"),
        seed=source.get("seed"),
        holds=(_hold(source["hold"]),) if "hold" in source else (),
        cut_after=source.get("cut", {}).get("after"),
        fail_after=source.get("fail", {}).get("after"),
        error=source.get("fail", {}).get("error"),
    )


def _headers(headers: Json) -> Json:
    for name, value in headers.items():
        try:
            sent = f"{name}{value}".encode("latin-1")
        except UnicodeEncodeError:
            sent = b"\n"
        if not name or any(byte < 32 or byte == 127 for byte in sent) or " " in name:
            message = f"body.answer.headers: {name!r}: {value!r} is no header"
            raise ApiError(422, message, hint="expected Latin-1 without control characters")
    return headers


def _hold(hold: Json) -> Hold:
    if ("before" in hold) == ("after" in hold):
        raise ApiError(422, "body.answer.hold: expected either before or after, an event's name")
    when = "before" if "before" in hold else "after"
    _check_name(f"answer.hold.{when}", "event", hold[when], [*EVENTS, CUSTOM_EVENT])
    return Hold(when, hold[when], hold["gate"], hold.get("step"))  # type: ignore[arg-type]


def _check_name(where: str, what: str, name: str, names: Any) -> None:
    """Raises ApiError(422) for a name that is none of these."""
    if name not in names:
        near, known = did_you_mean(name, names), ", ".join(list(names)[:MAX_NAMES]) or "none"
        more = ", …: GET /__mock__/departures lists them" if len(names) > MAX_NAMES else ""
        message = f"body.{where}: there is no {what} {name!r}{near}"
        raise ApiError(422, message, hint=f"there are {known}{more}")
