"""What becomes of a form's bytes: every text arrives whole and as it was sent, however it is sent.

Each run here takes a message or id that a careless server reads as something else. A workflow that
fails on such a message is another matter (its step may want a topic): where a run fails in batch
and as a stream does not fail before it begins, that is not the server's decoding.
"""

from __future__ import annotations

from urllib.parse import quote

from agentos_contract.document import FORM
from agentos_contract.json_values import unlike
from contract_tests.checks.context import Context
from contract_tests.checks.listed import listed_runs
from contract_tests.checks.registry import check
from contract_tests.checks.requests import Fields
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.forms.texts import (
    EVERYTHING,
    LONG_CHARACTERS,
    LONG_ID_CHARACTERS,
    LOOKALIKES,
    MEDIUM_CHARACTERS,
    TEXTS,
    VERY_LONG_CHARACTERS,
    lines,
)
from contract_tests.judging.batches import BatchRun
from contract_tests.judging.rules import RunRules
from contract_tests.judging.streams import fails_by_itself
from contract_tests.target.exchange import Exchange

TEXT_KEPT = RunRules(refused="form.text-kept")
UNANSWERED = (None, 401, 403, 404)
"""What says nothing of a form's texts."""

QUICK_SECONDS = 2.0
"""A server that takes longer over a long message is not sent one that is far longer."""


@check(Stage.PROBES, "form.text-kept", runs=10)
def text_kept(context: Context) -> None:
    """A message with everything that a careless server reads as something else, in both modes;
    where that is not kept, each part by itself."""
    workflow = context.workflows.untyped
    session_id, what = context.ids.fresh("session"), "a message with all sorts of text"
    run = context.runs.batch(workflow, message=EVERYTHING, session_id=session_id, rules=TEXT_KEPT)
    _judge_arrival(context, "form.text-kept", EVERYTHING, run, what)
    if context.findings.is_broken("form.text-kept"):
        for what, text in TEXTS.items():
            run = context.runs.batch(workflow, message=text, rules=TEXT_KEPT)
            _judge_arrival(context, "form.text-kept", text, run, f"a message with {what}")
        return
    if run.body:
        run_id = str(run.body.get("run_id"))
        _judge_listed(context, f"{what}, in batch,", EVERYTHING, session_id, run_id, run.exchange)
        _judge_stream(context, "form.text-kept", what, EVERYTHING)


@check(Stage.PROBES, "form.text-kept", "identity.ids-kept", runs=12)
def words_kept(context: Context) -> None:
    """Texts that are values for whoever guesses types: as message and as user_id. As session_id
    they are not sent: a session of that name may be somebody's."""
    workflow = context.workflows.untyped
    echo = context.findings.unless_broken("identity.ids-kept", "identity.batch-echo")
    count = len(LOOKALIKES) if context.workflows.is_quick(workflow) else 3
    for message, user_id in LOOKALIKES[:count]:
        fields = (("message", message), ("stream", "false"), ("user_id", user_id))
        exchange = _send(context, fields)
        what = f"the message {message!r}"
        if exchange is None:
            return
        if exchange.status == 200:
            rules = RunRules(echo=echo)
            judgement, _ = context.judge.batch(workflow, exchange, rules, message=message)
            context.findings.record(judgement)
            continue
        # Which of the two it is about: the message by itself is asked for once more.
        alone = context.runs.batch(workflow, message=message, rules=TEXT_KEPT)
        _judge_arrival(context, "form.text-kept", message, alone, what)
        if alone.exchange.status == 200:
            text = f"{what} is taken, but not with the user_id {user_id!r}: {exchange.summary}"
            context.findings.require("identity.ids-kept", False, text, exchange, alone.exchange)
    message, user_id = "null", "None"
    what = f"the message {message!r} with the user_id {user_id!r}"
    _judge_stream(context, "form.text-kept", what, message, (("user_id", user_id),))


@check(Stage.PROBES, "form.long-message", "form.length-limit", runs=7)
def long_message(context: Context) -> None:
    """Long, then longer than 64 KiB, and no two parts alike; then far longer, in both modes."""
    workflow = context.workflows.untyped
    medium = _judge_long(context, MEDIUM_CHARACTERS)
    more = medium.exchange.seconds - context.workflows.seconds(workflow)
    expected = more * LONG_CHARACTERS / MEDIUM_CHARACTERS
    # What repeats it word by word, as a model may, takes as long as it is long.
    if expected > context.client.limits.idle / 2:
        raise CannotDecide(
            f"a message of {MEDIUM_CHARACTERS} characters took {more:.1f} s longer than a short "
            f"one: one of {LONG_CHARACTERS} would take some {expected:.0f} s"
        )
    _judge_lengths(context, _judge_long(context, LONG_CHARACTERS))


def _judge_long(context: Context, characters: int) -> BatchRun:
    """The run of a message of so many characters, which arrived. Raises CannotDecide."""
    text = lines(characters)
    rules = RunRules(refused="form.long-message", input="form.long-message")
    run = context.runs.batch(context.workflows.untyped, message=text, rules=rules)
    what = f"a message of {len(text)} characters"
    if run.exchange.status == 413:
        message = f"{what}: {run.exchange.summary}"
        context.findings.require("form.long-message", False, message, run.exchange)
    else:
        _judge_arrival(context, "form.long-message", text, run, what)
    if run.exchange.status != 200 or context.findings.is_broken("form.long-message"):
        raise CannotDecide(f"{what} did not arrive")
    return run


def _judge_lengths(context: Context, long: BatchRun) -> None:
    """Whether what is far longer arrives, or is refused. A server may have its limits."""
    workflow = context.workflows.untyped
    if not long.body:
        raise CannotDecide("no batch run had a body that a message could be read from")
    if long.exchange.seconds > QUICK_SECONDS:
        raise CannotDecide(f"{LONG_CHARACTERS} characters took {long.exchange.seconds:.1f} s")
    _judge_length(
        context, f"ids of {LONG_ID_CHARACTERS} characters", workflow.message, long_ids=True
    )
    text = lines(VERY_LONG_CHARACTERS)
    # How often an answer repeats it is seen by now; a stream tells all of it several times.
    size = 4 * len(long.exchange.received) * len(text) // LONG_CHARACTERS
    # A model would be asked to read it, which is expensive.
    if size <= context.client.limits.max_bytes and not context.workflows.asks_models(workflow):
        _judge_length(context, f"a message of {len(text)} characters", text)


def _judge_length(context: Context, what: str, message: str, *, long_ids: bool = False) -> None:
    def ids() -> Fields:
        fresh = [(f"{kind}_id", context.ids.fresh(kind)) for kind in ("session", "user")]
        return [(name, f"{text}{'-0123456789' * 200}"[:LONG_ID_CHARACTERS]) for name, text in fresh]

    workflow = context.workflows.untyped
    exchange = _send(
        context, [("message", message), ("stream", "false"), *(ids() if long_ids else ())]
    )
    if exchange is None:
        return
    if exchange.status is not None and 400 <= exchange.status < 500:
        context.findings.exercise("form.length-limit", exchanges=[exchange])
        return
    echo = context.findings.unless_broken("form.length-limit", "identity.batch-echo")
    rules = RunRules(input=None if long_ids else "form.length-limit", echo=echo)
    judgement, run = context.judge.batch(workflow, exchange, rules, message=message)
    context.findings.record(judgement)
    if message != workflow.message:
        _judge_arrival(context, "form.length-limit", message, run, what)
    elif not run.body:
        context.findings.require(
            "form.length-limit", False, f"{what}: {exchange.summary}", exchange
        )
    if run.body:
        fields = ids() if long_ids else ()
        _judge_stream(context, "form.length-limit", what, message, fields)


def _send(context: Context, fields: Fields) -> Exchange | None:
    """The answer, a second one where the server fails; None where it says nothing of texts."""
    request = context.requests.make(context.workflows.untyped.id, fields)
    exchange = context.client.send(request)
    if exchange.status is not None and exchange.status >= 500:
        exchange = context.client.send(request)
    is_answer = exchange.status not in UNANSWERED and exchange.error is None
    return exchange if is_answer else None


@check(Stage.PROBES, "form.broken-characters", runs=4)
def broken_characters(context: Context) -> None:
    """Bytes that are no UTF-8, in a form that is good otherwise: refused, or read with replacement
    characters, as the URL standard does."""
    workflow = context.workflows.untyped
    plain, session = quote(workflow.message), context.ids.fresh("session")
    for content, what in (
        (f"message={plain}%ED%A0%BD&stream=false", "half of a surrogate pair"),
        (f"message={plain}%F0%9F%98&stream=false", "a character without its last byte"),
        (
            f"message={plain}&stream=false&user_id=%ED%B8%80&session_id={session}%C3",
            "the same as ids",
        ),
    ):
        request = context.requests.make(
            workflow.id, content=content.encode("ascii"), content_type=FORM
        )
        exchange = context.requests.ask_steadily(request)
        if exchange.status is None or exchange.status >= 500:
            message = f"a form with {what}: {exchange.summary}"
            context.findings.require("form.broken-characters", False, message, exchange)
        else:
            context.findings.exercise("form.broken-characters", exchanges=[exchange])


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


def _judge_stream(
    context: Context, requirement: str, what: str, message: str, ids: Fields = ()
) -> None:
    """What was taken in batch is taken as a stream, and arrives, as the list of the session's runs
    has it."""
    workflow = context.workflows.untyped
    session_id = context.ids.fresh("session") if requirement == "form.text-kept" else None
    exchange = context.runs.start_stream(
        workflow, message=message, extra=ids, session_id=session_id
    ).result()
    if exchange.status is not None and exchange.status >= 400:
        if exchange.status not in UNANSWERED:
            text = f"{what}: taken in batch, and as a stream answered with {exchange.summary}"
            context.findings.require(requirement, False, text, exchange)
        return
    simpler = "identity.session-id"
    rules = RunRules(
        session_id=context.findings.unless_broken(requirement, simpler) if ids else simpler
    )
    run = context.runs.judge_stream(workflow, exchange, rules)
    if run is not None and session_id is not None:
        what = f"{what}, in a stream,"
        _judge_listed(context, what, message, session_id, run.run_id, exchange)


def _judge_listed(
    context: Context,
    what: str,
    message: str,
    session_id: str,
    run_id: str | None,
    exchange: Exchange,
) -> None:
    """Whether the list of a session's runs has a run's message, where the server lists them."""
    listed = listed_runs(context, session_id)
    given = listed.input_of(run_id) if listed is not None else None
    if listed is not None and given is not None:
        text, kept = _arrived(message, given, what), given == message
        context.findings.require("form.text-kept", kept, text, exchange, listed.exchange)
