"""What a request asks of the mock, as RFC 7240 has it: `Prefer: fault=NAME, scenario="A NAME"`.

Asked for are a status (`code`), a scenario, a delay, a speed, deviations and variations, a seed.
Parameters of a preference (`fault=NAME; wait=5`) mean nothing here. RFC 7240 lets a server ignore
what it does not know; this one refuses it with a 400, as a misspelled wish that is ignored is an
hour of somebody's time. What is registered for any server is passed over in silence. Rules of the
control API ask for the same, and more, of requests that cannot say so themselves.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.types import Scope
from werkzeug.http import parse_list_header, parse_options_header, quote_header_value

from mockserver.engine.gates import Hold
from mockserver.http.validation import ABSENT
from mockserver.runner.hooks import Steering
from mockserver.script.model import Workflow

PREFERENCES_KEY = "mockserver.preferences"
RULE_ANSWER_KEY = "mockserver.rule_answer"
"""Where in the ASGI scope stands what rules ask for."""

ASK_RULES_KEY = "mockserver.ask_rules"
"""Where in the ASGI scope of a websocket stands what says what rules ask of one of its messages,
which is given the mock's scope and the message, and gives Preferences."""

OWN = ("code", "delay", "fault", "scenario", "seed", "speed", "vary")
OF_RUNS = ("scenario", "seed", "speed")
"""Those that only a run can have."""

MAX_DELAY = 3600.0
"""Seconds before an answer."""

REGISTERED = frozenset(
    {"depth-noroot", "handling", "respond-async", "return", "safe", "timezone", "wait"}
)
"""Of IANA's register of HTTP preferences, beside those of OData."""

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # nosec B105 # "token" as RFC 9110 has it
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PREFERENCE = re.compile(rf"({_TOKEN})(?:\s*=\s*({_TOKEN}|{_QUOTED})?)?\s*(;.*)?", re.DOTALL)


@dataclass(frozen=True)
class RuleAnswer:
    """What rules ask for a request to be answered with."""

    status: int | None = None
    """Of a whole answer; None: it is answered as usual."""
    detail: str | None = None
    error_code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = ABSENT
    """Of a whole answer, instead of one with `detail` and `error_code`: JSON, or a text."""
    delay: float = 0.0
    """Seconds before the answer."""
    scenario: str | None = None
    faults: Sequence[str] = ()
    variations: Sequence[str] = ()
    speed: float | None = None
    seed: int | None = None
    holds: tuple[Hold, ...] = ()
    cut_after: int | None = None
    fail_after: int | None = None
    error: str | None = None
    acted: set[Any] = field(default_factory=set, compare=False)
    """What of it has changed something: names of these attributes, of deviations and variations,
    and Holds."""

    @property
    def is_of_runs(self) -> bool:
        """Whether only a run can have it."""
        of_runs = (self.scenario, self.speed, self.seed, self.cut_after, self.fail_after)
        return bool(self.holds) or any(value is not None for value in of_runs)

    @property
    def is_of_departures(self) -> bool:
        return bool(self.faults or self.variations)


NO_ANSWER = RuleAnswer()


@dataclass
class Preferences:
    """What one request asks of the mock."""

    faults: list[str] = field(default_factory=list)
    variations: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    """The others, by name."""
    rule_answer: RuleAnswer = NO_ANSWER
    """What rules ask for besides; the request's own come first."""
    problem: str | None = None
    """What is wrong with them, whatever the request is for; None: nothing."""
    why_not: Callable[[str, Workflow | None, bool], str | None] = lambda *about: None
    """Says why they cannot apply to a request, given its operationId, its workflow, and whether its
    run is a stream; None: they can."""
    is_reached: bool = False
    """Whether the request has come to its operation."""
    applied: dict[str, str] = field(default_factory=dict)
    """The values that have changed the answer, as Preference-Applied writes them."""
    on_over: Callable[[], None] = lambda: None
    """For a message of a websocket: called once its answer is over."""
    acted: set[Any] = field(default_factory=set)
    """The deviations and variations that have changed something. Where rules answer, that is noted
    in `rule_answer.acted` instead."""

    @property
    def are_some(self) -> bool:
        """Whether the request itself has any."""
        return bool(self.faults or self.variations or self.values or self.problem)

    def of(self, name: str) -> Any:
        """A value that the request asks for, else rules; None where nobody does."""
        value = self.values.get(name)
        return getattr(self.rule_answer, name, None) if value is None else value

    def apply(self, name: str) -> None:
        """Note that a value of the request, else of a rule, has changed the answer."""
        if name in self.values:
            value = self.values[name]
            self.applied[name] = f"{value:g}" if isinstance(value, float) else str(value)
        elif self.rule_answer is not NO_ANSWER:
            self.rule_answer.acted.add(name)

    def steering(self) -> Steering:
        """How the run that is about to start is steered."""
        answer, speed, seed = self.rule_answer, self.of("speed"), self.of("seed")
        if answer is NO_ANSWER and speed is None and seed is None:
            return UNSTEERED
        for name in ("speed", "seed"):
            self.apply(name)
        return Steering(
            answer.holds,
            answer.cut_after,
            answer.fail_after,
            answer.error or Steering.error,
            speed,
            seed,
            answer.acted,
        )


UNSTEERED = Steering()


def preferences_of(scope: Scope) -> Preferences:
    found: Preferences = scope[PREFERENCES_KEY]
    return found


def read_preferences(headers: Iterable[tuple[bytes, bytes]]) -> Preferences:
    """The preferences of a request with these headers."""
    values = [_decoded(value) for name, value in headers if name.lower() == b"prefer"]
    found = Preferences()
    for value in values:
        if '"' in re.sub(_QUOTED, "", value):
            found.problem = f"Prefer: {value!r}: a quote is not closed"
        for preference in parse_list_header(value):
            problem = _read(preference, found)
            found.problem = found.problem or problem
    return found


def _read(preference: str, into: Preferences) -> str | None:
    """Add one preference; what is wrong with it, if anything."""
    match = _PREFERENCE.fullmatch(preference.strip())
    if match is None:
        return f'Prefer: {preference!r} is no preference, such as fault=NAME or scenario="A NAME"'
    name, word, parameters = match[1].lower(), match[2], match[3] or ""
    if name not in OWN:
        if name in REGISTERED or name.startswith("odata."):
            return None
        return f"Prefer: there is no preference {name!r} here; expected {', '.join(OWN)}"
    for parameter in parse_options_header(f"{name}{parameters}")[1]:
        if parameter in OWN:
            return f"Prefer: {preference!r}: preferences stand apart by commas, not semicolons"
    text = parse_options_header(f"prefer; {name}={word or ''}")[1].get(name, "")
    if not text:
        return f"Prefer: {name}: expected {EXPECTED.get(name, f'a name, such as {name}=NAME')}"
    if name == "fault":
        into.faults.append(text)
    elif name == "vary":
        into.variations.append(text)
    else:
        value = READ[name](text)
        if value is None:
            return f"Prefer: {name}={text}: expected {EXPECTED[name]}"
        into.values.setdefault(name, value)  # of one that comes twice the first counts
    return None


def read_code(value: Any) -> int | None:
    """A status that an answer can be asked to have: 200, or one of an error."""
    number = read_seed(value)
    is_status = number is not None and number in set(HTTPStatus)
    return number if number == 200 or (is_status and number and number >= 400) else None


def read_seed(value: Any) -> int | None:
    """A whole number."""
    try:
        return int(str(value)) if len(str(value)) <= 20 else None
    except ValueError:
        return None


def read_delay(value: Any) -> float | None:
    """Seconds, up to MAX_DELAY."""
    number = _number(value)
    return number if number is not None and 0 <= number <= MAX_DELAY else None


def read_speed(value: Any) -> float | None:
    """A finite number above 0."""
    number = _number(value)
    return number if number is not None and number > 0 else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


READ: Mapping[str, Callable[[str], Any]] = {
    "code": read_code,
    "delay": read_delay,
    "scenario": str,
    "seed": read_seed,
    "speed": read_speed,
}
EXPECTED = {
    "code": "200, or the status of an error, such as code=503",
    "delay": f"seconds from 0 to {MAX_DELAY:.0f}, such as delay=2",
    "seed": "a whole number, such as seed=1",
    "speed": "a number above 0, such as speed=10",
}


def applied_header(applied: Iterable[tuple[str, str]]) -> bytes:
    """The value of Preference-Applied."""
    return ", ".join(f"{name}={quote_header_value(value)}" for name, value in applied).encode()


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
