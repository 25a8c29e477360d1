"""Runs the checks, settles each requirement's status, replays failures."""
