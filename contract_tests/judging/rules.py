"""Which requirements a run's answer is judged by: those of any run, or those of its probe."""

from __future__ import annotations

from dataclasses import dataclass

from agentos_contract.judge import StreamRules


@dataclass(frozen=True, slots=True)
class RunRules(StreamRules):
    """The requirement that each fault of a run's answer breaks; None: it is not judged."""

    refused: str = "form.valid-accepted"
    """Its form was refused; or it fails each time, with a message that it ran with before."""
    may_fail: bool = False
    """Whether it may fail, whatever it ran with before."""
    repeated: str | None = "error.sporadic"
    """It ended with an error in its stream, with a message that it ran with before."""
    fresh_run_id: str | None = "identity.run-id-fresh"
    """Its run_id had been given to another."""
    fresh_session_id: str | None = "identity.session-id-fresh"
    """Its session had been given out, and it asked for none."""
    takes_session: bool = True
    """Whether the session_id of its stream is to be the one asked for, not only the same
    throughout."""
    input: str | None = None
    """Its batch body has another input than the message; unless said, batch.input for the
    workflow's own message, and form.text-kept for any other."""
    echo: str = "identity.batch-echo"
    """Its batch body has other ids than were asked for."""


ANY_RUN = RunRules()
MAY_FAIL = RunRules(may_fail=True)
