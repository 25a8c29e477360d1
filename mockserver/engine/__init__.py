"""A script and an input in; a run's events and waits out. No clock and no I/O."""
