"""Recordings of runs: their format, making them, replaying them, scripts made from them."""
