"""The scripted engine: a workflow script and an input in, the run's events out.

The engine is a generator without I/O, clock, ids or randomness of its own: they come in from
outside, so that the same seed gives the same bytes. It yields, in order,

    an event (a dict, with its keys in Agno's order), to be sent at once, or
    a Wait: nothing happens before that time, unless one of its gates is released (gates.py)

and is sent back the run's elapsed time after each Wait. Time within a run is counted in seconds
since its start, and a step's delay moves it; the driver decides how long that is on a wall
clock. Nothing is computed before it is asked for: a step that a client cancelled never ran.

Parallel branches are generators too, taken in turn as asyncio's tasks are (`turns`). So their
order depends on the script alone.

Contents, wordings and defaults are those of a real AgentOS 2.5.6 (`agno/workflow/*.py`; the
tests compare them with a running one). Where the real server breaks the event protocol (a
skipped step that never ends, two terminal events, ids that disagree), the engine keeps it, unless
its hooks part from it.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any

from mockserver.engine.actions import (
    Actions,
    Branch,
    Call,
    Event,
    NodeActions,
    RunCancelled,
    RunFailed,
    RunPaused,
    StepFailed,
    StepInput,
)
from mockserver.engine.containers import run_node
from mockserver.engine.context import RunContext, with_content
from mockserver.engine.gates import Gates
from mockserver.engine.hooks import EngineHooks
from mockserver.engine.ids import Ids
from mockserver.engine.media import joined, media_of
from mockserver.engine.pauses import ask, ask_after_failure
from mockserver.engine.results import Result, deepest
from mockserver.engine.run import Run
from mockserver.engine.steps import failed_result, run_function
from mockserver.engine.turns import TaskLoop
from mockserver.script.model import Node, Step

logger = logging.getLogger(__name__)


class Engine:
    """Carries out one run, and keeps what comes of it in its `Run`."""

    def __init__(
        self,
        run: Run,
        *,
        ids: Ids,
        clock: Callable[[], float],
        gates: Gates | None = None,
        is_streamed: bool = True,
        is_sent_late: bool = False,
        hooks: EngineHooks | None = None,
    ) -> None:
        """`clock` gives seconds since the epoch, for created_at. `is_sent_late`: an event is sent
        no sooner than when the run next waits. `gates` and `hooks`: this run's own."""
        run.is_streamed, run.is_sent_late = is_streamed, is_sent_late
        self.run = run
        self.hooks = hooks = hooks or EngineHooks()
        hooks.attach(run, ids)
        run.workflow_name = hooks.workflow_name()
        self._context = RunContext(run, hooks=hooks, ids=ids, clock=clock, gates=gates or Gates())

    def actions(self) -> Actions[None]:
        """The run's events and waits, from WorkflowStarted to the one terminal event."""
        loop = TaskLoop(
            self._run(),
            self.hooks,
            self._context.gates,
            is_handed_on=self.run.is_streamed and not self.run.is_sent_late,
            is_sent_late=self.run.is_sent_late,
        )
        return loop.run()

    def _run(self) -> Actions[None]:
        run, event = self.run, self._context.event
        branch = Branch()
        terminal: Event | None = None
        paused: Sequence[Event] = ()
        try:
            yield event("WorkflowStarted")
            yield from self._workflow(branch)
        except RunFailed as error:
            self._end("ERROR", str(error), branch)
            terminal = event("WorkflowError", error=str(error))
        except RunCancelled:
            self._end("CANCELLED", self._cancellation, branch)
            terminal = event("WorkflowCancelled", reason=run.content)
        except StepFailed as error:
            self._end("ERROR", str(error), branch)
            terminal = event("WorkflowError", error=str(error))
        except RunPaused as pause:
            self._end("PAUSED", None, branch)
            paused = pause.events
        except Exception:
            # A fault of the mock, not of the script: whoever reads the stream still gets its end.
            logger.exception("%s: run %s failed", run.workflow.file, run.run_id)
            self._end("ERROR", "the mock failed; its log says why", branch)
            terminal = event("WorkflowError", error=run.content)
        else:
            self._end("COMPLETED", run.content, branch)
            terminal = event(
                "WorkflowCompleted",
                **with_content(run.content),
                content_type="str",
                step_results=run.step_results,
            )
        for last in paused if terminal is None else self.hooks.last_events(terminal):
            # Whoever cancels now is too late.
            with contextlib.suppress(RunCancelled):
                yield last

    def _end(self, status: str, content: Any, branch: Branch) -> None:
        self.run.status = status
        self.run.content = content
        self.run.duration = branch.now
        self.hooks.on_end()

    def _ask_after_failure(self, node: Step, error: StepFailed, call: Call) -> None:
        if self.hooks.pauses(node, has_failed=True):
            ask_after_failure(self._context, node, error, call)

    @property
    def _cancellation(self) -> str:
        return f"Run {self.run.run_id} was cancelled"

    def _workflow(self, branch: Branch) -> Actions[None]:
        run = self.run
        self.hooks.before_run()
        if run.workflow.function is not None:
            run.content = yield from self._function(run.workflow.function, branch)
            return
        outputs: dict[str, Result] = {}
        for index, node in enumerate(run.workflow.steps):
            last = next(reversed(outputs.values())) if outputs else None
            content = last["content"] if last else None
            step_input = StepInput(dict(outputs), content, run.media)
            outcome = yield from self._own_step(node, Call(step_input, index, None, branch))
            if outcome is None:
                continue
            run.step_results.append(outcome)
            if media := media_of(outcome):
                run.media = joined(run.media, media)
            outputs[node.name] = outcome
            if outcome["stop"]:
                break
        if run.step_results:
            run.content = deepest(run.step_results[-1])["content"]
        else:
            run.content = "No steps executed"

    def _function(self, function: Step, branch: Branch) -> Actions[Any]:
        """What the function answers that stands in the place of steps."""
        self.hooks.step = function
        call = Call(StepInput({}), 0, None, branch)
        try:
            outcome = yield from run_function(self._context, function, "", call)
        finally:
            self.hooks.step = None
        return outcome["content"]

    def _own_step(self, node: Node, call: Call) -> NodeActions:
        """One of the workflow's own steps: the run may go on where it failed or was cancelled."""
        hooks = self.hooks
        hooks.before_step(node)
        if node.pause is not None and hooks.pauses(node):
            ask(self._context, node, node.pause, call)
        hooks.step = node
        try:
            outcome = yield from run_node(self._context, node, call)
            hooks.after_step(node)
            return outcome
        except (StepFailed, RunCancelled) as error:
            if isinstance(error, RunFailed):
                raise
            is_asked = isinstance(node, Step) and node.pauses_on_error
            if isinstance(node, Step) and is_asked and isinstance(error, StepFailed):
                self._ask_after_failure(node, error, call)
            if not (isinstance(node, Step) and hooks.goes_on(node, error)):
                raise
            reason = self._cancellation if isinstance(error, RunCancelled) else str(error)
        finally:
            hooks.step = None
        failure = StepFailed(reason, self._context.step_ids[node.path])
        content = f"Step skipped due to error: {failure}"
        return failed_result(self._context, node, failure, "run", content)
