"""Workflow scripts: the format, its loader, CEL and templates."""
