"""Generated requests: Schemathesis makes them from the document, and its checks judge the answers.

Whether a form was valid is decided by the bytes that were sent (forms/form.py), whatever
Schemathesis meant them to be. Hypothesis shrinks what fails, within a budget of requests; answers
are kept by the bytes sent, so that nothing is sent twice and shrinking stays deterministic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import HypothesisException
from schemathesis import GenerationMode

from contract_tests.checks.context import Context
from contract_tests.checks.form_answers import judge_form_answer
from contract_tests.checks.own_ids import session_prefix
from contract_tests.checks.registry import check
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.forms.form import Validity
from contract_tests.forms.generated_bodies import body_of, form_operation
from contract_tests.judging.judgement import Judgement
from contract_tests.target.boundaries import boundary_cases
from contract_tests.target.budget import NoMoreRuns
from contract_tests.target.draws import by_seed_alone
from contract_tests.target.exchange import Request
from contract_tests.target.problems import GatewayAnswered
from contract_tests.target.target import Workflow

SHRINKING_REQUESTS = 40
"""How many requests making a failure smaller may take."""

ROUNDS = 4
"""How many different failures are looked for."""


class _Broken(Exception):
    """A generated request broke a requirement that nothing had broken before."""


class _NoneLeft(BaseException):
    """No more may be sent to make a failure smaller: Hypothesis, which catches any Exception, would
    go on drawing for minutes."""


def resend_form(context: Context, request: Request) -> None:
    """A form that was generated in another run of the tests, whose workflow it is for."""
    form = context.forms.judge(request.content or b"", request.content_type)
    exchange = context.client.send(request)
    judgement = judge_form_answer(
        context, context.workflows.any, form, exchange, context.findings.is_broken
    )
    context.findings.record(judgement)


@check(Stage.REFUSALS, "form.invalid-refused", resend=resend_form)
def invalid_forms(context: Context) -> None:
    """Forms that the document does not allow."""
    workflow = context.workflows.any
    sender = _Sender(context, workflow, runs=None)
    _generate(context, sender, GenerationMode.NEGATIVE)
    if not context.findings.is_exercised("form.invalid-refused"):
        raise sender.undecided or CannotDecide("no generated form was certainly invalid")


@check(Stage.GENERATED, "form.valid-accepted", resend=resend_form)
def valid_forms(context: Context) -> None:
    """Forms that the document allows."""
    if context.plan.generated == 0:
        raise CannotDecide("--max-runs leaves none for generated forms")
    sender = _Sender(context, context.workflows.untyped, runs=context.plan.generated)
    _generate(context, sender, GenerationMode.POSITIVE)
    if sender.undecided and not context.findings.is_exercised("form.valid-accepted"):
        raise sender.undecided


class _Sender:
    """Sends generated cases, each distinct body once."""

    def __init__(self, context: Context, workflow: Workflow, *, runs: int | None) -> None:
        """`runs`: how many valid forms may be sent; None sends only those that are not valid."""
        self._context = context
        self._workflow = workflow
        self._runs = runs
        self._seen: dict[tuple[str | None, bytes], Judgement] = {}
        self.undecided: GatewayAnswered | None = None
        """Why a request shows nothing of the server."""
        self.left: int | None = None
        """How many requests may still be sent; None is as many as come."""

    @property
    def worth_drawing(self) -> int:
        """How many forms it makes sense to draw: of those that run few more than may be sent."""
        most = self._context.max_examples
        return most if self._runs is None else min(most, 2 * self._runs)

    def try_case(self, case: Any) -> list[str]:
        """Send a case; the requirements that it newly broke, which are recorded."""
        judgement = self.judge(case)
        if judgement is None:
            return []
        new = self.new_breaches(judgement)
        # The same case each time: as good as a probe of ours.
        self._context.findings.record(judgement)
        return new

    def judge(self, case: Any) -> Judgement | None:
        """What a case's answer shows; None where it was not sent."""
        body = body_of(case, session_prefix(self._context.seed))
        if body is None:
            return None
        prepared = self._context.requests.make(
            self._workflow.id, content=body[0], content_type=body[1]
        )
        key = (prepared.content_type, prepared.content or b"")
        if key not in self._seen:
            judgement = self._send(prepared)
            if judgement is None:
                return None
            self._seen[key] = judgement
        return self._seen[key]

    def new_breaches(self, judgement: Judgement) -> list[str]:
        """What it broke that nothing had broken before."""
        return [
            breach.requirement
            for breach in judgement.breaches
            if not self._context.findings.is_broken(breach.requirement)
        ]

    def _send(self, request: Request) -> Judgement | None:
        form = self._context.forms.judge(request.content or b"", request.content_type)
        may_run = form.validity is not Validity.INVALID
        if self.left is not None:
            if self.left <= 0:
                raise _NoneLeft
            self.left -= 1
        if may_run:
            if not self._runs or (self._workflow.input_schema is not None):
                return None
            self._runs -= 1
        try:
            exchange = self._context.client.send(request)
        except NoMoreRuns:
            return None
        except GatewayAnswered as reason:
            # Not raised: Hypothesis would look for the smallest form that a gateway refuses.
            self.undecided = reason
            return None
        return judge_form_answer(
            self._context, self._workflow, form, exchange, self._context.findings.is_broken
        )


def _generate(context: Context, sender: _Sender, mode: GenerationMode) -> None:
    """Each boundary once, then whatever comes; each new failure is shrunk, and left out after."""
    if not context.max_examples:
        return
    operation = form_operation(context.document)
    for case in boundary_cases(operation, mode):
        sender.try_case(case)
    strategy = operation.as_strategy(generation_mode=mode)
    for _ in range(ROUNDS):
        examples = sender.worth_drawing
        if not examples or not _explore_once(context, sender, strategy, examples):
            return


def _explore_once(context: Context, sender: _Sender, strategy: Any, examples: int) -> bool:
    """Draw so many examples; whether there was a failure."""
    smallest: list[Judgement] = []
    wanted: set[str] = set()
    sender.left = None

    def judge_case(case: Any) -> None:
        judgement = sender.judge(case)
        if judgement is None:
            return
        new = sender.new_breaches(judgement)
        if not new:
            context.findings.record(judgement, generated=True)
            return
        if not wanted:
            # The first failure: from here on Hypothesis makes this one smaller.
            wanted.add(new[0])
            sender.left = SHRINKING_REQUESTS
        if wanted & set(new):
            smallest.append(judgement)
            raise _Broken(", ".join(new))

    _run(judge_case, strategy, context.seed, examples)
    if not smallest:
        return False
    context.findings.record(min(smallest, key=_size), generated=True)
    return True


def _size(judgement: Judgement) -> int:
    """How long the form was."""
    exchange = judgement.exchange
    return len(exchange.request.content or b"") if exchange is not None else 0


def _run(test: Callable[[Any], None], strategy: Any, seed: int, examples: int) -> None:
    settings = hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        print_blob=False,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=hypothesis.Verbosity.quiet,
    )
    given: Any = hypothesis.given(strategy)
    wrapped = hypothesis.seed(seed)(settings(given(test)))
    try:
        with by_seed_alone():
            wrapped()
    except (_Broken, _NoneLeft):
        pass
    except HypothesisException as error:
        raise RuntimeError(f"{type(error).__name__}: {error}") from error
