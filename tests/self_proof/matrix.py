"""The matrix: each deviation performed by the mock, and what the contract tests report of it."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

from agentos_contract.deviations import Deviation, load_deviations
from agentos_contract.requirements import load_catalogue
from contract_tests.checks.selection import Selection
from contract_tests.running.run import Report
from contract_tests.target.configuration import WorkflowSettings
from mockserver.app import Settings, create_app
from mockserver.script.loader import load_scripts
from tests.conftest import ROOT, serving
from tests.contract_tests.conftest import DOCUMENT, SHORT, report_on

SCRIPTS = Path(__file__).parent / "scripts"
TOKEN = "Let-Me-In-1"
USUAL = ("showcase",)
BROAD = ("showcase", "typed")


@dataclass(frozen=True)
class Conditions:
    """On what workflows a deviation shows, and how deep it has to be looked for."""

    workflows: tuple[str, ...] = USUAL
    options: Mapping[str, Any] = field(default_factory=dict)


_TYPED = Conditions(BROAD)
_CANCELLED = Conditions(("showcase", "slow"))
_HANGING = Conditions(("brief",), {"limits": SHORT})
_BROWSER = Conditions(options={"browser_origin": "http://localhost:5173"})
_GENERATED = Conditions(options={"max_examples": 10})

CONDITIONS: dict[str, Conditions] = {
    **{name: _CANCELLED for name in load_deviations() if name.startswith("cancel.")},
    **{name: _BROWSER for name in load_deviations() if name.startswith("cors.")},
    **dict.fromkeys(
        (
            "sse.silent-from-start",
            "sse.silent-before-end",
            "sse.left-open",
            "sse.comments-for-ever",
            "sse.events-for-ever",
            "batch.hangs",
            "batch.trickles",
            "error.hangs",
        ),
        _HANGING,
    ),
    **dict.fromkeys(
        (
            "form.user-null-refused",
            "form.version-zero-refused",
            "form.stream-fraction",
            "form.version-boolean",
        ),
        _GENERATED,
    ),
    "results.long-chunk-lost": Conditions(
        options={"settings": {"showcase": WorkflowSettings(messages=["short", "long " * 150])}}
    ),
    **dict.fromkeys(
        ("session.batch-state-lost", "session.state-shared"), Conditions(("showcase", "counting"))
    ),
    **dict.fromkeys(
        ("error.after-cancel", "session.cancelled-completed"), Conditions(("showcase", "slow"))
    ),
    "session.state-of-beside": Conditions(("showcase", "counting-slowly")),
    # Where other checks' runs show it no sooner.
    "error.now-and-then": Conditions(options={"selection": Selection(only=["error.sporadic"])}),
    "error.read-now-and-then": Conditions(
        options={"selection": Selection(only=["error.sporadic", "session.*"])}
    ),
    "order.content-completed-lost-in-tenth": Conditions(
        ("brief", "showcase"), {"selection": Selection(only=["order.content-completed"])}
    ),
    "order.output-lost-in-tenth": Conditions(
        options={"selection": Selection(only=["order.step-output"])}
    ),
    "error.left-behind": Conditions(("showcase", "lasting")),
    "sse.byte-by-byte": Conditions(("brief",)),
    "cancel.ignored": Conditions(("showcase", "slower")),
    "http.third-at-once-fails": Conditions(("showcase", "lasting")),
    "session.message-of-beside": Conditions(("showcase", "lasting")),
    "session.written-whole": Conditions(("showcase", "lasting")),
    "session.mixed-up": Conditions(("showcase", "lasting")),
    "session.run-mixed-up": Conditions(("showcase", "lasting")),
    **dict.fromkeys(
        (
            "input-schema.in-run",
            "input-schema.unprocessable",
            "input-schema.fractions-taken",
            "form.plus-kept",
        ),
        _TYPED,
    ),
    **dict.fromkeys(
        (
            "input-schema.pattern-unchecked",
            "input-schema.more-taken",
            "input-schema.choices-unchecked",
            "input-schema.shallow",
            "input-schema.first-item-only",
            "input-schema.formats-unchecked",
        ),
        Conditions(("showcase", "strict")),
    ),
    # By a workflow that asks no model.
    **dict.fromkeys(("form.cut-at-256-kib", "form.long-stream-fails"), Conditions(("brief",))),
    # What a real server has been seen to do.
    "agent.failure-answered": Conditions(("brief", "failing-agent")),
    "agent.retry-starts-again": Conditions(("brief", "agents")),
    "agent.tool-error-after-end": Conditions(("brief", "agents")),
    "step.failure-left-open": Conditions(("brief", "failing-within")),
    "step.skip-left-open": Conditions(("brief", "failing-within")),
    "step.stop-left-open": Conditions(("brief", "stopping")),
    "parallel.stop-left-open": Conditions(("brief", "stopping-beside")),
    "loop.failure-left-open": Conditions(("brief", "failing-within")),
    "steps.failure-left-open": Conditions(("brief", "failing-within")),
    "result.failure-anonymous": Conditions(("brief", "failing-within")),
    "result.skip-anonymous": Conditions(("brief", "failing-within")),
    "run.error-twice": Conditions(("brief", "failing")),
    "condition.all-counted": Conditions(("brief", "failing-within")),
    "condition.unmet-without-result": Conditions(("brief", "containers")),
    "router.empty-without-result": Conditions(("brief", "containers")),
    "batch.pause-unsaid": Conditions(("brief", "pausing")),
    "pause.error-alone": Conditions(("brief", "pausing-on-error")),
    "function.contents-alone": Conditions(("brief", "agents")),
    "router.id-repeated": Conditions(("brief", "containers")),
    "media.as-text": Conditions(("brief", "media")),
    "step-index.shared": Conditions(("brief", "containers")),
    "error.trace-in-stream": Conditions(("brief", "failing")),
    "error.ruby-trace-in-stream": Conditions(("brief", "failing")),
    "sse.compressed-held": Conditions(("showcase", "lasting")),
    "sse.compressed": Conditions(("showcase", "lasting")),
    "sse.buffered": Conditions(("showcase", "paced")),
    "time.stands-still": Conditions(
        ("showcase", "long"), {"selection": Selection(only=["time.*", "order.*", "sse.*"])}
    ),
    "sse.burst": Conditions(("showcase", "paced")),
    **dict.fromkeys(
        ("sse.tokens-held", "sse.tokens-held-unstamped", "time.of-the-request"),
        Conditions(
            ("showcase", "talking"), {"selection": Selection(only=["sse.pacing", "time.*"])}
        ),
    ),
    "results.lost-after-40": Conditions(("showcase", "reciting")),
}
"""Where the usual workflows without generated requests are not enough."""


def conditions_of(name: str) -> Conditions:
    return CONDITIONS.get(name, Conditions())


def breaking() -> dict[str, Deviation]:
    """The deviations that break a requirement."""
    return {name: found for name, found in load_deviations().items() if found.breaks}


class MockUnderTest:
    """One mock of all these workflows, which performs what a run of the tests asks for."""

    url: str

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()
        """The deviations and variations of every request."""
        self._made: Counter[str] = Counter()

    def report(self, names: Iterable[str], conditions: Conditions | None = None) -> Report:
        """Run the whole contract test against the mock that performs these deviations and
        variations, as with --fault and --vary: not all can be asked for by a header."""
        conditions = conditions or Conditions()
        names = list(names)
        # Each has sessions of its own, the same each time that the first is made.
        self._made[str(names)] += 1
        seed = crc32(f"{names}{self._made[str(names)]}".encode())
        self.names = frozenset(names)
        return report_on(
            self.url, token=TOKEN, seed=seed, workflows=conditions.workflows, **conditions.options
        )


@contextmanager
def mock_under_test() -> Iterator[MockUnderTest]:
    """One on a free port."""
    workflows = {
        **load_scripts(ROOT / "fixtures" / "conditions").workflows,
        **load_scripts(SCRIPTS).workflows,
    }
    mock = MockUnderTest()
    settings = Settings(DOCUMENT, workflows, token=TOKEN, seed=1, deviations=lambda: mock.names)
    with serving(create_app(settings)) as mock.url:
        # What has been loaded stays: the collector need not look at it again, hundreds of times.
        gc.collect()
        gc.freeze()
        try:
            yield mock
        finally:
            gc.unfreeze()


def broken(report: Report) -> dict[str, str]:
    """By broken requirement: the check that saw it first."""
    assert not report.crashes
    seen: dict[str, str] = {}
    for breach in report.breaches:
        seen.setdefault(breach.requirement, breach.check)
    return seen


# -- as it is published

PUBLISHED = ROOT / "docs" / "self-proof.md"

_HEADER = "| Requirement | Level | Deviation | Site | Found by | Breaks besides |"


@dataclass(frozen=True)
class Row:
    """One deviation in the published matrix."""

    requirement: str
    """The one that it breaks first."""
    level: str
    deviation: str
    site: str
    found_by: str
    """The check that saw the requirement broken first."""
    besides: tuple[str, ...]

    @property
    def line(self) -> str:
        besides = ", ".join(self.besides)
        cells = (self.requirement, self.level, self.deviation, self.site, self.found_by, besides)
        return f"| {' | '.join(cells)} |"


def row_of(deviation: Deviation, found_by: str) -> Row:
    first, *besides = deviation.breaks
    level = str(load_catalogue()[first].level)
    return Row(first, level, deviation.id, deviation.site.value, found_by, tuple(besides))


@cache
def published() -> dict[str, Row]:
    """The published rows, by deviation."""
    rows = {}
    for line in PUBLISHED.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 6 and "." in cells[0]:
            first, level, name, site, found_by, besides = cells
            others = tuple(filter(None, besides.split(", ")))
            rows[name] = Row(first, level, name, site, found_by, others)
    return rows


def publish(rows: Iterable[Row]) -> None:
    """Write the matrix, in the order of the catalogue of requirements, into its page."""
    order = list(load_catalogue().requirements)
    lines = [row.line for row in sorted(rows, key=lambda row: order.index(row.requirement))]
    text = PUBLISHED.read_text(encoding="utf-8")
    head = text[: text.index(_HEADER)]
    rule = "|---|---|---|---|---|---|"
    PUBLISHED.write_text("\n".join([head + _HEADER, rule, *lines, ""]), encoding="utf-8")
