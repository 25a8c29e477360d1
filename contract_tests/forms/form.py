"""What a form's bytes mean by the document's schema: valid, invalid, or not for us to decide.

A form knows texts only, so a judgement goes by the bytes that were sent and never by the value
that they were made from: a generated 5 is a valid `message`, `session_id=null` is four letters.

    a property that may be a string means its text, whatever it is
    anything else means its plain JSON spelling: `true`, `-12`, `null`
    where only a lenient reading of the text is valid (`True`, `on`, ` 5 `, `5.0`, nothing at all),
    servers differ with good reason: undecided
    JSON that is nested deeper than a careful reader goes: undecided
    what no reading makes valid is invalid

`invalid` and `valid` can therefore be relied upon: no sensible server reads it otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs

from agentos_contract.document import FORM, Document
from agentos_contract.json_values import BeyondLimits, read_json

_PLAIN_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_PLAIN = {"true": True, "false": False, "null": None}
# What pydantic, PyYAML and Rails take for booleans between them.
_LENIENT_BOOLEANS = {
    **dict.fromkeys(("true", "1", "on", "yes", "t", "y", "enabled"), True),
    **dict.fromkeys(("false", "0", "off", "no", "f", "n", "disabled"), False),
}
_LENIENT_NULLS = frozenset({"", "null", "none", "nil", "undefined"})
_ABSENT = object()


class Validity(Enum):
    """What the document says of a form."""

    VALID = "valid"
    INVALID = "invalid"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class FieldError:
    """Why a form is invalid."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class JudgedForm:
    """What the document says of one form."""

    validity: Validity
    errors: tuple[FieldError, ...] = ()
    """Of an invalid form: what no reading allows."""
    fields: tuple[tuple[str, str], ...] = ()
    """The form as decoded, in order."""
    undeclared: tuple[str, ...] = ()
    """Names that the schema does not have."""

    def value(self, name: str) -> str | None:
        """The text of a field; the last one where it comes twice."""
        found = [text for key, text in self.fields if key == name]
        return found[-1] if found else None


class FormOracle:
    """Judges bodies of the run operation's form."""

    def __init__(self, document: Document) -> None:
        content = document.run_operation.definition.get("requestBody", {}).get("content", {})
        schema = document.resolve(content.get(FORM, {}).get("schema", {}))
        properties: Mapping[str, Any] = schema.get("properties", {})
        self._required = frozenset(schema.get("required", ()))
        self._closed = schema.get("additionalProperties") is False
        self._validators = {
            name: jsonschema_rs.Draft202012Validator(document.self_contained(member))
            for name, member in properties.items()
        }

    def judge(self, body: bytes, content_type: str | None = FORM) -> JudgedForm:
        """Judge a body as it was sent."""
        media_type = (content_type or "").partition(";")[0].strip().lower()
        if media_type != FORM:
            # A server may read more than it documents.
            return JudgedForm(Validity.UNDECIDED)
        try:
            fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict")
        except ValueError:
            # The URL standard decodes such bytes with replacement characters; servers refuse them.
            return JudgedForm(Validity.UNDECIDED)
        texts: dict[str, list[str]] = {}
        for name, text in fields:
            texts.setdefault(name, []).append(text)
        undeclared = tuple(name for name in texts if name not in self._validators)
        errors = [
            FieldError(name, "is required") for name in sorted(self._required) if name not in texts
        ]
        undecided = False
        if self._closed:
            errors += [FieldError(name, "is not allowed") for name in undeclared]
        for name, validator in self._validators.items():
            values = texts.get(name, [])
            verdicts = {_judge_text(text, validator) for text in values}
            if verdicts == {Validity.INVALID}:
                errors.append(FieldError(name, f"no reading of {values[-1]!r} is valid"))
            elif Validity.UNDECIDED in verdicts or len(verdicts) > 1 or len(values) > 1:
                # Of a repeated field servers take the first, the last, or refuse it.
                undecided = True
        if errors:
            validity = Validity.INVALID
        else:
            validity = Validity.UNDECIDED if undecided else Validity.VALID
        return JudgedForm(validity, tuple(errors), tuple(fields), undeclared)


def _judge_text(text: str, validator: Any) -> Validity:
    if validator.is_valid(text):
        return Validity.VALID
    plain = _plain_reading(text)
    if plain is not _ABSENT and validator.is_valid(plain):
        return Validity.VALID
    if not text:
        return Validity.UNDECIDED  # widely read as a field that was left out
    try:
        is_readable = any(validator.is_valid(value) for value in _lenient_readings(text))
    except BeyondLimits:
        return Validity.UNDECIDED
    return Validity.UNDECIDED if is_readable else Validity.INVALID


def _plain_reading(text: str) -> Any:
    if text in _PLAIN:
        return _PLAIN[text]
    if len(text) < 4000 and _PLAIN_INTEGER.fullmatch(text):
        return int(text)
    return _ABSENT


def _lenient_readings(text: str) -> Iterator[Any]:
    """What some server may read in a text. Raises BeyondLimits for JSON that nobody has to read."""
    word = text.strip().lower()
    if word in _LENIENT_BOOLEANS:
        yield _LENIENT_BOOLEANS[word]
    if word in _LENIENT_NULLS:
        yield None
    for convert in (int, float):
        try:
            number = convert(word)
        except (ValueError, OverflowError):
            continue
        yield number
        if isinstance(number, float) and number.is_integer():
            yield int(number)
    try:
        value = read_json(text)
    except BeyondLimits:
        raise
    except ValueError:
        return
    yield value
