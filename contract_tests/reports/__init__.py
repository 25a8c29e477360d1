"""Reports for people and machines: terminal, files, timeline, exchange log."""
