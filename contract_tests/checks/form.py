"""The form: what is valid is taken, as it was sent; what is not is refused."""

from __future__ import annotations

from contract_tests.checks.context import Context
from contract_tests.checks.registry import CannotDecide, Stage, check
from contract_tests.judging.answers import Expected
from contract_tests.judging.streams import fails_by_itself
from contract_tests.target.client import Exchange


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
    message = context.any_workflow.message
    for text in ("maybe", "2", "truefalse", "-1"):
        _expect_422(
            context,
            "form.stream-boolean",
            (("message", message), ("stream", text)),
            f"stream={text}",
        )


@check(Stage.REFUSALS, "form.version-integer")
def version_integer(context: Context) -> None:
    """Words that nobody takes for an integer."""
    message = context.any_workflow.message
    for text in ("abc", "1.5", "1,2", "0x"):
        fields = (("message", message), ("stream", "false"), ("version", text))
        _expect_422(context, "form.version-integer", fields, f"version={text}")


@check(Stage.REFUSALS, "form.json-refused")
def json_refused(context: Context) -> None:
    """The same request as JSON."""
    exchange = context.ask(
        context.request(
            context.any_workflow.id,
            content=b'{"message": "x", "stream": false}',
            content_type="application/json",
        )
    )
    context.require(
        "form.json-refused",
        exchange.status is not None and 400 <= exchange.status < 500,
        f"a JSON body: expected a client error, got {exchange.summary}",
        exchange,
    )


@check(Stage.REFUSALS, "form.input-schema")
def input_schema(context: Context) -> None:
    """Messages that break the workflow's input_schema, in both modes."""
    typed = [workflow for workflow in context.target.workflows if workflow.wrong_messages]
    if not typed:
        raise CannotDecide("no workflow has an input_schema")
    for workflow in typed[:3]:
        for mode in ("false", "true"):
            for message in workflow.wrong_messages[:2]:
                fields = (("message", message), ("stream", mode))
                exchange = context.ask(context.request(workflow.id, fields), Expected.ANY)
                context.require(
                    "form.input-schema",
                    exchange.status == 400,
                    f"{workflow.id} with a message that breaks its input_schema, stream={mode}: "
                    f"expected 400, got {exchange.summary}",
                    exchange,
                )


@check(Stage.PROBES, "form.stream-default")
def stream_default(context: Context) -> None:
    """Neither stream=true nor stream=false."""
    context.stream(context.probed_workflow, explicit=False)


@check(Stage.PROBES, "form.message-any-string")
def message_any_string(context: Context) -> None:
    """The empty string is a string. A workflow may fail on it, once it runs."""
    workflow = context.untyped_workflow
    requirement = "form.message-any-string"
    run = context.batch(workflow, message="", requirement=requirement)
    if run.exchange.status is not None and run.exchange.status >= 500:
        streamed = context.start_stream(workflow, message="").result()
        message = f"the empty message: {run.exchange.summary}"
        failed = fails_by_itself(streamed)
        context.require(requirement, failed, message, run.exchange, streamed)
    elif run.exchange.status is None:
        context.require(requirement, False, run.exchange.summary, run.exchange)


@check(Stage.PROBES, "form.version-null")
def version_null(context: Context) -> None:
    """The one way to say null in a form."""
    context.batch(
        context.probed_workflow, extra=(("version", "null"),), requirement="form.version-null"
    )


@check(Stage.PROBES, "form.unknown-fields")
def unknown_fields(context: Context) -> None:
    """A field of next year's version."""
    extra = (("contract_tests_unknown", "1"), ("Ünknöwn", "ä"))
    context.batch(context.probed_workflow, extra=extra, requirement="form.unknown-fields")


def _expect_422(
    context: Context, requirement: str, fields: tuple[tuple[str, str], ...], what: str
) -> Exchange:
    exchange = context.ask(context.request(context.any_workflow.id, fields))
    context.require(
        requirement,
        exchange.status == 422,
        f"a form {what}: expected 422, got {exchange.summary}",
        exchange,
    )
    return exchange
