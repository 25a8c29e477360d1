"""What a check is given: one object, whose parts each know one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from agentos_contract.document import Document
from contract_tests.checks.own_ids import OwnIds
from contract_tests.checks.plan import Plan
from contract_tests.checks.requests import Requests
from contract_tests.checks.runs import Runs
from contract_tests.checks.workflows import Workflows
from contract_tests.forms.form import FormOracle
from contract_tests.judging.answers import AnswerJudge
from contract_tests.judging.findings import Findings
from contract_tests.judging.history import History
from contract_tests.judging.runs import EventValidators, RunsJudge
from contract_tests.target.client import Client
from contract_tests.target.target import Target


@dataclass(frozen=True)
class Context:
    """Everything that the checks share in one run of the tests."""

    document: Document
    target: Target
    plan: Plan
    seed: int
    max_examples: int
    """How many forms are generated of each kind."""
    client: Client
    """Sends any request; judges nothing."""
    requests: Requests
    """Sends requests for the run operation that start no run, and judges the answers."""
    runs: Runs
    """Runs workflows, and judges what comes back."""
    workflows: Workflows
    """Which workflow a probe runs."""
    history: History
    """What was asked so far, and what came back."""
    answers: AnswerJudge
    """Judges any answer by the document."""
    judge: RunsJudge
    """Judges the answers to valid forms."""
    forms: FormOracle
    """Says whether a form is valid."""
    findings: Findings
    """What was exercised, and what was broken."""
    ids: OwnIds
    """Makes ids of sessions and users that are nobody else's."""
    progress: Callable[[str], None]
    """Told what is being done."""
    browser_origin: str | None = None
    """Of the pages that read the answers."""
    parallel: int = 1
    """How many workflows run at once, where each is looked at by itself."""


def make_context(
    document: Document,
    client: Client,
    target: Target,
    plan: Plan,
    *,
    seed: int,
    max_examples: int = 0,
    progress: Callable[[str], None] = lambda text: None,
    browser_origin: str | None = None,
    parallel: int = 1,
) -> Context:
    """The context of a new run of the tests."""
    answers, forms, validators = _compiled(document)
    findings, history = Findings(), History()
    judge = RunsJudge(answers, validators, history, client.token)
    requests = Requests(document, client, answers, findings)
    return Context(
        document=document,
        target=target,
        plan=plan,
        seed=seed,
        max_examples=max_examples,
        client=client,
        requests=requests,
        runs=Runs(client, requests, judge, history, findings),
        workflows=Workflows(target.workflows, history.streams),
        history=history,
        answers=answers,
        judge=judge,
        forms=forms,
        findings=findings,
        ids=OwnIds(),
        progress=progress,
        browser_origin=browser_origin,
        parallel=parallel,
    )


@lru_cache(maxsize=4)
def _compiled(document: Document) -> tuple[AnswerJudge, FormOracle, EventValidators]:
    """What is made of a document once, however many targets are tested by it."""
    return AnswerJudge(document), FormOracle(document), EventValidators(document)
