"""The contract tests within a pytest suite."""
