"""`contract-tests URL`: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agentos_contract.completion import complete_areas, complete_profiles, complete_requirements
from agentos_contract.origins import OriginParam
from contract_tests.cli.options import level_option, target_options


@target_options(max_runs=200, idle_timeout=120.0, total_timeout=600.0)
@click.option(
    "--parallel",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many workflows run at once, where each is looked at by itself.",
)
@click.option(
    "--time-budget",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help="Begin nothing new after so many seconds: what is left is skipped, and says so.",
)
@click.option(
    "--plan",
    "plan_only",
    is_flag=True,
    help="Only say which runs would be started and how long it may take; start none.",
)
@click.option(
    "--browser-origin",
    metavar="ORIGIN",
    type=OriginParam(),
    help="Also test that a page of this origin, such as http://localhost:5173, can read the"
    " answers (CORS).",
)
@level_option
@click.option(
    "--area",
    "areas",
    metavar="AREA",
    multiple=True,
    shell_complete=complete_areas,
    help="Test only what is in this area, such as order or authentication; may be repeated.",
)
@click.option(
    "--only",
    metavar="ID",
    multiple=True,
    shell_complete=complete_requirements,
    help="Test only this requirement, or those of a pattern such as 'sse.*'; may be repeated.",
)
@click.option(
    "--skip",
    metavar="ID",
    multiple=True,
    shell_complete=complete_requirements,
    help="Do not test this requirement, or those of a pattern; may be repeated.",
)
@click.option(
    "--known",
    metavar="PROFILE|FILE",
    shell_complete=complete_profiles,
    help="Deviations that are known: not failures, unless they are gone.",
)
@click.option(
    "--update-known",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what is known to FILE: new ones added, those gone dropped. Starts from --known.",
)
@click.option(
    "--require",
    "required",
    metavar="ID",
    shell_complete=complete_requirements,
    multiple=True,
    help="A requirement that must be exercised: skipping it is a failure.",
)
@click.option(
    "--report-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write report.json, junit.xml, results.sarif and report.html, and what --replay"
    " reads.",
)
@click.option(
    "--allure-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write results for Allure Report, beside those of earlier runs.",
)
@click.option(
    "--code",
    metavar="PATH",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="A file or a folder that the server's workflows are written in: what SARIF and"
    " annotations point at. May be repeated.",
)
@click.option(
    "--github/--no-github",
    default=None,
    help="Annotations and the job's summary of GitHub Actions. By default where GITHUB_ACTIONS is"
    " true.",
)
@click.option(
    "--log",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write every exchange, as an HTTP Archive (HAR).",
)
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Also say what was kept, and how often each check could have seen it broken.",
)
@click.option(
    "--replay",
    "replayed",
    metavar="DIR[:ID]",
    help="Only see whether the failures of an earlier run still fail, that wrote its reports to"
    " DIR; or one requirement's.",
)
def judge(**given: Any) -> None:
    """Judge the AgentOS workflow API at URL.

    Exits with 0 if every requirement was kept, with 1 if one was broken (or a known one no longer
    is), with 2 if the tests could not be run, with 130 or 143 if a signal ended them.
    """
    from contract_tests.commands.judge import run

    run(**given)
