"""One cause, one failure: where each batch run of a workflow fails, that is said once.

Most probes run in batch, each for a requirement of its own. Where no batch run of the workflow that
they run ever succeeds, though its stream runs to its end, their failures say nothing about what
they were sent for.
"""

from __future__ import annotations

from contract_tests.judging.findings import Findings
from contract_tests.judging.history import History
from contract_tests.judging.judgement import Breach
from contract_tests.target.exchange import Exchange

NAME = "batch.equals-stream"
CHECK = "batch_runs"
"""Where it can be seen again."""

ENOUGH = 4
"""Failed batch runs of other probes that are no accident, where no plain one could be made."""

BY_ITSELF = frozenset(
    {"error.content-type", "error.body-schema", "error.no-traceback", "error.no-server-error"}
)
"""What is wrong with an error, whatever it answers."""


def settle_failing_batches(findings: Findings, history: History) -> None:
    """Where each batch run of a workflow failed: one breach instead of one for each probe."""
    for workflow_id, stream in history.streams.items():
        if stream.is_completed:
            failed = _each_failed(history, workflow_id)
            if failed is not None:
                _settle(findings, workflow_id, stream.exchange, failed)


def _settle(findings: Findings, workflow_id: str, stream: Exchange, failed: Exchange) -> None:
    what = f"each batch run of {workflow_id} is answered with {failed.summary}"
    reason = f"could not be decided: {what}; see {NAME}"
    is_told = False
    for name, breaches in list(findings.breaches.items()):
        others = [one for one in breaches if not _shows(one, failed.request.path)]
        if name == NAME:
            is_told = len(others) < len(breaches)
        elif name not in BY_ITSELF and others:
            findings.breaches[name] = others
        elif name not in BY_ITSELF:
            findings.withdraw(name, reason)
    findings.leave_undecided(
        [name for name in findings.reasons if name.startswith("batch.") and name != NAME], reason
    )
    if not is_told:
        commands = f"{stream.curl}\n{failed.curl}"
        text = f"{what}, and its stream runs to its end"
        findings.add(Breach(NAME, text, commands, failed, before=(stream,), check=CHECK))


def _each_failed(history: History, workflow_id: str) -> Exchange | None:
    """The plainest batch run of a workflow, where each failed."""
    answers = [run.exchange for run in history.all_batches if run.workflow_id == workflow_id]
    plain = history.batches.get(workflow_id)
    if not answers or not all(_has_failed(exchange) for exchange in answers):
        return None
    if plain is not None:
        return plain.exchange
    return min(answers, key=lambda one: len(one.curl)) if len(answers) >= ENOUGH else None


def _has_failed(exchange: Exchange) -> bool:
    return exchange.status is not None and exchange.status >= 500


def _shows(breach: Breach, path: str) -> bool:
    """Whether a failed batch run of the workflow with that path shows a breach."""
    return any(
        one.request.path == path and one.request.field("stream") == "false" and _has_failed(one)
        for one in breach.exchanges
    )
