"""The commands of `contract-tests`, a module each.

A new one: a module with a `click.Command`, and its line in `COMMANDS` of contract_tests/cli.py.
What several need is in `options` (how a target is asked for) and `outcome` (progress, exit codes).
"""
