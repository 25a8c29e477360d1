"""Fuzzing: sequences of requests, drawn by Hypothesis, judged by what judges the main command.

steps, dictionary   what a sequence is made of, and what a careless server stumbles over
baseline            what the target usually does
machine             draws sequences: a Hypothesis state machine
in_flight, model    a run that goes on; what is known of a sequence's runs and sessions
execution           carries a sequence out, over a `connection`; `outcome` is what it comes to
rounds              Hypothesis from one seed: draws, makes smaller, confirms
campaign            rounds until the time is up, by one process or several
saved               failures in replay.json, as those of the checks are, and replayed
"""

from contract_tests.fuzzing.testing import fuzz

__all__ = ["fuzz"]
