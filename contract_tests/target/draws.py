"""What Hypothesis draws is decided by the seed alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis.internal.conjecture import providers

try:
    from hypothesis.internal.constants_ast import Constants
except ImportError:  # it has another name
    Constants = None  # type: ignore[assignment, misc]


@contextmanager
def by_seed_alone() -> Iterator[None]:
    """Hypothesis (6.131 and later) draws constants of modules that are loaded besides, as many as
    it finds in 100 ms: the same seed would draw something else beside another test, in another
    project and on a busy machine.

    It has no setting for that, and no public name. A Hypothesis that has another name for it draws
    as it does, and a test notices.
    """
    if Constants is None or not hasattr(providers, "_get_local_constants"):
        yield
        return
    found = providers._get_local_constants
    providers._get_local_constants = Constants
    providers.CONSTANTS_CACHE.cache.clear()
    try:
        yield
    finally:
        providers._get_local_constants = found
        providers.CONSTANTS_CACHE.cache.clear()
