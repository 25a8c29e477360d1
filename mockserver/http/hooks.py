"""Where an answer may part from the contract: each method's default is the contract."""

from __future__ import annotations

from starlette.types import Scope

from mockserver.runner.hooks import RunnerHooks

HOOKS_KEY = "mockserver.hooks"


class HttpHooks:
    """What is asked while a request is answered."""

    runner: RunnerHooks = RunnerHooks()


def hooks_of(scope: Scope) -> HttpHooks:
    """What to ask for this request's answer."""
    hooks: HttpHooks = scope[HOOKS_KEY]
    return hooks
