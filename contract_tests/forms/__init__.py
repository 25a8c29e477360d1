"""What a form means."""
