"""Why tests end without a verdict."""

from __future__ import annotations


class CouldNotRun(Exception):
    """The tests cannot be run against this target; str() is one line that says why."""


class GatewayAnswered(CouldNotRun):
    """What came seems to be of something before the server: it shows nothing of the server."""
