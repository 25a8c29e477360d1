"""The order in which Agno looks at a request: its framework reads the body before anything else."""

from __future__ import annotations

from mockserver.faults.registry import departure
from mockserver.http.hooks import HttpHooks

AGNO_STAGES = (
    "route",  # 404
    "method",  # 405
    "size",
    "media type",
    "syntax",  # 400, 422: a body that cannot be read
    "authenticate",  # 401
    "values",  # 422
    "workflow",  # 404
    "input schema",  # the run fails
    "preferences",
    "scenario",
)
"""What its two departures from the contract's order come to together."""


def _moved(stages: tuple[str, ...], moved: tuple[str, ...], before: str) -> tuple[str, ...]:
    rest = [stage for stage in stages if stage not in moved]
    place = rest.index(before)
    return (*rest[:place], *moved, *rest[place:])


@departure("authentication.body-first", on="error")
class BodyFirst(HttpHooks):
    def stages(self) -> tuple[str, ...]:
        return _moved(super().stages(), ("size", "media type", "syntax"), before="authenticate")


@departure("routing.form-before-workflow", on="error")
class FormBeforeWorkflow(HttpHooks):
    def stages(self) -> tuple[str, ...]:
        return _moved(super().stages(), ("workflow",), before="input schema")
