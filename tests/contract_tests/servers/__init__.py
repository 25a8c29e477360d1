"""Conforming servers in other stacks, written from the OpenAPI document alone."""
