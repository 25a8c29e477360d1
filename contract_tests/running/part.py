"""A part of the tests: which checks it needs, and those which runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from dataclasses import replace

from agentos_contract.requirements import DEFAULT_LEVEL, load_catalogue
from contract_tests.checks.plan import PROBE_RUNS, Needs
from contract_tests.checks.registry import (
    Check,
    Given,
    deciding_checks,
    needed_checks,
    ordered_checks,
)
from contract_tests.checks.stages import Stage
from contract_tests.judging.known import KnownDeviations

PLANNED = {"streams", "batch_runs", "further_messages"}
"""Checks whose runs the plan has numbers of their own for."""

REPEATING = {"streams_again", "batches_again"}
"""Checks that ask again by themselves."""


def checks_for(requirements: Set[str], lacking: Collection[Given] = ()) -> list[Check]:
    """The checks that decide these requirements, and those that they need. `lacking`: what is not
    given; a check that needs it is there to say so."""
    if requirements >= {one.id for one in load_catalogue().at_level(DEFAULT_LEVEL)}:
        return ordered_checks()
    return needed_checks(deciding_checks(requirements), (), lacking)


def needs_of(
    checks: Sequence[Check],
    requirements: Collection[str] | None,
    lacking: Collection[Given] = (),
) -> Needs:
    """Which runs these checks need. `requirements`: those that they are made for; None: they were
    named themselves, and may need each workflow. `lacking`: what is not given."""
    if checks == ordered_checks():
        return Needs()
    checks = [check for check in checks if not check.why_not(lacking)]
    names = {check.name for check in checks}
    # Wrong requests are runs where a server does not refuse them.
    probes = sum(
        # What fails is asked again, runs side by side alone and then side by side.
        check.runs * (1 if check.name in REPEATING else 3)
        for check in checks
        if check.stage is not Stage.GENERATED and check.name not in PLANNED
    )
    catalogue = load_catalogue()
    by_workflow = {
        name
        for check in checks
        if check.tries_each_workflow and check.stage is not Stage.REFUSALS
        for name in check.decides
        if not catalogue[name].is_of_server
    }
    return Needs(
        streams="streams" in names,
        probes=min(probes, PROBE_RUNS),
        batches="batch_runs" in names,
        more_messages="further_messages" in names,
        generated="valid_forms" in names,
        one_that_takes_time="pacing" in names,
        cancels="cancel" in names,
        each_workflow=requirements is None or not by_workflow.isdisjoint(requirements),
    )


def not_gone(known: KnownDeviations) -> KnownDeviations:
    """What is known, where only checks of some names are made: it may show in the others, and is
    not gone where it does not."""
    return {
        name: tuple(replace(entry, sometimes=True) for entry in entries)
        for name, entries in known.items()
    }
