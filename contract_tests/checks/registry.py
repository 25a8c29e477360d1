"""The register of checks: each says which requirements it decides."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from contract_tests.checks.context import Context
from contract_tests.checks.stages import Stage
from contract_tests.judging.answers import OF_REFUSALS
from contract_tests.target.exchange import Request

CheckFunction = Callable[[Context], Iterator[None] | None]
"""A check may be a generator. It yields to wait for a slow run: the other checks are made first,
and then it goes on."""

Resend = Callable[[Context, Request], None]
"""Sends one request that a check had generated earlier, and judges its answer as the check does."""


Given = Literal["token", "browser_origin"]
"""What a check may need that only the user can give."""

NOT_GIVEN: dict[Given, str] = {
    "token": "no token was given (--token or AGENTOS_TOKEN)",  # nosec B105 # no token
    "browser_origin": "no page's origin was given (--browser-origin)",
}
"""By what is missing: why a check that needs it is not made."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check."""

    name: str
    stage: Stage
    decides: frozenset[str]
    """Requirement ids. What only generated requests can break is decided by a check too."""
    run: CheckFunction
    shows: frozenset[str] = frozenset()
    """Further requirements that its requests may show broken where the deciding checks do not. It
    is made for them too, but they are decided without it."""
    resend: Resend | None = None
    """Of a check whose requests are generated: how one of them is sent again."""
    tries_each_workflow: bool = False
    """Whether it tries every workflow, and does not choose one."""
    runs: int = 2
    """How many runs a probe may start, by requests too that should be refused."""
    plugin: str = ""
    """The plugin that it comes from; "": the kit."""
    needs: Given | None = None
    """What the user must have given for it to be made."""

    def why_not(self, lacking: Collection[Given]) -> str | None:
        """Why it is not made if these were not given; None: it is made."""
        return NOT_GIVEN[self.needs] if self.needs is not None and self.needs in lacking else None


CHECKS: list[Check] = []


def check(
    stage: Stage,
    *decides: str,
    shows: Collection[str] = (),
    resend: Resend | None = None,
    tries_each_workflow: bool = False,
    runs: int | None = None,
    needs: Given | None = None,
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as the check that decides these requirements."""

    def register(function: CheckFunction) -> CheckFunction:
        name = function.__name__
        most = runs or (1 if stage is Stage.REFUSALS else 2)
        CHECKS.append(
            Check(
                name,
                stage,
                frozenset(decides),
                function,
                frozenset(shows),
                resend,
                tries_each_workflow,
                most,
                needs=needs,
            )
        )
        return function

    return register


def ordered_checks() -> list[Check]:
    """All checks, by stage and then as registered."""
    return sorted(CHECKS, key=lambda check: check.stage)


def needed_checks(
    names: Collection[str], resent: Collection[str] = (), lacking: Collection[Given] = ()
) -> list[Check]:
    """The checks of these names, in order, and `streams` where one of them looks at its streams.

    `resent`: names of those that only send a request again. `lacking`: what the user has not given.
    """
    chosen = [check for check in ordered_checks() if check.name in names]
    if any(
        check.stage > Stage.REFUSALS and check.name not in resent and not check.why_not(lacking)
        for check in chosen
    ):
        names = {*names, "streams"}
    return [check for check in ordered_checks() if check.name in names]


def deciding_checks(requirements: Collection[str]) -> frozenset[str]:
    """Names of the checks that decide these requirements, or may show them broken.

    Requirements that every refusal is judged by (OF_REFUSALS) are decided by all checks that start
    no run, too.
    """
    wanted = frozenset(requirements)
    return frozenset(
        check.name
        for check in CHECKS
        if not wanted.isdisjoint(check.decides | check.shows)
        or (check.stage is Stage.REFUSALS and not wanted.isdisjoint(OF_REFUSALS))
    )
