"""Authentication: who is let in. Needs the right token; a server without a key has nothing to show.

Given a token, the server is expected to demand one: whoever runs the tests with `--token` says
that it has a key, and one that lets everybody in is what these checks are for.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import urlencode

from agentos_contract.document import Document
from agentos_contract.json_values import mapping, parse_json
from contract_tests.checks.context import Context
from contract_tests.checks.listed import listed_runs
from contract_tests.checks.registry import check
from contract_tests.checks.requests import Fields
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.judging.answers import Expected
from contract_tests.target.curl import TOKEN_IN_SHELL
from contract_tests.target.exchange import Authorization, Exchange, Request
from contract_tests.target.operations import (
    cancel_run,
    delete_session,
    list_sessions,
    read_run,
    read_session,
    read_state,
)
from contract_tests.target.problems import GatewayAnswered
from contract_tests.target.target import UNKNOWN_RUN, unknown_workflow_id

_MODES: tuple[tuple[Fields, str], ...] = (
    ((("stream", "false"),), "in batch"),
    ((("stream", "true"),), "as a stream"),
    ((), "without stream"),
)
"""A server that tells who is let in apart for each mode may do so for one alone."""


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
        ("X-Original-URL", "/health"),
        ("X-HTTP-Method-Override", "OPTIONS"),
    ):
        if context.client.always_sends(header[0]):
            continue  # a gateway before the server wants the user's own
        what = f"no token, and the header {header[0]}"
        _expect_401(context, requirement, None, what, headers=(header,))
    _other_spellings(context)
    if not _is_open(context) and "cancel_workflow_run" in context.document.operations:
        request = cancel_run(context.document, context.workflows.any.id, UNKNOWN_RUN)
        exchange = context.client.send(replace(request, authorization=None))
        message = f"a run cancelled without a token: {exchange.summary}"
        is_kept = exchange.status is None or exchange.status >= 300
        context.findings.require(requirement, is_kept, message, exchange)


def _other_spellings(context: Context) -> None:
    """A path that is not quite the operation's: whoever guards the one and serves the other lets
    everybody in. How else it is answered is the server's affair."""
    workflow = context.workflows.any
    fields = (("message", workflow.message), ("stream", "false"))
    asked = context.requests.make(workflow.id, fields, authorization=None)
    first, _, rest = asked.path.lstrip("/").partition("/")
    for path in (f"/{asked.path}", f"/{first.capitalize()}/{rest}", f"{asked.path}/"):
        if _is_open(context):
            return
        try:
            exchange = context.client.send(replace(asked, path=path))
        except GatewayAnswered:
            continue  # a redirect to the path as it is, say
        message = f"a run without a token, by the path {path}: {exchange.summary}"
        is_kept = not exchange.succeeded or not _is_run(exchange)
        context.findings.require("authentication.token-required", is_kept, message, exchange)


def _is_run(exchange: Exchange) -> bool:
    """Whether an answer is a run's: a page for whatever is not found may be of 200."""
    return exchange.is_stream or "run_id" in mapping(parse_json(exchange.body))


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
        (f"{token},x", f"${{{shown}}},x", "the token, and more behind a comma"),
        (f"{token} x", f"${{{shown}}} x", "the token, and another word"),
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
    named = [(name, token) for name in ("token", "access_token", "api_key")]
    for query, fields, headers, what in (
        (urlencode(named), (), (), "in the URL"),
        ("", tuple(named), (), "as fields of the form"),
        ("", (), (("X-API-Key", token), ("X-Auth-Token", token)), "in other headers"),
        ("", (), (("Cookie", f"token={token}; access_token={token}"),), "as a cookie"),
    ):
        if not any(context.client.always_sends(name) for name, _ in headers):
            what = f"the right token {what}, and no Authorization"
            modes = (((("stream", "false"), *fields), "in batch"),)
            _expect_401(
                context,
                "authentication.other-scheme",
                None,
                what,
                modes=modes,
                headers=headers,
                query=query,
            )


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
        # Of many sessions a list has others on its first page.
        listed = mapping(parse_json(exchange.body)).get("data")
        tells = exchange.succeeded and (run.session_id.encode() in exchange.body or bool(listed))
        message = f"{request.method} {request.path} without a token: {exchange.summary}"
        context.findings.require(requirement, not tells, message, exchange)
    before = listed_runs(context, run.session_id)
    fields = (("stream", "false"), ("session_id", run.session_id))
    modes = ((fields, "in batch, in a session that there is"),)
    _expect_401(context, requirement, None, "no token", modes=modes)
    after = listed_runs(context, run.session_id)
    if before is not None and after is not None and not _is_open(context):
        text = "a run without a token was answered with 401, and carried out: its session lists it"
        is_kept = len(after.runs) <= len(before.runs)
        context.findings.require(requirement, is_kept, text, after.exchange)
    if not _is_open(context) and "delete_session" in context.document.operations:
        request = delete_session(context.document, context.ids.fresh("session"))
        exchange = context.client.send(replace(request, authorization=None))
        text = f"a session deleted without a token: {exchange.summary}"
        is_kept = exchange.status is None or exchange.status >= 300
        context.findings.require(requirement, is_kept, text, exchange)


def _reads(document: Document, workflow_id: str, session_id: str, run_id: str) -> Iterator[Request]:
    """Requests that read a run, as far as the document has them."""
    if "get_workflow_run" in document.operations:
        yield read_run(document, workflow_id, session_id, run_id)
    if "get_session_runs" in document.operations:
        yield read_session(document, session_id)
    if "get_session_by_id" in document.operations:
        yield read_state(document, session_id)
    if "get_sessions" in document.operations:
        yield list_sessions(document)


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
    query: str = "",
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
        path = f"{request.path}?{query}" if query else request.path
        request = replace(request, headers=headers, path=path)
        context.requests.expect(requirement, 401, said, request, Expected.ANY)
