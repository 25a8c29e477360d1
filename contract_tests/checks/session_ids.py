"""Sessions whose ids are nearly the same are sessions of their own.

Where a server takes two ids for one shows in the list of a session's runs, which has the other's
then: that it answers with the id it was asked for (identity.ids-kept) says nothing of how it keeps
it.
"""

from __future__ import annotations

from agentos_contract.json_values import mapping, parse_json
from contract_tests.checks.context import Context
from contract_tests.checks.listed import listed_runs
from contract_tests.checks.registry import check
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.target.exchange import Exchange

LONG = 300
"""Characters that two ids have in common: more than a column of 64, 128 or 255."""


@check(Stage.PROBES, "session.apart", shows=("session.continuity",), runs=7)
def alike_sessions(context: Context) -> None:
    """A run in each of seven sessions: an id, the same with capitals, with a space behind, with an
    accent, with more after a slash; a long one and another with the same beginning. All begin as
    the tests' own do."""
    if "get_session_runs" not in context.document.operations:
        raise CannotDecide("the document does not list a session's runs")
    its_own = context.ids.fresh("session")
    plain = f"{its_own}-ab"
    alike = (
        (f"{its_own}-AB", "differs in case only"),
        (f"{plain} ", "has a space behind"),
        (f"{its_own}-\u00e4b", "differs in an accent only"),
        (f"{plain}/x", "has a slash and more behind"),
    )
    long = context.ids.fresh("session").ljust(LONG, "-")
    decided = False
    for first, others in (
        (plain, alike),
        (f"{long}a", ((f"{long}b", f"differs after {LONG} characters"),)),
    ):
        its = _run(context, first)
        besides = [(_run(context, other), how) for other, how in others] if its else []
        if its is None or not any(run for run, _ in besides):
            continue
        listed = listed_runs(context, first)
        if listed is None:
            continue
        if not listed.has(its[0]):
            # Of streams continuity has asked that; a long id may be more than is listed by.
            if first == plain and not context.findings.is_broken("session.continuity"):
                text = f"the session {first} does not have the batch run {its[0]}"
                context.findings.require("session.continuity", False, text, its[1], listed.exchange)
            continue
        for run, how in besides:
            if run is not None and run[0] != its[0]:  # else nobody can say whose it is
                decided = True
                text = f"a session lists the run {run[0]} of another session, whose id {how}"
                exchanges = its[1], run[1], listed.exchange
                is_apart = not listed.has(run[0])
                context.findings.require("session.apart", is_apart, text, *exchanges)
    if not decided:
        raise CannotDecide("the server lists no runs of a session that was made for that")


def _run(context: Context, session_id: str) -> tuple[str, Exchange] | None:
    """The id of a batch run in that session; None where the server does not take such an id, or
    says another: both are judged elsewhere."""
    workflow = context.workflows.probed
    ids = (("session_id", session_id), ("stream", "false"))
    request = context.requests.make(workflow.id, (("message", workflow.message), *ids))
    exchange = context.client.send(request)
    body = mapping(parse_json(exchange.body)) if exchange.status == 200 else {}
    run_id = body.get("run_id")
    is_its = isinstance(run_id, str) and body.get("session_id") == session_id
    return (run_id, exchange) if is_its and isinstance(run_id, str) else None
