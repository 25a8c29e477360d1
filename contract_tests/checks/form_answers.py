"""Judges the answer to any form, by what the bytes of the form mean (forms/form.py).

What a wrong answer breaks may be a requirement of its own that a deterministic probe tests: those
are the form's *suspects*.
"""

from __future__ import annotations

from collections.abc import Callable

from contract_tests.checks.context import Context
from contract_tests.forms.form import JudgedForm, Validity
from contract_tests.judging.answers import Expected
from contract_tests.judging.judgement import Judgement
from contract_tests.judging.rules import RunRules
from contract_tests.judging.runs import REFUSED
from contract_tests.target.exchange import Exchange
from contract_tests.target.target import Workflow

_SPECIFIC = {
    "message": "form.message-required",
    "stream": "form.stream-boolean",
    "version": "form.version-integer",
}
"""Which requirement a wrong field breaks, where it is let pass."""


def suspects_of_acceptance(form: JudgedForm) -> list[str | None]:
    """Which requirement each fault of an invalid form breaks, where it is let pass; None where
    there is none but form.invalid-refused."""
    return [_SPECIFIC.get(error.field) for error in form.errors]


def suspects_of_refusal(form: JudgedForm) -> list[str]:
    """Which requirements may be broken where a valid form is refused, besides
    form.valid-accepted."""
    suspects = []
    if form.value("message") == "":
        suspects.append("form.message-any-string")
    if form.value("version") == "null":
        suspects.append("form.version-null")
    if form.undeclared:
        suspects.append("form.unknown-fields")
    return suspects


def judge_form_answer(
    context: Context,
    workflow: Workflow,
    form: JudgedForm,
    exchange: Exchange,
    is_broken: Callable[[str], bool],
    *,
    accepted: str = "form.invalid-refused",
    refused: str = "form.valid-accepted",
) -> Judgement:
    """Everything that the answer to a form shows. What `is_broken` says of a suspect is not
    reported again under the general requirement.

    `accepted` and `refused`: what an invalid form breaks that is let pass, and a valid one that is
    not.
    """
    if form.validity is Validity.INVALID:
        judgement = context.answers.judge(exchange, Expected.REFUSAL)
        judgement.exercise(accepted)
        message = _accepted(form, exchange, is_broken)
        if message is not None:
            judgement.breach(accepted, message, exchange)
        return judgement
    if exchange.status != 200:
        # An undecided form may be refused; a run may fail.
        expected = Expected.ANY
        if form.validity is Validity.VALID:
            is_batch = form.value("stream") == "false"
            expected = Expected.BATCH if is_batch else Expected.STREAM
        judgement = context.answers.judge(exchange, expected)
        if form.validity is Validity.VALID:
            judgement.exercise(refused)
            if _is_refused(form, exchange, is_broken):
                message = f"a valid form was answered with {exchange.summary}"
                judgement.breach(refused, message, exchange)
        return judgement
    stream, rules = form.value("stream"), RunRules(refused=refused)
    if stream == "false":
        is_certain = form.validity is Validity.VALID
        message = form.value("message") if is_certain else None
        return context.judge.batch(workflow, exchange, rules, message=message)[0]
    if exchange.is_stream:
        return context.judge.stream(workflow, exchange, rules)[0]
    judgement = context.answers.judge(exchange, Expected.ANY)
    if form.validity is Validity.VALID:
        requirement = "form.stream-default" if stream is None else "sse.content-type"
        came = exchange.headers.get("content-type", "no content type")
        judgement.breach(requirement, f"expected a stream, got {came}", exchange)
    return judgement


def _accepted(form: JudgedForm, exchange: Exchange, is_broken: Callable[[str], bool]) -> str | None:
    """What is wrong where an invalid form was let pass; None where that is known by now."""
    if exchange.status is None or exchange.status >= 400:
        return None
    if all(name is not None and is_broken(name) for name in suspects_of_acceptance(form)):
        return None
    errors = "; ".join(f"{error.field} {error.reason}" for error in form.errors)
    return f"an invalid form ({errors}) was answered with {exchange.summary}"


def _is_refused(form: JudgedForm, exchange: Exchange, is_broken: Callable[[str], bool]) -> bool:
    """Whether a valid form was refused, for no reason that is known by now."""
    version = form.value("version")
    if exchange.status == 400 and version not in (None, "null"):
        return False  # there may be no such version
    suspects = suspects_of_refusal(form)
    return exchange.status in REFUSED and not any(is_broken(name) for name in suspects)
