"""What a request's Prefer headers ask of the mock (RFC 7240), and what is answered to that.

Three preferences are the mock's own: `fault=NAME` and `vary=NAME`, of which there may be several,
and `scenario=NAME`. Those that are registered for other purposes are ignored, as the RFC says of
what a server does not implement. Any other is refused, and so are a name that there is not and one
that cannot apply: who asks a mock for something must not take its usual answer for that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from starlette.types import Scope
from werkzeug.http import parse_list_header, parse_options_header, quote_header_value

from mockserver.script.model import Workflow

PREFERENCES_KEY = "mockserver.preferences"

OWN = ("fault", "scenario", "vary")

REGISTERED = frozenset(
    {"depth-noroot", "handling", "respond-async", "return", "safe", "timezone", "wait"}
)
"""Of IANA's register of HTTP preferences, beside those of OData."""

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PREFERENCE = re.compile(rf"({_TOKEN})(?:\s*=\s*({_TOKEN}|{_QUOTED})?)?\s*(;.*)?", re.DOTALL)


@dataclass
class Preferences:
    """What one request asks of the mock."""

    faults: list[str] = field(default_factory=list)
    variations: list[str] = field(default_factory=list)
    scenario: str | None = None
    problem: str | None = None
    """Why they cannot be had, whatever the request is for."""
    why_not: Callable[[str, Workflow | None, bool], str | None] = lambda *about: None
    """Why they cannot be had of an operation, its workflow, and whether the run is a stream."""
    is_reached: bool = False
    """Whether the request has come to its operation."""
    has_scenario: bool = False
    """Whether the scenario that was asked for answers it."""

    @property
    def are_some(self) -> bool:
        return bool(self.faults or self.variations or self.scenario or self.problem)


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
    value = parse_options_header(f"prefer; {name}={word or ''}")[1].get(name, "")
    if not value:
        return f"Prefer: {name}: expected a name, such as {name}=NAME"
    if name == "fault":
        into.faults.append(value)
    elif name == "vary":
        into.variations.append(value)
    elif into.scenario is None:  # of one that comes twice the first counts
        into.scenario = value
    return None


def applied_header(applied: Iterable[tuple[str, str]]) -> bytes:
    """The value of Preference-Applied."""
    return ", ".join(f"{name}={quote_header_value(value)}" for name, value in applied).encode()


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
