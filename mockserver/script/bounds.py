"""How long a text may become that an expression makes. Of templates it is told before it is made,
as it would fill the memory: Jinja2's sandbox bounds `range` alone."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

MAX_LENGTH = 4_000_000
"""Characters of a text, and items of a list, that a template or an expression of CEL may make."""

TOO_LONG = f"it has more than {MAX_LENGTH:,} characters or items"

_PERCENT = re.compile(r"%(?:\([^)]*\))?[-+ #0]*(\d+|\*)?(?:\.(\d+|\*))?")
"""A conversion of printf-style formatting: its width and its precision."""

_BRACES = re.compile(r"\{[^{}:]*:([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")
"""A field of str.format that says how, which may have fields itself: what it says."""


def check_length(length: int) -> None:
    """Raises OverflowError beyond MAX_LENGTH."""
    if length > MAX_LENGTH:
        raise OverflowError(TOO_LONG)


def check_binop(operator: str, left: Any, right: Any) -> None:
    """Raises OverflowError where `left * right` or `left % right` would be too long."""
    match operator, left, right:
        case ("*", str() | list() as repeated, int() as count) | (
            "*",
            int() as count,
            str() | list() as repeated,
        ):
            check_length(len(repeated) * count)
        case "%", str(), _:
            given = right.values() if isinstance(right, Mapping) else right
            given = given if isinstance(given, Iterable) and not isinstance(given, str) else [right]
            _check_percent(left, given)


def check_call(called: Any, arguments: Iterable[Any], named: Mapping[str, Any]) -> None:
    """Raises OverflowError where a method of a text or a number would make too much."""
    method = getattr(called, "__wrapped__", called)  # str.format's, which the sandbox wraps
    subject = getattr(method, "__self__", None)
    if isinstance(subject, str | int | list):
        _check_subject(subject)
        _check(getattr(method, "__name__", ""), [subject, *arguments, *named.values()])


def bounded_filters(
    filters: Mapping[str, Callable[..., Any]],
) -> dict[str, Callable[..., Any]]:
    """Filters that raise OverflowError before they make too much, and for a text that is longer
    than they could make it: how long they take goes by that, and nothing else goes on meanwhile."""
    return {name: _bounded(name, function) for name, function in filters.items()}


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    skipped = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)  # what Jinja is to pass it stands in its attributes
    def bounded(*arguments: Any, **named: Any) -> Any:
        before, given = arguments[:skipped], list(arguments[skipped:])
        _check_subject(*given[:1])
        if name not in _CHECKED:
            return function(*arguments, **named)
        if name == "join":  # an iterator can be looked at once
            given[0] = list(given[0])
        _check(name, [*given, *named.values()])
        return function(*before, *given, **named)

    return bounded


def _check_subject(subject: Any = None) -> None:
    if isinstance(subject, str):
        check_length(len(subject))


def _check(name: str, values: list[Any]) -> None:
    """`values`: what a filter or method of that name is given, its subject first."""
    subject = values[0]
    texts = [value for value in values[1:] if isinstance(value, str)]
    for value in values[1:]:
        if isinstance(value, int):
            # Of indent and wordwrap each line may have it.
            check_length(value * (subject.count("\n") + 1 if isinstance(subject, str) else 1))
    if name == "replace" and isinstance(subject, str) and len(texts) == 2:
        check_length(len(subject) + subject.count(texts[0]) * len(texts[1]))
    elif name == "join" and isinstance(subject, str) and len(values) > 1:
        _check_join(subject, values[1])
    elif name == "join":
        _check_join(texts[0] if texts else "", subject)
    elif name in ("indent", "wordwrap") and isinstance(subject, str):
        check_length(len(subject) * max(map(len, texts), default=1))
    elif name in ("format", "format_map") and isinstance(subject, str):
        _check_percent(subject, values[1:])
        _check_braces(subject, values[1:])


def _check_join(between: str, items: Any) -> None:
    if isinstance(items, list | tuple | str):
        length = sum(len(item) if isinstance(item, str) else 1 for item in items)
        check_length(length + len(between) * len(items))


def _check_percent(text: str, given: Iterable[Any]) -> None:
    widths = [width for pair in _PERCENT.findall(text) for width in pair if width]
    _check_widths(widths, "*" in widths, given)


def _check_braces(text: str, given: Iterable[Any]) -> None:
    said = _BRACES.findall(text)
    widths = [width for one in said for width in re.findall(r"\d+", one)]
    _check_widths(widths, any("{" in one for one in said), given)


def _check_widths(widths: Iterable[str], has_given: bool, given: Iterable[Any]) -> None:
    for width in widths:
        if width != "*":
            check_length(int(width[:12]))
    for value in given if has_given else ():
        if isinstance(value, int):
            check_length(value)


_CHECKED = frozenset(
    (
        *("batch", "center", "format", "indent", "join", "replace"),
        *("slice", "tojson", "truncate", "wordwrap", "xmlattr"),
    )
)
"""Filters that may make more than they are given."""
