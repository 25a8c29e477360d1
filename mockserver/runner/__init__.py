"""Runs on the wall clock: start, drive, cancel, disconnect, background."""
