"""The record of an agent's or a team's run: its messages and metrics, in Agno's forms.

Keys, their order, and what is left out are those of a real AgentOS 2.5.6.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from typing import Any

from mockserver.engine.actions import Branch, StepFailed
from mockserver.engine.context import RunContext
from mockserver.engine.media import Media, joined
from mockserver.engine.reasoning import Reasoned
from mockserver.engine.results import Result, Structured, as_text, result
from mockserver.script.model import Step, Tokens, WaitsFor

Json = dict[str, Any]

_COUNTS = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


_WAITING: dict[WaitsFor, str] = {
    "requires_confirmation": "I have tools to execute, but I need confirmation.",
    "requires_user_input": "I have tools to execute, but I need user input.",
    "external_execution_required": "I have tools to execute, but it needs external execution.",
}
"""Agno's words."""


_IN_INPUT = {"images": "images", "videos": "videos", "audio": "audios", "files": "files"}
"""What a run's input calls them."""


def known_counts(tokens: Tokens) -> dict[str, int]:
    """A request's or a run's counts, without those that are 0."""
    return {name: count for name, count in zip(_COUNTS, astuple(tokens), strict=True) if count}


def request_counts(tokens: Tokens | None, time_to_first_token: float | None) -> Json:
    """The counts as ModelRequestCompleted has them: all."""
    tokens = tokens or Tokens()
    first = {} if time_to_first_token is None else {"time_to_first_token": time_to_first_token}
    return {
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "total_tokens": tokens.total,
        **first,
        "reasoning_tokens": tokens.reasoning,
        "cache_read_tokens": tokens.cache_read,
        "cache_write_tokens": tokens.cache_write,
    }


@dataclass
class Usage:
    """What a run has used so far."""

    tokens: Tokens = field(default_factory=Tokens)
    is_known: bool = False
    """A request has said what it used."""
    time_to_first_token: float | None = None

    def add(self, tokens: Tokens | None) -> None:
        if tokens is not None:
            self.is_known = True
            both = zip(astuple(self.tokens), astuple(tokens), strict=True)
            # astuple gives the counts in the order in which the dataclass takes them.
            self.tokens = Tokens(*(mine + more for mine, more in both))

    def metrics(self, duration: float, model: dict[str, str] | None) -> Json:
        """The run's metrics. `model` has its id and provider; None: they are left out."""
        counts = known_counts(self.tokens)
        metrics: Json = dict(counts)
        if self.time_to_first_token is not None:
            metrics["time_to_first_token"] = self.time_to_first_token
        metrics["duration"] = duration
        if model is not None:
            metrics["details"] = {"model": [{**counts, **model}]}
        return metrics


def message(
    message_id: str,
    role: str,
    created_at: int,
    *,
    content: str | None = None,
    reasoning: str | None = None,
    **more: Any,
) -> Json:
    """A message of a run's conversation with its model."""
    said: Json = {} if content is None else {"content": content}
    if reasoning is not None:
        said["reasoning_content"] = reasoning
    rest = {"from_history": False, "stop_after_tool_call": False, "role": role, **more}
    return {"id": message_id, **said, **rest, "created_at": created_at}


@dataclass
class AgentRecord:
    """What has come of one agent's or team's run so far."""

    context: RunContext
    step: Step
    """The step that it carries out; of a team's member, the member."""
    step_id: str
    run_id: str
    parent_id: str | None
    """The run_id of the team that a member works for."""
    input: Any
    told_media: Media
    """What it is told of those that the steps before it gave."""
    state: Json
    """The session's state as it knows it."""
    branch: Branch
    session_id: str
    is_streamed: bool
    content: Any = None
    """A text; a mapping where it has another `content_type`."""
    content_type: str = "str"
    value_text: str | None = None
    """What its model has said for a value of a class, with what stands before that in batch."""
    reasoned: list[Reasoned] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    messages: list[Json] = field(default_factory=list)
    tools: list[Json] = field(default_factory=list)
    member_responses: list[Json] = field(default_factory=list)
    """The runs of a team's members."""
    requirements: list[Json] = field(default_factory=list)
    """What it waits for: tools that are to be confirmed, or that others carry out."""
    reasoning_steps: list[Json] = field(default_factory=list)
    """What its calls of `think` and `analyze` said."""
    reasoning_messages: list[Json] = field(default_factory=list)
    """Once it has thought."""
    made_media: dict[str, list[Json]] = field(default_factory=dict)
    """Images, videos, audio and files that its model, its tools and its members gave."""
    media_by_members: dict[str, list[Json]] = field(default_factory=dict)
    citations: Json | None = None
    has_answered: bool = False
    """It has failed, but only once it had said all."""

    def __post_init__(self) -> None:
        executor = self.step.executor
        self.created_at = self.context.now()
        self.started = self.branch.now
        self.is_team = executor.type == "team"
        self.about = {f"{executor.type}_id": executor.id, f"{executor.type}_name": executor.name}
        self.model = {"model": executor.model, "model_provider": executor.model_provider}

    def add_message(self, role: str, **more: Any) -> None:
        """Note a message of its conversation with its model."""
        self.messages.append(message(self.context.ids(), role, self.context.now(), **more))

    def wait_for(self, executions: Iterable[Json]) -> None:
        """Note those of the tool calls that have the run pause."""
        for execution in executions:
            if any(execution[key] for key in _WAITING):
                moment = datetime.fromtimestamp(self.context.clock(), UTC)
                self.requirements.append(
                    {
                        "id": self.context.ids(),
                        "created_at": moment.isoformat(timespec="microseconds"),
                        "tool_execution": execution,
                    }
                )

    def pause_members(self) -> Json:
        """What RunPaused has; who has said nothing says that now."""
        if not self.content:
            waiting = [one["tool_execution"] for one in self.requirements]
            self.content = next(text for key, text in _WAITING.items() if waiting[-1][key])
        return {
            "content": self.content,
            "tools": list(self.tools),
            "requirements": self.requirements,
        }

    def content_members(self) -> Json:
        """What it has answered, as events and records have it."""
        content = {} if self.content is None else {"content": self.content}
        return {**content, "content_type": self.content_type}

    @property
    def reasoning(self) -> str | None:
        """What it has reasoned so far."""
        return self.context.hooks.reasoning(self.reasoned, is_teams_end=False)

    @property
    def final_reasoning(self) -> str | None:
        """What it has reasoned in the end."""
        return self.context.hooks.reasoning(self.reasoned, is_teams_end=self.is_team)

    def reasoning_members(self) -> Json:
        said = self.final_reasoning
        return {} if said is None else {"reasoning_content": said}

    def add_media(self, media: Media) -> None:
        """Note what it has made."""
        for kind, items in media.items():
            self.made_media.setdefault(kind, []).extend(items)

    def add_media_of_member(self, media: Media) -> None:
        """Note what a member has made."""
        is_first = self.context.hooks.is_members_media_first()
        for kind, items in media.items():
            made, by_members = (
                self.made_media.setdefault(kind, []),
                self.media_by_members.setdefault(kind, []),
            )
            at = len(by_members) if is_first else len(made)
            made[at:at] = items
            by_members += items

    def reasoning_message_members(self) -> Json:
        messages = self.reasoning_messages
        return {"reasoning_messages": messages} if messages else {}

    def citation_members(self) -> Json:
        return {} if self.citations is None else {"citations": self.citations}

    def metrics(self, failure: StepFailed | None = None) -> Json:
        """What it has used by now; who has failed names its model if it said what it used."""
        model, is_known = None, self.usage.is_known
        names_model = self.context.hooks.names_model(
            is_usage_known=is_known,
            is_streamed=self.is_streamed and not self.step.mock.content_type,
        )
        if names_model and (failure is None or is_known):
            model = {"id": self.model["model"], "provider": self.model["model_provider"]}
        return self.usage.metrics(self._duration(), model)

    def _duration(self) -> float:
        return round(self.branch.now - self.started, 6)

    def result(self, failure: StepFailed | None) -> Result:
        """The step's result. `failure`: an error that counts as an answer."""
        step, executor = self.step, self.step.executor
        is_unknown = failure is not None and self.is_streamed
        content = self.content
        if failure is not None:
            content = "" if is_unknown else self.failed_content(failure)
        outcome = result(
            content,
            step.name,
            self.step_id,
            "Step",
            executor.type,
            executor.name,
            stop=step.mock.stop is True,
        )
        if is_unknown:
            return outcome
        outcome["step_run_id"] = self.run_id
        outcome.update(self._kept_media(failure))
        outcome["metrics"] = self.metrics(failure)
        return outcome

    def failed_content(self, failure: StepFailed) -> Any:
        """What counts as its answer where it has failed: the error, or what it had said."""
        if not self.keeps_answer:
            return str(failure)
        # A value of a class is still the text that the model said.
        said = self.content.members if isinstance(self.content, Structured) else self.content
        return as_text(said)

    @property
    def keeps_answer(self) -> bool:
        """Whether what it had said is its answer, though it has failed."""
        is_kept = self.context.hooks.keeps_answer(is_streamed=self.is_streamed)
        return is_kept and self.content is not None

    def _kept_media(self, failure: StepFailed | None) -> Json:
        """What is left of what it has made: where it fails in batch, what its members gave."""
        return dict(joined(self.made_media, {})) if failure is None or not self.is_streamed else {}

    def to_dict(self, failure: StepFailed | None) -> Json:
        """The run as `step_executor_runs` and `member_responses` have it, its keys in Agno's
        order."""
        run = self.context.run
        about = {
            "run_id": self.run_id,
            **self.about,
            "session_id": self.session_id,
            "parent_run_id": self.parent_id or run.run_id,
        }
        answer = self.content_members()
        if failure is not None:
            answer = {"content": self.failed_content(failure), "content_type": "str"}
        reasoning = self.reasoning_members()
        # Not a copy: the run's record shows the state as it is in the end.
        state = {"session_state": self.state}
        created = {"created_at": self.created_at}
        of_step = {} if self.parent_id else {"workflow_step_id": self.step_id}
        given: Json = {"input_content": self.input}
        for kind, name in _IN_INPUT.items():
            if kind in self.told_media:
                given[name] = self.told_media[kind]
        given = {"input": given}
        events: Json = {}
        made: Json = {}
        if failure is None:
            made = {"messages": self.messages}
            made |= self.reasoning_message_members()
        elif self.is_team and self.has_answered:
            made = {"messages": self.messages}
        if self.reasoning_steps:
            made["reasoning_steps"] = list(self.reasoning_steps)
        made |= self._kept_media(failure)
        made |= self.citation_members()
        if self.tools or (failure is None and not self.is_streamed):
            made["tools"] = self.tools
        if failure is not None and self.is_team:
            error: Json = {"created_at": self.context.now(), "event": "TeamRunError", **self.about}
            error |= {"run_id": self.run_id, "session_id": self.session_id, "content": str(failure)}
            events = {"events": [error]}
        metrics = {"metrics": self.metrics(failure)}
        status = {"status": "COMPLETED" if failure is None else "ERROR"}
        if self.requirements:
            made["requirements"] = self.requirements
            if failure is None:
                status = {"status": "PAUSED"}
        if self.is_team:
            members: Json = {"member_responses": self.member_responses}
            entry = {**about, **given, **answer, **self.model, **members, **reasoning}
            return {**entry, **state, **created, **of_step, **events, **metrics, **status, **made}
        entry = {**about, **answer, **reasoning, **self.model, **state, **created}
        return {**entry, **status, **of_step, **metrics, **events, **made, **given}
