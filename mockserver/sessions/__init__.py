"""What is remembered of sessions and runs."""
