"""Requests at the boundaries of a schema, as Schemathesis's coverage phase has them.

It has no public name; where it is not there nothing comes, and a test notices.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemathesis import GenerationMode


def boundary_cases(operation: Any, mode: GenerationMode) -> Iterator[Any]:
    """Each boundary of what an operation takes once, as cases; the plainest first."""
    try:
        from schemathesis.specs.openapi.coverage._operation import iter_coverage_cases
    except ImportError:
        return
    for case in iter_coverage_cases(
        operation=operation,
        generation_modes=[mode],
        generate_duplicate_query_parameters=False,
        unexpected_methods=set(),
        generation_config=operation.schema.config.generation,
    ):
        if case.method == operation.method.upper():
            yield case
