"""Authentication: who is let in. Needs the right token; a server without a key has nothing to show.

Given a token, the server is expected to demand one: whoever runs the tests with `--token` says
that it has a key, and one that lets everybody in is what these checks are for.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import replace

from agentos_contract.document import Document
from contract_tests.checks.context import Context
from contract_tests.checks.registry import check
from contract_tests.checks.requests import Fields
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.judging.answers import Expected
from contract_tests.target.curl import TOKEN_IN_SHELL
from contract_tests.target.exchange import Authorization, Request
from contract_tests.target.operations import cancel_run, read_run, read_session, read_state
from contract_tests.target.target import unknown_workflow_id

_MODES: tuple[tuple[Fields, str], ...] = (
    ((("stream", "false"),), "in batch"),
    ((("stream", "true"),), "as a stream"),
    ((), "without stream"),
)
"""A server that tells who is let in apart for each mode may do so for one alone."""

UNKNOWN_RUN = "contract-tests-no-such-run"


@check(
    Stage.REFUSALS, "authentication.token-required", "authentication.token-secret", needs="token"
)
def token_required(context: Context) -> None:
    """Valid requests without a token, in each mode, and with what only looks like one."""
    requirement = "authentication.token-required"
    _expect_401(context, requirement, None, "no token", modes=_MODES)
    value = context.ids.fresh("key")
    for header in (
        ("X-API-Key", value),
        ("Cookie", f"session={value}; token={value}"),
        ("X-Forwarded-For", "127.0.0.1"),
    ):
        if context.client.always_sends(header[0]):
            continue  # a gateway before the server wants the user's own
        what = f"no token, and the header {header[0]}"
        _expect_401(context, requirement, None, what, headers=(header,))
    if not _is_open(context) and "cancel_workflow_run" in context.document.operations:
        request = cancel_run(context.document, context.workflows.any.id, UNKNOWN_RUN)
        exchange = context.client.send(replace(request, authorization=None))
        message = f"a run cancelled without a token: {exchange.summary}"
        is_kept = exchange.status is None or exchange.status >= 300
        context.findings.require(requirement, is_kept, message, exchange)


@check(Stage.REFUSALS, "authentication.wrong-token", "authentication.token-secret", needs="token")
def wrong_token(context: Context) -> None:
    """Tokens that are not the right one, also those that a careless comparison lets pass."""
    token = _token(context)
    wrong = context.ids.fresh("wrong-token")
    shown = TOKEN_IN_SHELL.removeprefix("$")
    requirement = "authentication.wrong-token"
    other = Authorization(f"Bearer {wrong}", f"Bearer {wrong}")
    _expect_401(context, requirement, other, "another token", modes=_MODES)
    for scheme in ("bearer", "BEARER", "Token", "Basic"):
        other = Authorization(f"{scheme} {wrong}", f"{scheme} {wrong}")
        _expect_401(context, requirement, other, f"another token behind {scheme}")
    for value, in_shell, what in (
        (token + "x", f"${{{shown}}}x", "the token with a letter more"),
        (token[:-1], f"${{{shown}%?}}", "the token with a letter less"),
        (token.swapcase(), None, "the token in other case"),
    ):
        if not value or value == token:
            continue
        if in_shell is None:
            in_shell = f"$(printf %s ${shown} | tr a-zA-Z A-Za-z)"
        authorization = Authorization(f"Bearer {value}", f"Bearer {in_shell}")
        _expect_401(context, requirement, authorization, what)
    nothing = Authorization("Bearer", "Bearer")
    _expect_401(context, requirement, nothing, "nothing after Bearer")


@check(Stage.REFUSALS, "authentication.other-scheme", needs="token")
def other_scheme(context: Context) -> None:
    """The right token, but not as a bearer."""
    token = _token(context)
    encoded = base64.b64encode(f"user:{token}".encode()).decode()
    for authorization, what in (
        (
            Authorization(f"Basic {encoded}", f"Basic $(printf %s user:{TOKEN_IN_SHELL} | base64)"),
            "Basic",
        ),
        (Authorization(f"Token {token}", f"Token {TOKEN_IN_SHELL}"), "the scheme Token"),
        (Authorization(token, TOKEN_IN_SHELL), "the token without a scheme"),
    ):
        _expect_401(context, "authentication.other-scheme", authorization, what)


@check(Stage.REFUSALS, "authentication.before-workflow", needs="token")
def before_workflow(context: Context) -> None:
    """Nobody learns without a token which ids are workflows, nor what is wrong with a form.

    A list of workflows may be public: who lists them hides nothing.
    """
    for workflow_id, fields, what in (
        (unknown_workflow_id(), (("message", "x"), ("stream", "false")), "an unknown workflow"),
        (context.workflows.any.id, (("stream", "maybe"),), "a wrong form"),
    ):
        request = context.requests.make(workflow_id, fields, authorization=None)
        if _is_open(context):
            context.requests.ask(request, Expected.ANY)
        else:
            what = f"{what} without a token"
            context.requests.expect(
                "authentication.before-workflow", 401, what, request, Expected.ANY
            )
    if _is_open(context):
        raise CannotDecide("the server lets everybody in")


@check(Stage.REFUSALS, "authentication.scheme-case", needs="token")
def scheme_case(context: Context) -> None:
    """The scheme's name in other case is the same scheme."""
    workflow, token = context.workflows.any, _token(context)
    fields = (("message", workflow.message), ("stream", "maybe"))
    authorization = Authorization(f"bearer {token}", f"bearer {TOKEN_IN_SHELL}")
    # The form is wrong, so that no run starts: whoever is let in is told so.
    exchange = context.requests.ask(
        context.requests.make(workflow.id, fields, authorization=authorization), Expected.ANY
    )
    context.findings.require(
        "authentication.scheme-case",
        exchange.status not in (401, 403, None),
        f"the right token with the scheme `bearer`: {exchange.summary}",
        exchange,
    )


@check(Stage.PROBES, "authentication.right-token", needs="token", runs=1)
def right_token(context: Context) -> None:
    """A batch run with the right token, where there was none; streams there were."""
    if not context.history.all_batches:
        context.runs.batch(context.workflows.probed)


@check(Stage.PROBES, "authentication.token-required", needs="token", runs=1)
def known_ids(context: Context) -> None:
    """To know a run's ids is not to have the token: without it nobody reads the run or its session,
    or runs a workflow in that session."""
    requirement = "authentication.token-required"
    if _is_open(context):
        raise CannotDecide("the server lets everybody in")
    streams = context.history.streams.items()
    workflow_id, run = next(
        ((id, run) for id, run in streams if run.run_id and run.session_id), ("", None)
    )
    if run is None:
        workflow_id = context.workflows.probed.id
        run = context.runs.stream(context.workflows.probed)
    if run is None or not run.run_id or not run.session_id:
        raise CannotDecide("no stream told its run and session")
    for request in _reads(context.document, workflow_id, run.session_id, run.run_id):
        exchange = context.client.send(replace(request, authorization=None))
        tells = exchange.succeeded and run.session_id.encode() in exchange.body
        message = f"{request.method} {request.path} without a token: {exchange.summary}"
        context.findings.require(requirement, not tells, message, exchange)
    fields = (("stream", "false"), ("session_id", run.session_id))
    modes = ((fields, "in batch, in a session that there is"),)
    _expect_401(context, requirement, None, "no token", modes=modes)


def _reads(document: Document, workflow_id: str, session_id: str, run_id: str) -> Iterator[Request]:
    """Requests that read a run, as far as the document has them."""
    if "get_workflow_run" in document.operations:
        yield read_run(document, workflow_id, session_id, run_id)
    if "get_session_runs" in document.operations:
        yield read_session(document, session_id)
    if "get_session_by_id" in document.operations:
        yield read_state(document, session_id)


def _token(context: Context) -> str:
    """The right one, which there is where checks are made that need it."""
    assert context.client.token is not None
    return context.client.token


def _is_open(context: Context) -> bool:
    return context.findings.is_broken("authentication.token-required")


def _expect_401(
    context: Context,
    requirement: str,
    authorization: Authorization | None,
    what: str,
    *,
    modes: Sequence[tuple[Fields, str]] = (),
    headers: tuple[tuple[str, str], ...] = (),
) -> None:
    """Ask for a run in batch, or in each of the `modes`. Stops at the first that is let in: another
    could start another run, and show nothing new."""
    if requirement != "authentication.token-required" and _is_open(context):
        raise CannotDecide("the server lets everybody in")
    workflow = context.workflows.any
    for fields, mode in modes or _MODES[:1]:
        if context.findings.is_broken(requirement):
            return
        sent = (("message", workflow.message), *fields)
        request = context.requests.make(workflow.id, sent, authorization=authorization)
        said = f"{what}, {mode}" if modes else what
        context.requests.expect(
            requirement, 401, said, replace(request, headers=headers), Expected.ANY
        )
