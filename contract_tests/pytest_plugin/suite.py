"""The suite that `--contract-url` and `--contract-app` add; plugin.py collects it."""

from __future__ import annotations

from contract_tests.pytest_plugin.run import ContractResult


def test_requirement(contract_requirement: ContractResult) -> None:
    contract_requirement.verify()
