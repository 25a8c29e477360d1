"""What a page of another origin needs: CORS, as browsers hold to it (Fetch standard, section 3.2).

Needs the page's origin (--browser-origin): which pages a server lets read is its owner's affair.
"""

from __future__ import annotations

from dataclasses import replace

from contract_tests.checks.context import Context
from contract_tests.checks.registry import check
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.judging.answers import Expected
from contract_tests.target.exchange import Exchange, Request
from contract_tests.target.operations import companion_request
from contract_tests.target.target import unknown_workflow_id

OTHER_ORIGIN = "https://contract-tests.invalid"

NOTHING_READABLE = "a page may not read a run, whatever else it may"

ALLOW_ORIGIN = "access-control-allow-origin"


@check(
    Stage.PROBES,
    "browser.readable",
    "browser.one-origin",
    "browser.credentials",
    needs="browser_origin",
)
def readable_runs(context: Context) -> None:
    """A run as a stream, and one in batch."""
    workflow = context.workflows.probed
    for stream, what in (("true", "a stream"), ("false", "a batch run")):
        fields = (("message", workflow.message), ("stream", stream))
        request = context.requests.make(workflow.id, fields)
        exchange = context.client.send(_of_page(context, request))
        if exchange.is_stream:
            context.runs.judge_stream(workflow, exchange)
        if exchange.status == 200:
            _require_readable(context, "browser.readable", what, exchange)


@check(Stage.PROBES, "browser.errors-readable", needs="browser_origin")
def readable_errors(context: Context) -> None:
    """Refusals, which a page has to tell from one another."""
    workflow = context.workflows.any
    wrong_form = (("message", workflow.message), ("stream", "maybe"))
    refused = [
        (context.requests.make(unknown_workflow_id(), (("message", "x"),)), "an unknown workflow"),
        (context.requests.make(workflow.id, wrong_form), "a wrong form"),
    ]
    if context.client.token is not None:
        good = (("message", workflow.message), ("stream", "true"))
        request = context.requests.make(workflow.id, good, authorization=None)
        refused.append((request, "no token"))
    refused = [(_of_page(context, request), what) for request, what in refused]
    if _reads_nothing(context):
        raise CannotDecide(NOTHING_READABLE)
    for request, what in refused:
        exchange = context.requests.ask(request, Expected.ANY)
        if exchange.status is not None and exchange.status >= 400:
            _require_readable(context, "browser.errors-readable", what, exchange)


@check(Stage.PROBES, "browser.preflight", needs="browser_origin")
def preflight(context: Context) -> None:
    """What a browser asks before a page's request that is no plain form: without a token, as it
    never sends one there."""
    request = context.requests.make(context.workflows.any.id, method="OPTIONS", authorization=None)
    header = "authorization" if context.client.token is not None else "content-type"
    asked = (("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", header))
    request = _of_page(context, request, *asked)
    if _reads_nothing(context):
        raise CannotDecide(NOTHING_READABLE)
    exchange = context.client.send(request)
    if exchange.status is None:
        raise CannotDecide(exchange.error_message or exchange.summary)
    if _is_allowed_twice(context, "the preflight of a run", exchange):
        return
    problem = _denied(context, exchange) or _unnamed(header, exchange)
    if not 200 <= exchange.status < 300:
        problem = f"it is answered with {exchange.summary}, and a browser then sends no request"
    context.findings.require(
        "browser.preflight", not problem, f"the preflight of a run: {problem}", exchange
    )


@check(Stage.PROBES, "browser.vary", needs="browser_origin")
def varies_by_origin(context: Context) -> None:
    """What caches may keep: the list of workflows, asked for by two pages."""
    if "get_workflows" not in context.document.operations:
        raise CannotDecide("the document has no list of workflows")
    listed = companion_request(context.document, "get_workflows")
    named = context.client.send(_of_page(context, listed))
    other = context.client.send(replace(listed, headers=(("Origin", OTHER_ORIGIN),)))
    allowed, to_another = (one.headers.get_list(ALLOW_ORIGIN) for one in (named, other))
    if allowed != [context.browser_origin] or to_another == allowed:
        raise CannotDecide("every page gets the same answer")
    varies = named.headers.get("vary", "not there")
    message = f"which origin is allowed depends on who asks, and Vary is {varies}"
    kept = not {"origin", "*"}.isdisjoint(_names(named, "vary"))
    context.findings.require("browser.vary", kept, message, named)


def _of_page(context: Context, request: Request, *headers: tuple[str, str]) -> Request:
    """A request as a page of the origin makes it."""
    assert context.browser_origin is not None  # without one the checks are not made
    return replace(request, headers=(("Origin", context.browser_origin), *headers))


def _reads_nothing(context: Context) -> bool:
    """Whether neither a stream nor a batch run could be read: one cause, of which the rest says
    nothing new."""
    return len(context.findings.breaches.get("browser.readable", ())) > 1


def _require_readable(context: Context, requirement: str, what: str, exchange: Exchange) -> None:
    if _is_allowed_twice(context, what, exchange):
        return
    problem = _denied(context, exchange)
    context.findings.require(requirement, not problem, f"{what}: {problem}", exchange)
    with_credentials = exchange.headers.get("access-control-allow-credentials") == "true"
    message = f"{what}: credentials are allowed, and the origin is `*`, which excludes them"
    kept = not with_credentials or exchange.headers.get_list(ALLOW_ORIGIN) != ["*"]
    context.findings.require("browser.credentials", kept, message, exchange)


def _is_allowed_twice(context: Context, what: str, exchange: Exchange) -> bool:
    allowed = exchange.headers.get_list(ALLOW_ORIGIN)
    message = f"{what}: {ALLOW_ORIGIN} is there {len(allowed)} times: {', '.join(allowed)}"
    context.findings.require("browser.one-origin", len(allowed) < 2, message, exchange)
    return len(allowed) > 1


def allows(exchange: Exchange, origin: str | None) -> bool:
    """Whether a page of the origin may read an answer: that or `*` is allowed, and said once."""
    return exchange.headers.get_list(ALLOW_ORIGIN) in ([origin], ["*"])


def _denied(context: Context, exchange: Exchange) -> str:
    """Why a page of the origin cannot read this; empty where it can."""
    origin, allowed = context.browser_origin, exchange.headers.get_list(ALLOW_ORIGIN)
    if allows(exchange, origin):
        return ""
    said = f"it is {', '.join(allowed)}" if allowed else "it is not there"
    return f"a page of {origin} may not read this: expected {ALLOW_ORIGIN}: {origin}, and {said}"


def _unnamed(header: str, preflight: Exchange) -> str:
    """Why a page cannot send that header; empty where it can."""
    names = _names(preflight, "access-control-allow-headers")
    if header in names or ("*" in names and header != "authorization"):
        return ""
    star = ", in which `*` has no part" if "*" in names else ""
    return f"expected access-control-allow-headers to name {header}{star}"


def _names(exchange: Exchange, header: str) -> set[str]:
    return {name.strip().lower() for name in exchange.headers.get_list(header, split_commas=True)}
