"""Changes of a JSON object, as data: what an event or a body says instead.

    keep: [NAME, ...]         no other members than these are there
    copy: {PATH: FROM}        a member is what another is
    set: {PATH: VALUE}        it is another
    add: {PATH: NUMBER}       that much is added to it
    multiply: {PATH: NUMBER}
    negate: PATH              false for true
    remove: PATH              it is not there

They are made in this order. A path is a member's name, or several with dots between:
`step_response.content`; in a list the number of an element, from its end where it is negative:
`step_results.0.step_id`. Where the way to a member is not there, nothing changes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MISSING: Any = object()
"""What stands where nothing is."""

Names = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]
"""One name, or a list of them."""


class Rule(BaseModel):
    """One thing that is done, as the catalogue has it under `does`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Changes(Rule):
    """Changes of a JSON object."""

    keep: Names = ()
    copied: dict[str, str] = Field({}, alias="copy")
    set_to: dict[str, Any] = Field({}, alias="set")
    add: dict[str, int] = Field({})
    multiply: dict[str, int] = Field({})
    negate: Names = ()
    remove: Names = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Of the members that are changed."""
        return (
            *self.copied, *self.set_to, *self.add, *self.multiply, *self.negate, *self.remove
        )  # fmt: skip

    @property
    def change_something(self) -> bool:
        return bool(self.keep or self.paths)

    def changed(self, value: dict[str, Any]) -> dict[str, Any]:
        """A copy with the changes."""
        if self.keep:
            value = {name: value[name] for name in self.keep if name in value}
        for path, source in self.copied.items():
            found = value_at(value, source)
            if found is not MISSING:
                value = _at(value, path, partial(_instead, found))
        for path, new in self.set_to.items():
            value = _at(value, path, partial(_instead, new))
        for path, number in self.add.items():
            value = _at(value, path, partial(_counted, operator.add, number))
        for path, number in self.multiply.items():
            value = _at(value, path, partial(_counted, operator.mul, number))
        for path in self.negate:
            value = _at(value, path, lambda old: not old if isinstance(old, bool) else old)
        for path in self.remove:
            value = _at(value, path, lambda old: MISSING)
        return value


def value_at(value: Any, path: str) -> Any:
    """What stands at a path; MISSING where nothing does."""
    for key in path.split("."):
        if isinstance(value, Mapping) and key in value:
            value = value[key]
        elif isinstance(value, list | tuple) and _is_index(key, value):
            value = value[int(key)]
        else:
            return MISSING
    return value


def holds(value: Any, conditions: Mapping[str, Any]) -> bool:
    """Whether at each of these paths stands what is said: null for nothing, true for anything
    that is not empty."""
    for path, expected in conditions.items():
        found = value_at(value, path)
        if found is MISSING:
            found = None
        if bool(found) is not True if expected is True else found != expected:
            return False
    return True


def _at(value: Any, path: str, change: Callable[[Any], Any]) -> Any:
    """A copy in which what stands at the path is what `change` makes of it."""
    key, _, deeper = path.partition(".")
    if deeper:
        within = deeper
        change_below = change

        def change(old: Any) -> Any:
            return old if old is MISSING else _at(old, within, change_below)

    if isinstance(value, Mapping):
        new = change(value.get(key, MISSING))
        if new is MISSING:
            return {name: member for name, member in value.items() if name != key}
        return {**value, key: new}
    if isinstance(value, list | tuple) and _is_index(key, value):
        index = int(key) % len(value)
        new = change(value[index])
        return [*value[:index], *([] if new is MISSING else [new]), *value[index + 1 :]]
    return value


def _instead(new: Any, old: Any) -> Any:
    return new


def _counted(count: Callable[[Any, int], Any], number: int, old: Any) -> Any:
    is_number = isinstance(old, int | float) and not isinstance(old, bool)
    return count(old, number) if is_number else old


def _is_index(key: str, value: list[Any] | tuple[Any, ...]) -> bool:
    return key.lstrip("-").isdecimal() and -len(value) <= int(key) < len(value)
