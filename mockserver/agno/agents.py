"""How the real server's agents and teams depart: failures, retries, tools, members, state."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentos_contract.events import MEDIA_KINDS
from mockserver.engine.actions import Event, StepFailed
from mockserver.engine.hooks import EngineHooks, Json
from mockserver.engine.reasoning import Reasoned
from mockserver.engine.results import Structured
from mockserver.engine.run import OF_THE_RUN
from mockserver.faults.registry import departure
from mockserver.script.model import PassesOn, Tokens

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")

# -- an agent's run


@departure("agent.additional-data-fails")
class AdditionalDataFails(EngineHooks):
    def before_agent(self) -> None:
        given = self.run.additional_data
        if given:
            error = f"'{type(given).__name__}' object has no attribute 'get'"
            raise StepFailed(error, kind="AttributeError")
        super().before_agent()


@departure("agent.failure-answered")
class FailureAnswered(EngineHooks):
    def agent_failure(self, failure: StepFailed) -> StepFailed | None:
        return super().agent_failure(failure) if self.run.is_streamed else None

    def keeps_answer(self, *, is_streamed: bool) -> bool:
        return not is_streamed or super().keeps_answer(is_streamed=is_streamed)


@departure("agent.failure-reworded")
class FailureReworded(EngineHooks):
    def agent_failure(self, failure: StepFailed) -> StepFailed | None:
        if self.run.is_streamed:
            if not self.run.workflow.stores_executors:
                return None  # the error comes of storing a run that there is not
            error = "'NoneType' object has no attribute 'parent_run_id'"
            return StepFailed(error, kind="AttributeError")
        return super().agent_failure(failure)


@departure("agent.json-rewritten")
class JsonRewritten(EngineHooks):
    def read_value(self, said: str, value: Structured) -> Structured | None:
        read = _read_json(said)
        return None if read is None else super().read_value(said, Structured(read))


def _read_json(said: str) -> Json | None:
    """The JSON object in what a model said, as Agno 2.5.6 looks for it
    (`agno/utils/string.py`, `parse_response_model_str`)."""
    end, begin = said.find("</think>"), said.find("<think>")
    if end >= 0 and said[begin + len("<think>") if begin >= 0 else 0 : end].strip():
        said = said[end + len("</think>") :].strip()
    _, fence, fenced = said.rpartition("```json")
    if fence:
        parts = fenced.strip().split("```")
        said = "".join(parts[:-1] or parts)
    elif "```" in said:
        said = said.split("```")[1].strip()
    said = _CONTROLS.sub("", said.replace("\n", " "))
    candidates = [said, *(found if len(found := list(_in_braces(said))) == 1 else [])]
    for candidate in candidates:
        try:
            read = json.loads(candidate)
        except ValueError:
            continue
        if isinstance(read, dict):
            return read
    return None


def _in_braces(text: str) -> Iterator[str]:
    """What stands in outermost braces; those within strings count too."""
    depth = start = 0
    for position, letter in enumerate(text):
        if letter == "{":
            start = position if depth == 0 else start
            depth += 1
        elif letter == "}":
            depth -= 1
            if depth == 0:
                yield text[start : position + 1]


@departure("agent.models-in-stream-only")
class ModelsInStreamOnly(EngineHooks):
    def names_model(self, *, is_usage_known: bool, is_streamed: bool) -> bool:
        return is_streamed or is_usage_known


@departure("agent.retry-starts-again")
class RetryStartsAgain(EngineHooks):
    def starts_again(self) -> bool:
        return True


@departure("agent.tool-error-after-end")
class ToolErrorAfterEnd(EngineHooks):
    def tool_end_events(self, *, is_error: bool) -> Sequence[str]:
        ends = super().tool_end_events(is_error=is_error)
        return ("ToolCallCompleted", *ends) if is_error else ends


@departure("agent.usage-recounted")
class UsageRecounted(EngineHooks):
    def counted_tokens(self, tokens: Tokens | None, before: Tokens | None) -> Tokens | None:
        counted = super().counted_tokens(tokens, before)
        return counted if self.run.is_streamed else counted or before


def _last_of_model(parts: Sequence[Reasoned]) -> int:
    """Where a model's reasoning stands last; -1 where there is none."""
    return max((i for i, part in enumerate(parts) if part.by == "model"), default=-1)


@departure("agent.reasoning-last")
class LastReasoning(EngineHooks):
    def reasoning(self, parts: Sequence[Reasoned], *, is_teams_end: bool) -> str | None:
        if not self.run.is_streamed:
            last = _last_of_model(parts)
            # A team's tries are told one after the other; an agent's model begins anew.
            is_first_kept = is_teams_end or last < 0
            parts = [
                part
                for i, part in enumerate(parts)
                if part.by == "tool" or i == last or (part.by == "earlier try" and is_first_kept)
            ]
        return super().reasoning(parts, is_teams_end=is_teams_end)


@departure("agent.thoughts-overwritten")
class ThoughtsOverwritten(EngineHooks):
    def reasoning(self, parts: Sequence[Reasoned], *, is_teams_end: bool) -> str | None:
        last = _last_of_model(parts)
        if self.run.is_streamed:
            is_kept = last < 0 or not is_teams_end
            parts = [p for i, p in enumerate(parts) if p.by == "model" or (is_kept and i > last)]
        else:
            parts = sorted(parts, key=lambda part: part.by == "tool")
        return super().reasoning(parts, is_teams_end=is_teams_end)


@departure("agent.media-lost")
class MediaLost(EngineHooks):
    def keeps_media_in_pause(self) -> bool:
        return self.run.is_streamed and super().keeps_media_in_pause()

    def kept_images(
        self,
        before: Sequence[Json],
        given: Sequence[Json],
        by_members: Sequence[Json],
        *,
        is_structured: bool,
    ) -> list[Json]:
        if not self.run.is_streamed:
            before = by_members
        if is_structured or not self.run.is_streamed:
            given = given[-1:]
        return super().kept_images(before, given, by_members, is_structured=is_structured)

    def is_members_media_first(self) -> bool:
        return not self.run.is_streamed or super().is_members_media_first()


@departure("function.contents-alone")
class ContentsAlone(EngineHooks):
    def passes_on(self, event: Event, how: PassesOn, *, is_own: bool) -> bool:
        if how == "content" and is_own:
            return str(event["event"]).endswith(("RunContent", "RunError", "RunPaused"))
        return super().passes_on(event, how, is_own=is_own)


# -- a team's members


@departure("team.inner-answers-included")
class InnerAnswersIncluded(EngineHooks):
    def member_reply(self, reply: str, transcript: str, failure: StepFailed | None) -> str:
        if failure is None and self.run.is_streamed:
            return transcript
        return super().member_reply(reply, transcript, failure)


@departure("team.member-failure-silent")
class MemberFailureSilent(EngineHooks):
    def member_reply(self, reply: str, transcript: str, failure: StepFailed | None) -> str:
        if failure is not None and self.run.is_streamed:
            return transcript
        return super().member_reply(reply, transcript, failure)

    def is_member_recorded(self, failure: StepFailed | None) -> bool:
        is_silent = failure is not None and self.run.is_streamed
        return not is_silent and super().is_member_recorded(failure)


@departure("team.child-run-shared")
class ChildRunShared(EngineHooks):
    def named_delegations(
        self, own: Json, calls: Sequence[Json], earlier: Sequence[Json]
    ) -> Sequence[Json]:
        return calls


@departure("team.child-run-missing")
class ChildRunMissing(EngineHooks):
    def named_delegations(
        self, own: Json, calls: Sequence[Json], earlier: Sequence[Json]
    ) -> Sequence[Json]:
        if not self.run.is_streamed:
            return earlier
        return super().named_delegations(own, calls, earlier)


@departure("team.child-run-foretold")
class ChildRunForetold(EngineHooks):
    """An event beside others waits in a queue, and shows what has come of the call by then."""

    def shown_tool(self, execution: Json, *, is_beside_others: bool) -> Json:
        if is_beside_others:
            return execution
        return super().shown_tool(execution, is_beside_others=is_beside_others)

    def shown_list(self, items: list[Json], *, is_beside_others: bool) -> list[Json]:
        return items if is_beside_others else super().shown_list(items, is_beside_others=False)

    def before_event(self, event: Event) -> None:
        super().before_event(event)
        if self.run.is_sent_late:
            return
        if "tool" in event:
            event["tool"] = dict(event["tool"])
        for kind in (*MEDIA_KINDS, "reasoning_steps"):
            if kind in event:
                event[kind] = list(event[kind])


@departure("team.state-overwritten")
class StateOverwritten(EngineHooks):
    def member_changes(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> Json:
        return dict(after)


# -- the session's state


@departure("state.run-ids-leak")
class RunIdsLeak(EngineHooks):
    def prepare_state(self, state: Json, run_ids: Mapping[str, str]) -> None:
        super().prepare_state(state, run_ids)
        state.update(run_ids)

    def shown_state(
        self, state: Json, run_ids: Mapping[str, str], *, is_beside_others: bool
    ) -> Json:
        return dict(state)

    def on_end(self) -> None:
        super().on_end()
        for key in OF_THE_RUN:
            self.run.session_state.pop(key, None)


@departure("state.shown-late")
class StateShownLate(EngineHooks):
    """An event beside others waits in a queue, and shows the state as it is by then."""

    def shown_state(
        self, state: Json, run_ids: Mapping[str, str], *, is_beside_others: bool
    ) -> Json:
        if is_beside_others:
            return state
        return super().shown_state(state, run_ids, is_beside_others=is_beside_others)

    def before_event(self, event: Event) -> None:
        super().before_event(event)
        state = self.run.session_state
        if event.get("session_state") is state and not self.run.is_sent_late:
            event["session_state"] = dict(state)


@departure("websocket.state-shown-late")
class StateShownLateOverWebsocket(EngineHooks):
    def shown_state(
        self, state: Json, run_ids: Mapping[str, str], *, is_beside_others: bool
    ) -> Json:
        if self.run.is_sent_late:
            return state
        return super().shown_state(state, run_ids, is_beside_others=is_beside_others)
