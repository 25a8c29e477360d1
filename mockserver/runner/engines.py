"""What carries a run out: an engine, or a recording in its place."""

from __future__ import annotations

import copy

from mockserver.engine.engine import Engine
from mockserver.engine.gates import Gates
from mockserver.engine.ids import Ids
from mockserver.engine.merging import merge
from mockserver.engine.run import Run
from mockserver.recordings.replay import Replay, ReplayedRun
from mockserver.runner.hooks import RunRequest
from mockserver.runner.scopes import MockScope
from mockserver.sessions.records import Session


def engine_of(
    request: RunRequest,
    scope: MockScope,
    run_id: str,
    session: Session,
    ids: Ids,
    gates: Gates,
    now: int,
) -> tuple[Run, Engine | Replay]:
    """The run that was asked for, not yet begun, and what carries it out.

    `now`: seconds since the epoch.
    """
    # Runs side by side in one session don't see each other's changes half made: it is a copy.
    state = session.state or {}
    if request.session_state:
        merge(state, copy.deepcopy(request.session_state))
    about = (
        request.workflow,
        run_id,
        session.session_id,
        request.user_id,
        request.input,
        state,
        now,
    )
    engine: Engine | Replay
    if request.recording is not None:
        replayed = ReplayedRun(*about)
        run: Run = replayed
        engine = Replay(
            request.recording,
            replayed,
            ids=ids,
            clock=scope.clock,
            is_streamed=request.stream,
            gates=gates,
        )
    else:
        text, value = request.input_text, request.input_value
        run = Run(*about, form=request.form, input_text=text, input_value=value)
        engine = Engine(
            run,
            ids=ids,
            clock=scope.clock,
            is_streamed=request.stream,
            gates=gates,
            is_sent_late=request.hooks.is_sent_late(request),
            hooks=request.hooks.engine(),
        )
    run.additional_data = request.additional_data
    return run, engine
