"""The form: what is valid is taken, as it was sent; what is not is refused."""

from __future__ import annotations

from contract_tests.checks.context import Context
from contract_tests.checks.registry import check
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.judging.answers import Expected
from contract_tests.judging.rules import RunRules
from contract_tests.judging.streams import fails_by_itself
from contract_tests.target.exchange import Exchange
from contract_tests.target.target import Workflow
from contract_tests.target.wrong_messages import WrongMessage

MODES = ("false", "true")

MOST_RUNS = 8
"""That messages with one wrong keyword may start, of a server that does not refuse them."""


@check(Stage.REFUSALS, "form.message-required")
def message_required(context: Context) -> None:
    """No message: another field only, another name, no field at all."""
    for fields in (
        (("stream", "false"),),
        (("stream", "true"),),
        (("Message", "x"), ("stream", "false")),
        (),
    ):
        _expect_422(context, "form.message-required", fields, "without message")


@check(Stage.REFUSALS, "form.stream-boolean")
def stream_boolean(context: Context) -> None:
    """Words that nobody takes for a boolean."""
    message = context.workflows.any.message
    for text in ("maybe", "2", "truefalse", "-1"):
        fields = (("message", message), ("stream", text))
        _expect_422(context, "form.stream-boolean", fields, f"stream={text}")


@check(Stage.REFUSALS, "form.version-integer")
def version_integer(context: Context) -> None:
    """Words that nobody takes for an integer."""
    message = context.workflows.any.message
    for text in ("abc", "1.5", "1,2", "0x"):
        fields = (("message", message), ("stream", "false"), ("version", text))
        _expect_422(context, "form.version-integer", fields, f"version={text}")


@check(Stage.REFUSALS, "form.json-refused")
def json_refused(context: Context) -> None:
    """The same request as JSON."""
    request = context.requests.make(
        context.workflows.any.id,
        content=b'{"message": "x", "stream": false}',
        content_type="application/json",
    )
    exchange = context.requests.ask(request)
    context.findings.require(
        "form.json-refused",
        exchange.status is not None and 400 <= exchange.status < 500,
        f"a JSON body: expected a client error, got {exchange.summary}",
        exchange,
    )


@check(Stage.REFUSALS, "form.input-schema", tries_each_workflow=True, runs=12)
def input_schema(context: Context) -> None:
    """Messages that break the workflow's input_schema, in both modes: two that are wrong as a
    whole, then one for each keyword."""
    typed = [workflow for workflow in context.target.workflows if workflow.wrong_messages]
    if not typed:
        raise CannotDecide("no workflow has an input_schema")
    for workflow in typed[:3]:
        for mode in MODES:
            for wrong in workflow.wrong_messages[:2]:
                fields = (("message", wrong.text), ("stream", mode))
                request = context.requests.make(workflow.id, fields)
                what = f"{workflow.id} with a message that breaks its input_schema, stream={mode}"
                context.requests.expect("form.input-schema", 400, what, request, Expected.ANY)
    runs_left = MOST_RUNS
    for workflow in typed[:3]:
        runs_left = _each_keyword(context, workflow, runs_left)


def _each_keyword(context: Context, workflow: Workflow, runs_left: int) -> int:
    """A message for each keyword, which no run may take. Which status refuses it was seen by those
    that are wrong as a whole. Returns how many more runs may be started so."""
    taken: dict[str, list[WrongMessage]] = {}
    shown: dict[str, Exchange] = {}
    asked = [(one, mode) for one in workflow.wrong_messages if one.keyword for mode in MODES]
    for wrong, mode in asked:
        if runs_left <= 0 or context.client.budget.left <= 0:
            break
        fields = (("message", wrong.text), ("stream", mode))
        exchange = context.requests.ask(context.requests.make(workflow.id, fields), Expected.ANY)
        status = exchange.status or 0
        runs_left -= status == 200 or status >= 500
        if status == 200 and not fails_by_itself(exchange):
            taken.setdefault(mode, []).append(wrong)
            shown.setdefault(mode, exchange)
    if taken:
        told = [f"stream={mode}: {', '.join(map(str, wrongs))}" for mode, wrongs in taken.items()]
        message = f"{workflow.id} takes messages that break its input_schema by one keyword, "
        context.findings.breach("form.input-schema", message + "; ".join(told), *shown.values())
    return runs_left


@check(Stage.PROBES, "form.stream-default")
def stream_default(context: Context) -> None:
    """Neither stream=true nor stream=false."""
    context.runs.stream(context.workflows.probed, explicit=False)


@check(Stage.PROBES, "form.stream-boolean", runs=1)
def stream_false(context: Context) -> None:
    """As Python writes false. A server need not take that; one that goes by any text but "" being
    true streams."""
    workflow = context.workflows.probed
    fields = (("message", workflow.message), ("stream", "False"))
    exchange = context.client.send(context.requests.make(workflow.id, fields))
    context.findings.require(
        "form.stream-boolean",
        not (exchange.status == 200 and exchange.is_stream),
        "stream=False was answered with a stream",
        exchange,
    )


@check(Stage.PROBES, "form.message-any-string")
def message_any_string(context: Context) -> None:
    """The empty string is a string. A workflow may fail on it, once it runs."""
    workflow = context.workflows.untyped
    requirement = "form.message-any-string"
    run = context.runs.batch(workflow, message="", rules=RunRules(refused=requirement))
    if run.exchange.status is not None and run.exchange.status >= 500:
        streamed = context.runs.start_stream(workflow, message="").result()
        message = f"the empty message: {run.exchange.summary}"
        failed = fails_by_itself(streamed)
        context.findings.require(requirement, failed, message, run.exchange, streamed)
    elif run.exchange.status is None:
        context.findings.require(requirement, False, run.exchange.summary, run.exchange)


@check(Stage.PROBES, "form.version-null")
def version_null(context: Context) -> None:
    """The one way to say null in a form."""
    rules = RunRules(refused="form.version-null")
    context.runs.batch(context.workflows.probed, extra=(("version", "null"),), rules=rules)


@check(Stage.PROBES, "form.unknown-fields")
def unknown_fields(context: Context) -> None:
    """A field of next year's version."""
    extra = (("contract_tests_unknown", "1"), ("Ünknöwn", "ä"))
    rules = RunRules(refused="form.unknown-fields")
    context.runs.batch(context.workflows.probed, extra=extra, rules=rules)


def _expect_422(
    context: Context, requirement: str, fields: tuple[tuple[str, str], ...], what: str
) -> None:
    request = context.requests.make(context.workflows.any.id, fields)
    context.requests.expect(requirement, 422, f"a form {what}", request)
