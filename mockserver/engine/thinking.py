"""What an agent's tools say of its thoughts, and the events of that."""

from __future__ import annotations

from mockserver.engine.actions import Actions, StepFailed
from mockserver.engine.agent_events import AgentEvents
from mockserver.engine.agent_records import AgentRecord, message
from mockserver.engine.context import RunContext
from mockserver.engine.reasoning import Reasoned, without_nulls
from mockserver.engine.tool_calls import ToolCall
from mockserver.script.thoughts import NotAThought, Thought, thought_of


class Thinking:
    """The thoughts of one try of an agent's or team's run: its calls of `think` and `analyze`."""

    def __init__(self, context: RunContext, record: AgentRecord, event: AgentEvents) -> None:
        self._context = context
        self._record = record
        self._event = event
        self._is_streamed = record.is_streamed
        self._is_thinking = False
        """ReasoningStarted has been sent."""
        self._time_thinking = 0.0
        """Seconds."""
        self.unread: StepFailed | None = None
        """Why the first thought that could not be read was not."""

    def read(self, call: ToolCall) -> Thought | None:
        """What a call says of the agent's thoughts. Raises StepFailed where Agno cannot read it;
        in batch that comes once all is answered (`check`), and ends the thoughts."""
        if self.unread is not None:
            return None
        try:
            return thought_of(call.name, call.args)
        except NotAThought as error:
            self.unread = StepFailed(str(error))
        if self._is_streamed:
            raise self.unread
        return None

    def check(self) -> None:
        """All is answered. Raises StepFailed where a thought could not be read."""
        if self.unread is not None:
            if self._record.value_text is not None:  # no value has been made of it yet
                self._record.content = self._record.value_text
            raise self.unread

    def tell(self, thought: Thought, duration: float) -> Actions[None]:
        """Tell a thought."""
        record = self._record
        if not self._is_thinking:
            self._is_thinking = True
            yield self._event("ReasoningStarted")
        record.reasoning_steps.append(thought.step)
        record.reasoned.append(Reasoned("tool", thought.text))
        self._time_thinking += duration
        yield self._event(
            "ReasoningStep",
            content=without_nulls(thought.step),
            content_type="ReasoningStep",
            reasoning_content=record.reasoning,
        )

    def end(self) -> Actions[None]:
        """The end of what `tell` began."""
        record = self._record
        if not self._is_thinking:
            return
        if self._is_streamed:
            said = message(
                self._context.ids(),
                "assistant",
                self._context.now(),
                content=record.final_reasoning,
                metrics={"duration": self._time_thinking},
            )
            record.reasoning_messages = [said]
        yield self._event(
            "ReasoningCompleted",
            content={"reasoning_steps": [without_nulls(one) for one in record.reasoning_steps]},
            content_type="ReasoningSteps",
        )
