"""What becomes of a form's bytes: every text arrives whole and as it was sent, however it is sent.

Each run here takes a message or id that a careless server reads as something else. A workflow that
fails on such a message is another matter (its step may want a topic): where a run fails in batch
and as a stream does not fail before it begins, that is not the server's decoding.
"""

from __future__ import annotations

from agentos_contract.document import FORM
from agentos_contract.json_values import unlike
from contract_tests.checks.context import Context
from contract_tests.checks.registry import check
from contract_tests.checks.stages import Stage
from contract_tests.forms.texts import LONG_CHARACTERS, TRICKY
from contract_tests.judging.batches import BatchRun
from contract_tests.judging.rules import RunRules
from contract_tests.judging.streams import fails_by_itself
from contract_tests.target.exchange import Exchange

TEXT_KEPT = RunRules(refused="form.text-kept")


@check(Stage.PROBES, "form.text-kept")
def text_kept(context: Context) -> None:
    """A message with everything that a careless server reads as something else."""
    run = context.runs.batch(context.workflows.untyped, message=TRICKY, rules=TEXT_KEPT)
    _judge_arrival(context, "form.text-kept", TRICKY, run, "a message with unusual characters")


@check(Stage.PROBES, "form.text-kept")
def digits_kept(context: Context) -> None:
    """A message that is a number for whoever guesses types: it is a text all the same."""
    text = "007"
    run = context.runs.batch(context.workflows.untyped, message=text, rules=TEXT_KEPT)
    _judge_arrival(context, "form.text-kept", text, run, "a message of digits")


@check(Stage.PROBES, "form.long-message")
def long_message(context: Context) -> None:
    """Longer than 64 KiB, and no two parts alike."""
    number, text = 0, ""
    while len(text) < LONG_CHARACTERS:
        number += 1
        text += f"line {number} of a long message\n"
    text = text.rstrip()
    run = context.runs.batch(
        context.workflows.untyped,
        message=text,
        rules=RunRules(refused="form.long-message", input="form.long-message"),
    )
    what = f"a message of {len(text)} characters"
    if run.exchange.status == 413:
        context.findings.require(
            "form.long-message", False, f"{what}: {run.exchange.summary}", run.exchange
        )
    else:
        _judge_arrival(context, "form.long-message", text, run, what)


@check(Stage.PROBES, "form.control-characters")
def control_characters(context: Context) -> None:
    """NUL and its kin: kept, or refused; not cut off, left out or stumbled over."""
    workflow = context.workflows.untyped
    text = "before\0after \x01\x1b[1m\x7f end"
    fields = (("message", text), ("stream", "false"))
    exchange = context.requests.ask_steadily(context.requests.make(workflow.id, fields))
    if exchange.status is not None and 400 <= exchange.status < 500:
        context.findings.exercise("form.control-characters", exchanges=[exchange])
        return
    _, run = context.judge.batch(workflow, exchange)
    _judge_arrival(context, "form.control-characters", text, run, "a message with NUL")


@check(Stage.PROBES, "form.repeated-field")
def repeated_field(context: Context) -> None:
    """A message that comes twice: servers take the first or the last, or refuse the form."""
    workflow = context.workflows.untyped
    texts = [f"{workflow.message} ({which})" for which in ("first", "last")]
    fields = [("message", texts[0]), ("stream", "false"), ("message", texts[1])]
    exchange = context.requests.ask_steadily(context.requests.make(workflow.id, fields))
    status = exchange.status
    if status is None or status in (401, 403, 404):
        return
    if status == 200:
        said = context.judge.batch(workflow, exchange)[1].body.get("input", texts[0])
        message = f"the messages {texts} arrived as {said!r}"
        context.findings.require("form.repeated-field", said in texts, message, exchange)
    else:
        message = f"a message that comes twice: {exchange.summary}"
        context.findings.require("form.repeated-field", status < 500, message, exchange)


@check(Stage.PROBES, "form.media-type")
def media_type(context: Context) -> None:
    """The form's media type with a parameter, as many clients send it."""
    context.runs.batch(
        context.workflows.probed,
        content_type=f"{FORM}; charset=UTF-8",
        rules=RunRules(refused="form.media-type"),
    )


@check(Stage.PROBES, "form.empty-session")
def empty_session(context: Context) -> None:
    """session_id= names no session: the run gets one of its own, or the form is refused."""
    workflow = context.workflows.probed
    fields = [("message", workflow.message), ("stream", "false"), ("session_id", "")]
    found: list[tuple[Exchange, str]] = []
    for _ in range(2):
        exchange = context.requests.ask_steadily(context.requests.make(workflow.id, fields))
        if exchange.status != 200:
            break
        body = context.judge.batch(workflow, exchange)[1].body
        if "session_id" in body:
            found.append((exchange, str(body["session_id"] or "")))
    if not found or context.findings.is_broken("identity.session-id-fresh"):
        return
    (first, one), (last, other) = found[0], found[-1]
    context.findings.require(
        "form.empty-session",
        bool(one and other) and (one != other or first is last),
        f"runs with an empty session_id are of the sessions {one!r} and {other!r}",
        first,
        last,
    )


def _judge_arrival(context: Context, requirement: str, text: str, run: BatchRun, what: str) -> None:
    """Whether a message arrived; the same workflow ran with a plain one."""
    exchange = run.exchange
    if exchange.status is None:
        context.findings.require(requirement, False, f"{what}: {exchange.summary}", exchange)
    elif exchange.status >= 500:
        streamed = context.runs.start_stream(context.workflows.untyped, message=text).result()
        if not fails_by_itself(streamed):
            context.findings.require(
                requirement, False, f"{what}: {exchange.summary}", exchange, streamed
            )
    elif exchange.status == 200 and "input" in run.body:
        said = run.body["input"]
        context.findings.require(requirement, said == text, _arrived(text, said, what), exchange)


def _arrived(text: str, said: object, what: str) -> str:
    if not isinstance(said, str):
        return f"{what} arrived as {type(said).__name__}"
    sent, came = unlike(text, said)
    if len(text) < 1000:
        return f"the message was {sent} and arrived as {came}"
    return f"{what} arrived as {len(said)}: {sent} was sent where {came} came"
