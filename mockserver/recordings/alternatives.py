"""Several answers of one step as one that chooses among them, by the try and by the message."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """When an answer was given."""

    attempt: int
    """How many tries of the step there had been in the run, itself included."""
    message: str


class DiffersInShape(ValueError):
    """The answers differ in more than their texts."""


def choose(answers: Sequence[tuple[Case, Any]], *, by_message: bool) -> Any:
    """A value whose texts are templates that give, in each of these cases, that case's.

    In a case beyond those a text is the last one's by attempt, and that of the first message.
    `by_message` is False where templates do not see the message. Raises DiffersInShape.
    """
    values = [value for _, value in answers]
    if all(_same(value, values[0]) for value in values):
        return values[0]
    if all(isinstance(value, dict) and value.keys() == values[0].keys() for value in values):
        return {
            key: choose([(case, value[key]) for case, value in answers], by_message=by_message)
            for key in values[0]
        }
    if all(isinstance(value, list) and len(value) == len(values[0]) for value in values):
        return [
            choose([(case, value[i]) for case, value in answers], by_message=by_message)
            for i in range(len(values[0]))
        ]
    if not all(isinstance(value, str) for value in values):
        raise DiffersInShape
    return _text(answers, by_message=by_message)


def _text(answers: Sequence[tuple[Case, str]], *, by_message: bool) -> str:
    by_attempt = _function(answers, lambda case: case.attempt)
    if by_attempt is not None:
        return _by_attempt(by_attempt)
    if not by_message:
        raise DiffersInShape
    of: dict[str, list[tuple[Case, str]]] = {}
    for case, text in answers:
        of.setdefault(case.message, []).append((case, text))
    texts: dict[str, str] = {}
    for message, said in of.items():
        each = _function(said, lambda case: case.attempt)
        if each is None:
            raise DiffersInShape
        texts[message] = _by_attempt(each)
    first, *others = texts
    conditions = [
        (f"input == {json.dumps(message, ensure_ascii=False)}", texts[message])
        for message in others
    ]
    return _chain(conditions, texts[first])


def _function(
    answers: Sequence[tuple[Case, str]], key: Callable[[Case], int]
) -> dict[int, str] | None:
    """The texts by key; None where one key has two."""
    found: dict[int, str] = {}
    for case, text in answers:
        if found.setdefault(key(case), text) != text:
            return None
    return found


def _by_attempt(texts: dict[int, str]) -> str:
    *others, last = sorted(texts)
    conditions = [(f"attempt == {attempt}", texts[attempt]) for attempt in others]
    return _chain([one for one in conditions if one[1] != texts[last]], texts[last])


def _chain(conditions: Sequence[tuple[str, str]], otherwise: str) -> str:
    """A Jinja template that gives the text of the first condition that holds."""
    if not conditions:
        return otherwise
    word = "if"
    template = ""
    for condition, text in conditions:
        template += f"{{% {word} {condition} %}}{text}"
        word = "elif"
    return f"{template}{{% else %}}{otherwise}{{% endif %}}"


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
