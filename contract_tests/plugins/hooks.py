"""What a plugin implements, by pluggy."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from agentos_contract.requirements import Requirement
from contract_tests.checks.registry import Check

GROUP = "contract_tests"
"""The entry points' group, and the project's name by pluggy."""

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def contract_tests_requirements() -> Iterable[Requirement]:  # type: ignore[empty-body]
    """Requirements: ids (`AREA.NAME`) that the catalogue does not have, and each decided by one of
    the plugin's checks."""


@hookspec
def contract_tests_checks() -> Iterable[Check]:  # type: ignore[empty-body]
    """The checks that decide them: names that no other check has."""
