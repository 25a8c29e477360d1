"""What an agent's model answers, request by request: its pieces, each at its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mockserver.engine.actions import Actions, StepFailed
from mockserver.engine.agent_events import AgentEvents
from mockserver.engine.agent_records import AgentRecord, known_counts, request_counts
from mockserver.engine.context import RunContext
from mockserver.engine.model_requests import ModelRequest
from mockserver.engine.pacing import Pace
from mockserver.engine.reasoning import Reasoned
from mockserver.script.model import Mock, Tokens

Json = dict[str, Any]


class ModelAnswers:
    """The answers of one agent's or team's model: their events, and what the record has of them."""

    def __init__(
        self,
        context: RunContext,
        record: AgentRecord,
        event: AgentEvents,
        mock: Mock,
        note: Callable[[str], None],
    ) -> None:
        """`note` is told each content."""
        self._hooks = context.hooks
        self._record = record
        self._event = event
        self._note = note
        self._branch = record.branch
        self._is_team = record.is_team
        self._pace = Pace(mock.timing, record.branch, context.ids.draw)
        self._last_tokens: Tokens | None = None
        self._type = mock.content_type
        self._is_whole = not record.is_streamed or mock.content_type is not None
        """They are not streamed."""
        self._failure: StepFailed | None = None
        """What the model raises once it has said `_pieces_left` more."""
        self._pieces_left = 0

    def begin_try(self, failure: StepFailed | None, pieces: int) -> None:
        """The model is asked anew. It raises `failure` once it has said so many pieces; None: it
        does not."""
        self._failure, self._pieces_left = failure, pieces
        self._last_tokens = None
        self._record.value_text = None

    def answer(self, request: ModelRequest, requested: float, *, is_last: bool) -> Actions[None]:
        """One request's answer, from the first token to the last."""
        record = self._record
        known_before = record.usage.time_to_first_token
        content = "".join(request.content) if request.content else None
        if request.value is not None:
            # In batch it stands behind what was said before.
            before = "" if record.is_streamed else record.content or ""
            record.value_text = f"{before}{content or ''}"
            request.value = self._hooks.read_value(record.value_text, request.value)
        try:
            say = self._say_whole if self._type else self._say
            first_content = yield from say(request, requested, is_last=is_last)
        except StepFailed:
            if self._is_whole:  # nothing has been told of this request
                record.usage.time_to_first_token = known_before
            raise
        is_whole = self._is_whole
        if request.tools or request.tokens or is_whole:
            self._note_first_token()
        reasoning = "".join(request.reasoning) if request.reasoning else None
        if request.value is not None:
            record.content, record.content_type = request.value, self._type or "str"
        elif record.value_text is not None:
            record.content = record.value_text
            record.content_type = (record.is_streamed and self._type) or "str"
        elif content is not None:
            record.content = (record.content or "") + content
        elif request.tools and is_whole:
            # In batch a tool call counts as an answer.
            record.content = record.content or ""
        self._last_tokens = self._hooks.counted_tokens(request.tokens, self._last_tokens)
        record.usage.add(self._last_tokens)
        if not is_whole:
            # The real server's collected stream has no empty texts.
            content, reasoning = content or None, reasoning or None
        metrics: Json = known_counts(request.tokens or Tokens())
        if first_content is not None:
            metrics["time_to_first_token"] = first_content
        calls = {"tool_calls": [tool.request for tool in request.tools]} if request.tools else {}
        measured = {"metrics": metrics} if metrics else {}
        record.add_message("assistant", content=content, reasoning=reasoning, **calls, **measured)
        counts = request_counts(request.tokens, first_content)
        yield self._event("ModelRequestCompleted", **record.model, **counts)

    def _say(
        self, request: ModelRequest, requested: float, *, is_last: bool
    ) -> Actions[float | None]:
        """The pieces of one request's answer; returns the seconds to the first content."""
        branch = self._branch
        first_content: float | None = None
        is_first = True
        reasoned, reasoning = self._record.reasoned, ""
        before = len(reasoned)
        yield from self._pace.before_first()
        for text in request.reasoning:
            if not is_first:
                yield from self._pace.before_next(text)
            is_first = False
            self._begin_piece()
            reasoning += text
            reasoned[before:] = [Reasoned("model", reasoning)]
            yield self._event.content(reasoning_content=text)
        for text in request.content:
            if not is_first:
                yield from self._pace.before_next(text)
            is_first = False
            self._begin_piece()
            if first_content is None:
                first_content = round(branch.now - requested, 6)
            self._note(text)
            yield self._event.content(text)
        if is_last:
            self._end_pieces()
            yield from self._give_media_and_citations(request)
        return first_content

    def _say_whole(
        self, request: ModelRequest, requested: float, *, is_last: bool
    ) -> Actions[float | None]:
        """The same of a model that is not streamed, as its answer is a value of a class."""
        yield from self._pace.before_first()
        for number, text in enumerate([*request.reasoning, *request.content]):
            if number:
                yield from self._pace.before_next(text)
            self._begin_piece()
        if is_last:
            self._end_pieces()
        reasoning = "".join(request.reasoning)
        if request.reasoning:
            self._record.reasoned.append(Reasoned("model", reasoning))
        if request.content:
            content: Any = "".join(request.content) if request.value is None else request.value
            self._note(content if isinstance(content, str) else content.to_json())
            yield self._event.content(content, content_type=self._type)
        elif request.reasoning:
            yield self._event.content(reasoning_content=reasoning)
        if is_last:
            yield from self._give_media_and_citations(request)
        return round(self._branch.now - requested, 6) if request.content else None

    def _give_media_and_citations(self, request: ModelRequest) -> Actions[None]:
        """What a model gives beside its answer: images, which no event says, and citations. A
        RunContent comes with them, but none of a team's citations, and none of a team's images
        where its answer is structured."""
        record = self._record
        is_told = self._type is None or not self._is_team
        if request.images or request.citations:
            self._note_first_token()
        if request.images:
            made = record.made_media.setdefault("images", [])
            # In place: events that are not yet sent may have this list.
            made[:] = self._hooks.kept_images(
                made,
                request.images,
                record.media_by_members.get("images", []),
                is_structured=self._type is not None,
            )
            if is_told:
                yield self._event.content()
        if request.citations:
            record.citations = request.citations
            if self._type is None and not self._is_team:
                yield self._event.content(citations=record.citations)

    def _begin_piece(self) -> None:
        """The model is about to say something. Raises StepFailed where it fails instead."""
        if self._failure is not None:
            if not self._pieces_left:
                raise self._failure
            self._pieces_left -= 1
        self._note_first_token()

    def _end_pieces(self) -> None:
        """The model has said all. Raises StepFailed where it is to fail."""
        if self._failure is not None:
            raise self._failure

    def _note_first_token(self) -> None:
        usage = self._record.usage
        if usage.time_to_first_token is None:
            usage.time_to_first_token = round(self._branch.now - self._record.started, 6)
