"""One comparison: find out what is there, ask, compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agentos_contract.document import Document
from agentos_contract.json_values import read_json_object
from contract_tests.drift.baseline import Baseline
from contract_tests.drift.changes import Change, merged
from contract_tests.drift.changes import change as new_change
from contract_tests.drift.published import compare_published
from contract_tests.drift.requests import Asking, Plan, make_plan
from contract_tests.drift.sent import Fields, Sent, compare_sent
from contract_tests.running.run import Options, connect, find_target
from contract_tests.target.budget import RunBudget
from contract_tests.target.client import Client
from contract_tests.target.exchange import Exchange, Request
from contract_tests.target.gateway import is_gateways
from contract_tests.target.target import Target

PUBLISHED_AT = "/openapi.json"


@dataclass(frozen=True)
class Drift:
    """What came of it."""

    target: str
    document: str
    """The kit's."""
    baseline: str
    changes: list[Change]
    """The gravest first; old ones are marked."""
    gone: list[Change]
    """Of the baseline, which no longer show."""
    fields: Fields
    notes: list[str]
    """What could not be compared, and why."""
    runs: int
    """How many were started."""
    is_answered: bool
    """Whether any of them was answered with 200: else events and batch bodies were not compared."""

    @property
    def is_breaking(self) -> bool:
        return any(change.is_breaking for change in self.changes)


@dataclass
class Listener:
    """Told what happens; each does nothing unless replaced."""

    planned: Callable[[Target, Plan], None] = lambda target, plan: None
    progress: Callable[[str], None] = lambda text: None
    exchanged: Callable[[Exchange], None] = lambda exchange: None
    """Called in the client's thread, for each exchange that is over."""


def find_drift(options: Options, baseline: Baseline, listener: Listener | None = None) -> Drift:
    """Compare a server with the kit's document and its event schemas. Raises CouldNotRun."""
    listener = listener or Listener()
    exchanges: list[Exchange] = []

    def exchanged(exchange: Exchange) -> None:
        if not is_gateways(exchange):
            exchanges.append(exchange)
        listener.exchanged(exchange)

    budget = RunBudget(options.max_runs)
    with connect(options, budget, exchanged) as client:
        target = find_target(options, client)
        plan = make_plan(target.workflows, options.max_runs)
        budget.limit = plan.runs
        listener.planned(target, plan)
        listener.progress(f"reading {PUBLISHED_AT}")
        published = _published(client, options.document)
        asking = Asking(client, options.document, listener.progress)
        notes: list[str] = []
        try:
            with client.refusing_gateways():
                asking.all(plan, target.workflows)
        except KeyboardInterrupt as signal:
            reason = f"interrupted by {signal}" if str(signal) else "interrupted"
            notes.append(f"{reason}: not all was asked; nothing is called gone, or sent less often")
        compared = tuple(exchanges)  # what is asked at the end to tidy up is not drift's
    is_whole = not notes
    notes += asking.notes
    changes: list[Change] = []
    if isinstance(published, str):
        notes.append(published)
    else:
        found, reasons = compare_published(options.document, published)
        changes += found
        notes += [f"{PUBLISHED_AT}: {reason}" for reason in reasons]
    if not options.document.event_schemas:
        notes.append("events not compared: the document has no schemas for them (no overlay)")
    sent = compare_sent(options.document, compared, asking.asked, baseline.fields)
    changes = merged(
        [
            *(_still_answered(change, sent) for change in changes),
            *sent.changes,
            *(baseline.fields_changed(sent) if is_whole else ()),
        ]
    )
    is_published = not isinstance(published, str)
    return Drift(
        options.url,
        options.document.source,
        baseline.name,
        baseline.marked(changes),
        baseline.gone(changes, sent, is_published=is_published) if is_whole else [],
        sent.fields,
        notes,
        budget.started,
        asking.is_answered,
    )


def _still_answered(change: Change, sent: Sent) -> Change:
    """An operation that is not published, and answers all the same, breaks nothing."""
    if change.kind != "operation-removed" or (change.operation, "200") not in sent.parts:
        return change
    unpublished = new_change(
        "operation-unpublished", "", change.kit, "not published; it still answers"
    )
    return replace(unpublished, operation=change.operation, sources=change.sources)


def _published(client: Client, kits: Document) -> Mapping[str, Any] | str:
    """The server's document, or why there is none to compare."""
    exchange = client.send(Request("GET", PUBLISHED_AT))
    where = f"{PUBLISHED_AT}: nothing compared that is published"
    if not exchange.succeeded:
        return f"{where}: {exchange.error_message or exchange.summary}"
    try:
        document = read_json_object(exchange.body)
    except ValueError as error:
        return f"{where}: it is no OpenAPI document: {error}"
    if document == kits.content:
        return f"{where}: it is the one that the server is compared with"
    version = document.get("openapi")
    if not isinstance(version, str) or not version.startswith("3."):
        said = str(version)[:40] if version is not None else "absent"
        return f"{where}: it is no OpenAPI document: `openapi` is {said}; expected 3.x"
    if not isinstance(document.get("paths"), Mapping):
        return f"{where}: it is no OpenAPI document: `paths` is no object"
    return document
