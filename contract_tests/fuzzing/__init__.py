"""Fuzzing: sequences of requests, drawn by Hypothesis, judged by what judges the main command.

steps, dictionary   what a sequence is made of, and what a careless server stumbles over
baseline            what the target usually does
machine             draws sequences: a Hypothesis state machine
execution, model    carries one out; what is known of its runs and sessions
rounds              Hypothesis from one seed: draws, makes smaller, confirms
campaign            rounds until the time is up, by one process or several
failure_files       failures as files, for a replay
"""

from contract_tests.fuzzing.testing import fuzz

__all__ = ["fuzz"]
