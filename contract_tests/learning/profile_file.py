"""A learned profile as a file: YAML, with what was seen beside each line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from agentos_contract.events import EVENTS
from contract_tests.learning.learn import Finding, Learned, Outcome
from contract_tests.reports.known_file import entry_content, on_one_line

MAX_REASON = 300
"""Characters of a reason."""

Redact = Callable[[str], str]


def write_profile(learned: Learned, file: Path, redact: Redact) -> None:
    """Write a profile for `mockserver serve --as FILE` and `contract-tests --known FILE`.

    `redact` takes out of a text what must not be written. Raises OSError.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(profile_text(learned, redact), encoding="utf-8")


def profile_text(learned: Learned, redact: Redact) -> str:
    """The profile as YAML."""
    deviations = CommentedSeq()
    for position, finding in enumerate(_only(learned, Outcome.SHOWN)):
        deviations.append(finding.deviation.id)
        deviations.yaml_add_eol_comment(_line(finding.reason, redact), position, column=0)
    known = CommentedMap()
    for name, entries in learned.known.items():
        found = [entry_content(entry, redact) for entry in entries]
        known[name] = found if len(found) > 1 else found[0]
    content = CommentedMap(deviations=deviations, known=known, evidence=_evidence(learned))
    seed = learned.report.seed
    target = _line(learned.report.target, redact)
    content.yaml_set_start_comment(
        f"Learned from {target} with the seed {seed}, by `contract-tests learn`.\n"
        "`mockserver serve --as` this file performs the deviations; `contract-tests --known` it\n"
        "accepts what is known. What the server's workflows did not exercise is not in it."
    )
    content.yaml_set_comment_before_after_key("known", before="\n" + _not_claimed(learned, redact))
    content.yaml_set_comment_before_after_key(
        "evidence", before="\nWhat could have shown at all, for `contract-tests diff`."
    )
    stream = StringIO()
    yaml = YAML()
    yaml.width = 2**16  # a reason is a line, however long
    yaml.dump(content, stream)
    return stream.getvalue()


def _evidence(learned: Learned) -> CommentedMap:
    """What could have shown at all: what nothing could is no difference from another server."""
    unseen = [
        finding.deviation.id
        for finding in learned.findings
        if finding.outcome not in (Outcome.SHOWN, Outcome.NOT_SHOWN)
    ]
    events: set[str] = set()
    exercised = CommentedMap()
    for name, probed in sorted(learned.report.findings.probed_at.items()):
        found = {conditions.answers | conditions.when for conditions in probed}
        events.update(*(conditions.events for conditions in probed))
        # What holds under fewer conditions is said by those under more.
        kept = [one for one in found if not any(one < other for other in found)]
        exercised[name] = on_one_line([sorted(words) for words in sorted(map(sorted, kept))])
    known = sorted(name for name in events if name in EVENTS)
    return CommentedMap(unseen=on_one_line(unseen), events=on_one_line(known), exercised=exercised)


def _not_claimed(learned: Learned, redact: Redact) -> str:
    lines = []
    for outcome, title in (
        (Outcome.NOT_SHOWN, "Not so here:"),
        (Outcome.NOT_EXERCISED, "Not exercised:"),
        (Outcome.UNDETECTABLE, "Not to be told from outside:"),
        (Outcome.NOT_LOOKED_FOR, "Not looked for:"),
    ):
        findings = list(_only(learned, outcome))
        if findings:
            lines.append(title)
        lines += [f"  {f.deviation.id}: {_line(f.reason, redact)}" for f in findings]
    return "\n".join(lines)


def _only(learned: Learned, outcome: Outcome) -> Iterable[Finding]:
    return (finding for finding in learned.findings if finding.outcome is outcome)


def _line(text: str, redact: Redact) -> str:
    """A server's words on one line, with nothing in them that ends a comment."""
    line = " ".join(redact(text).split())
    line = "".join(letter if letter.isprintable() else "\ufffd" for letter in line)
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"
