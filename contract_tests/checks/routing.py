"""Routing: which workflow, which method."""

from __future__ import annotations

from agentos_contract.json_values import mapping, parse_object
from contract_tests.checks.context import Context
from contract_tests.checks.registry import check
from contract_tests.checks.stages import Stage
from contract_tests.judging.answers import Expected
from contract_tests.target.exchange import Exchange
from contract_tests.target.target import unknown_workflow_id


@check(Stage.REFUSALS, "routing.unknown-workflow")
def unknown_workflow(context: Context) -> None:
    """A workflow that no server has, one whose id merely begins like a real one's, and one whose id
    differs from it in case."""
    known = context.workflows.any.id
    ids = {workflow.id for workflow in context.target.workflows}
    unknown = [unknown_workflow_id(), f"{known}-{context.seed:x}-x", known.swapcase()]
    for workflow_id in unknown:
        if workflow_id in ids:
            continue
        for mode in ("false", "true"):
            request = context.requests.make(workflow_id, (("message", "x"), ("stream", mode)))
            what = f"no workflow has the id {workflow_id}"
            context.requests.expect("routing.unknown-workflow", 404, what, request)


@check(Stage.REFUSALS, "routing.method-not-allowed", "routing.allow-header")
def method_not_allowed(context: Context) -> None:
    """Methods that the document does not list for the path.

    A later version may well have GET: AgentOS from 2.6 on lists runs, of a session that the query
    must name, so a GET that is answered with success, or that misses something in its query, says
    nothing. DELETE is never sent: it might do what it says.
    """
    path = context.document.content["paths"][context.document.run_operation.path]
    for method in ("PUT", "PATCH", "GET"):
        if method.lower() in path:
            continue
        request = context.requests.make(context.workflows.any.id, method=method)
        exchange = context.client.send(request)
        if method == "GET" and _is_operation(exchange):
            continue
        # What a status other than 405 says is judged here.
        judgement = context.answers.judge(exchange, Expected.ANY, is_documented=False)
        context.findings.record(judgement)
        context.findings.require(
            "routing.method-not-allowed",
            exchange.status == 405,
            f"{method}: expected 405, got {exchange.summary}",
            exchange,
        )
        if exchange.status == 405:
            allowed = exchange.headers.get("allow", "")
            names = {name.strip().upper() for name in allowed.split(",")}
            context.findings.require(
                "routing.allow-header",
                "POST" in names and method not in names,
                f"{method}: the 405 has {'Allow: ' + allowed if allowed else 'no Allow header'}",
                exchange,
            )


def _is_operation(exchange: Exchange) -> bool:
    """Whether the path has this method, beyond what the document says: it was answered, or asks for
    a parameter in the query, as FastAPI says it."""
    if exchange.status == 422:
        missed = (parse_object(exchange.body) or {}).get("detail")
        places = [mapping(one).get("loc") for one in missed] if isinstance(missed, list) else []
        return any(isinstance(place, list) and place[:1] == ["query"] for place in places)
    return exchange.status is not None and exchange.status < 400
