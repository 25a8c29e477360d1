"""Errors: judged from every refusal (judging/answers.py); here what needs requests of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from agentos_contract.document import FORM
from contract_tests.checks.context import Context
from contract_tests.checks.registry import CHECKS, check
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.judging.answers import Expected
from contract_tests.judging.batches import OF_BATCHES, BatchRun
from contract_tests.judging.rules import RunRules
from contract_tests.judging.streams import OF_STREAMS, StreamedRun
from contract_tests.target.exchange import TIMEOUTS, TransferError
from contract_tests.target.target import Workflow

MALFORMED = (
    (b"message=%ff%fe&stream=false%", FORM, "bytes that are no UTF-8"),
    (b"&&&===%%%zz", FORM, "broken percent-encoding"),
    (b"--x\r\nbroken", "multipart/form-data", "multipart without a boundary"),
    (b'{"message": ', "application/json", "broken JSON"),
    (
        b'--x\r\nContent-Disposition: form-data; name="stream"\r\n\r\nmaybe\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
        "multipart without a message",
    ),
    (b"message=x", "text/plain; charset=no-such-charset", "an unknown charset"),
    (b"\x00\x01\x02\x03", "application/octet-stream", "four bytes"),
)


@check(Stage.REFUSALS, "error.answered", "error.no-server-error", "error.documented-status")
def malformed(context: Context) -> None:
    """Bodies that are nothing at all. What the answer says is judged as for any answer."""
    for content, content_type, _ in MALFORMED:
        request = context.requests.make(
            context.workflows.any.id, content=content, content_type=content_type
        )
        # Undecodable forms may be read with replacement characters, as the URL standard does: also
        # then these lack a message, or have a stream that is no boolean.
        context.requests.ask(request, Expected.REFUSAL)


@check(
    Stage.PROBES,
    "error.recovery",
    "identity.batch-echo",
    shows=("batch.answered", "routing.known-workflow", "sse.transfer"),
)
def recovery(context: Context) -> None:
    """A good request after bad ones on the same connections, of a user and in a session."""
    workflow = context.workflows.probed
    for _ in range(2):  # the first may do harm that the second shows
        malformed(context)
    user_id, session_id = context.ids.fresh("user"), context.ids.fresh("session")
    rules = RunRules(refused="error.recovery")
    run = context.runs.batch(
        workflow, session_id=session_id, user_id=user_id, rules=rules, once=True
    )
    if run.exchange.status in (401, 403, 404) or run.exchange.error in TIMEOUTS:
        raise CannotDecide(f"a good request was answered with {run.exchange.summary}")
    context.findings.require(
        "error.recovery",
        run.exchange.status == 200,
        f"after malformed requests a good one was answered with {run.exchange.summary}",
        run.exchange,
    )


@check(Stage.PROBES, "error.after-disconnect", runs=3)
def after_disconnect(context: Context) -> None:
    """A client goes away in the middle of a stream, and others come, the second for a server that
    sees late that one is gone; once more where one gets an error, which may be an accident."""
    workflow, lasting = context.workflows.probed, context.workflows.lasting
    fields = (("message", lasting.message), ("stream", "true"))
    rules = RunRules(refused="error.after-disconnect")
    for _ in range(2):
        left = context.client.send(
            replace(context.requests.make(lasting.id, fields), disconnect_after=2)
        )
        if left.error is not TransferError.DISCONNECTED:
            raise CannotDecide(f"a stream to be left was answered with {left.summary}")
        run = context.runs.batch(workflow, rules=rules, once=True)
        if run.exchange.status == 200:
            run = context.runs.batch(workflow, rules=rules, once=True)
        if run.exchange.status == 200:
            break
    context.findings.require(
        "error.after-disconnect",
        run.exchange.status is not None and run.exchange.status < 500,
        f"after a client had left, a good request: {run.exchange.summary}",
        left,
        run.exchange,
    )


AGAIN = 10
"""So many runs in each mode show what a server does in every tenth."""

AGAIN_SLOWLY = 3
"""So many, of a workflow that takes its time."""


@check(Stage.BATCHES, "error.sporadic", shows=OF_STREAMS, runs=2 * AGAIN)
def streams_again(context: Context) -> None:
    """The quickest workflow streamed again and again, as often as other checks did not, and the
    quickest with agents, where that is quick: they say more."""
    probed, with_agents = context.workflows.probed, context.workflows.quick_with_agents
    for workflow in (probed,) if with_agents in (None, probed) else (probed, with_agents):
        for _ in range(_wanted(context) - _count(context.history.all_streams, workflow)):
            context.runs.stream(workflow)


@check(Stage.BATCHES, "error.sporadic", shows=OF_BATCHES, runs=AGAIN)
def batches_again(context: Context) -> None:
    """The same in batch."""
    workflow = context.workflows.probed
    for _ in range(_wanted(context) - _count(context.history.all_batches, workflow)):
        context.runs.batch(workflow)


MOST_FAILED = 3
"""So many requests that failed are sent again."""


@check(Stage.BATCHES, "error.sporadic", runs=MOST_FAILED)
def failed_again(context: Context) -> Iterator[None]:
    """What failed in a check that found nothing wrong, as it was an accident: sent again alone,
    once all others are made."""
    yield
    findings, asked = context.findings, 0
    told = {breach.check for found in findings.breaches.values() for breach in found}
    told |= {one.name for one in CHECKS if one.stage is Stage.REFUSALS}
    for name, failed in list(context.history.failed.items()):
        if name in told or findings.is_broken("error.sporadic"):
            continue
        for exchange in failed[: MOST_FAILED - asked]:
            asked += 1
            again = context.client.send(exchange.request)
            if again.status == 200:
                text = f"it failed with {exchange.summary}, and the same request is answered"
                findings.breach("error.sporadic", text, exchange, again)
                return


def _wanted(context: Context) -> int:
    return AGAIN if context.workflows.is_quick(context.workflows.probed) else AGAIN_SLOWLY


def _count(runs: Iterable[StreamedRun | BatchRun], workflow: Workflow) -> int:
    return sum(run.workflow_id == workflow.id for run in runs)
