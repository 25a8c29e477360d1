"""What `contract-tests diff OLD NEW` does: compare two profiles."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from agentos_contract.output import echo, json_text
from agentos_contract.profile_diff import compare_profiles
from agentos_contract.profiles import Profile, ProfileError, load_profile
from agentos_contract.requirements import load_catalogue
from agentos_contract.writable import check_file
from contract_tests.commands.options import use_plugins
from contract_tests.commands.outcome import BROKEN, KEPT
from contract_tests.judging.known import KnownError, load_known
from contract_tests.reports.terminal import describe_differences


def run(old: str, new: str, report: Path | None) -> None:
    check_file(report, "--report")
    use_plugins()
    profiles = [_profile(name, hint) for name, hint in ((old, "OLD"), (new, "NEW"))]
    differences = compare_profiles(*profiles)
    for line in describe_differences(differences, old, new):
        echo(line)
    if report is not None:
        content = {"old": old, "new": new, "differences": [d.to_json() for d in differences]}
        try:
            report.write_text(json_text(content, indent=1), encoding="utf-8")
        except OSError as error:
            raise click.BadParameter(
                f"cannot be written: {error}", param_hint="--report"
            ) from error
    sys.exit(BROKEN if differences else KEPT)


def _profile(name: str, hint: str) -> Profile:
    try:
        # Its known ones are of this catalogue, or it cannot be compared.
        profile = load_profile(name)
        if profile.known is not None:
            load_known(name, load_catalogue().requirements)
    except (ProfileError, KnownError) as error:
        raise click.BadParameter(str(error), param_hint=hint) from error
    return profile
