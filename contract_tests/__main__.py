"""`python -m contract_tests` is `contract-tests`."""

from contract_tests.cli import main

main()
