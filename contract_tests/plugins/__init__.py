"""Requirements and checks of one's own (docs/own-checks.md).

A package registers them under the entry point `contract_tests`; they are planned, run, reported,
known and replayed as the kit's are.

What a plugin needs is imported from here.
"""

from agentos_contract.requirements import Level, Requirement
from contract_tests.checks.context import Context
from contract_tests.checks.registry import Check
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.plugins.hooks import hookimpl
from contract_tests.plugins.proof import Case, Proof, prove
from contract_tests.target.exchange import Exchange, Request
from contract_tests.target.target import Workflow

__all__ = [
    "CannotDecide",
    "Case",
    "Check",
    "Context",
    "Exchange",
    "Level",
    "Proof",
    "Request",
    "Requirement",
    "Stage",
    "Workflow",
    "hookimpl",
    "prove",
]
