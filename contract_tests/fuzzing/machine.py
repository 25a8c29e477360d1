"""Draws sequences: a Hypothesis state machine whose rules note steps, and carry them out when the
sequence is whole.

What can be drawn never depends on what the server answers: it may answer otherwise next time, and
Hypothesis has to draw the same sequence again to make it smaller. So rules name runs by their
place, and a step that has lost its meaning (the run that it cancels never began) does nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.errors import StopTest
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    multiple,
    precondition,
    rule,
)
from schemathesis import GenerationMode

from agentos_contract.document import FORM
from contract_tests.checks.context import Context
from contract_tests.forms.form import Validity
from contract_tests.forms.generated_bodies import body_of
from contract_tests.fuzzing import dictionary
from contract_tests.fuzzing.baseline import Baseline
from contract_tests.fuzzing.steps import (
    MARK,
    Await,
    Cancel,
    Disconnect,
    Form,
    Odd,
    ReadRun,
    ReadSession,
    Run,
    Step,
    Steps,
)
from contract_tests.target.operations import run_path
from contract_tests.target.target import Workflow

SESSIONS = tuple(f"{MARK}{number}" for number in range(2))
ALIKE = (f"{MARK}Alike", f"{MARK}alike")
"""Two that differ in case."""
USERS = (None, None, "ada", "contract-tests-ü")
MODES = ("true", "false", None)
EXTRAS: tuple[tuple[tuple[str, str], ...], ...] = (
    (),
    (),
    (("version", "null"),),
    (("contract_tests_unknown", "1"),),
    (("é", ""),),
)


def texts(longest: int = 30_000) -> st.SearchStrategy[str]:
    """Anything that a careless server stumbles over."""
    lengthy = st.builds(
        lambda unit, times: unit * times,
        st.sampled_from(dictionary.UNITS),
        st.sampled_from([40, 40, 3000, longest]),
    )
    return short_texts() | short_texts() | short_texts() | lengthy


def short_texts() -> st.SearchStrategy[str]:
    of_one_script = st.sampled_from(list(dictionary.SCRIPTS.values())).flatmap(
        lambda letters: st.from_regex(f"[{letters}]{{1,30}}", fullmatch=True)
    )
    return st.sampled_from(dictionary.TEXTS) | st.text(max_size=30) | of_one_script


def forms() -> st.SearchStrategy[tuple[bytes, str | None]]:
    """Bodies that people forget: repeated, strange and unknown fields, charsets, multipart."""
    message = st.sampled_from(["hello", ""]) | texts()
    values = {name: st.sampled_from(found) for name, found in dictionary.VALUES.items()}
    # Ids stand in each event: the longest would make a stream longer than anybody reads.
    ids = texts(longest=3000)
    values["session_id"] = values["session_id"] | ids.map(lambda text: MARK + text)
    values["user_id"] = values["user_id"] | ids
    odd = st.sampled_from(dictionary.FIELDS).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(dictionary.TEXTS))
    )
    field = st.one_of(
        st.tuples(st.just("message"), message),
        *(st.tuples(st.just(name), value) for name, value in values.items()),
        odd,
    )
    fields = st.lists(field, max_size=5)
    charset = st.sampled_from(["utf-8", "utf-8", "utf-16", "latin-1", "cp1252"])
    plain = st.builds(dictionary.encoded, fields, charset).map(lambda body: (body, FORM))
    typed = st.tuples(plain.map(lambda form: form[0]), st.sampled_from(dictionary.CONTENT_TYPES))
    bodies = st.sampled_from(dictionary.BODIES) | st.binary(max_size=40)
    broken = st.tuples(bodies, st.sampled_from([FORM, *dictionary.CONTENT_TYPES]))
    parts: st.SearchStrategy[tuple[bytes, str | None]] = fields.map(dictionary.multipart)
    return plain | typed | broken | parts


def odd_requests(context: Context, workflow: Workflow) -> st.SearchStrategy[Odd]:
    """Other methods than the document has, workflows that no server has, strange headers."""
    run_operation = context.document.run_operation
    path = run_path(context.document, workflow.id)
    operations = context.document.content["paths"][run_operation.path]
    # DELETE is never sent: it might do what it says.
    methods = [method for method in ("PUT", "PATCH") if method.lower() not in operations]
    fixed = [Odd(method=method, path=path, expects="405") for method in methods]
    for segment in dictionary.SEGMENTS:
        other = run_operation.path.replace("{workflow_id}", f"contract-tests-{segment}")
        fixed.append(Odd(method="POST", path=other))
    headers = st.lists(st.sampled_from(dictionary.HEADERS), min_size=1, max_size=3)
    return st.sampled_from(fixed) | headers.map(
        lambda found: Odd(method="POST", path=path, headers=tuple(found))
    )


def make_machine(
    context: Context, baseline: Baseline, carry_out: Callable[[Steps], None]
) -> type[RuleBasedStateMachine]:
    """The machine. `carry_out` is given each sequence when it is whole, and raises what it is to
    be told apart by."""
    workflows = [one for one in context.target.workflows if one.id in baseline.usual]
    lasting = [one for one in workflows if baseline.is_lasting(one.id)]
    quick = [one for one in workflows if one not in lasting]
    untyped = [one for one in quick if one.input_schema is None]
    wrong = [(one.id, wrong.text) for one in quick for wrong in one.wrong_messages]
    a_quick, any_workflow = st.sampled_from(quick), st.sampled_from([*lasting, *workflows])
    companions = baseline.companions
    reading: list[type[ReadRun] | type[ReadSession]] = []
    if "get_workflow_run" in companions:
        reading.append(ReadRun)
    if "get_session_runs" in companions:
        reading.append(ReadSession)
    modes = st.sampled_from(MODES)
    positive, negative = (
        context.answers.operation.as_strategy(generation_mode=mode).map(
            lambda case: body_of(case, MARK)
        )
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    )
    # A slash in a path is a slash, percent-encoded or not, to most servers.
    named = short_texts().map(lambda text: MARK + text.replace("/", ""))
    sessions = st.sampled_from([SESSIONS[0], None, *SESSIONS, *ALIKE])

    class Sequences(RuleBasedStateMachine):
        """One sequence."""

        runs = Bundle("runs")
        beside = Bundle("beside")

        def __init__(self) -> None:
            super().__init__()
            self.steps: list[Step] = []

        def note(self, step: Step) -> int:
            self.steps.append(step)
            return len(self.steps) - 1

        @rule(target=runs, workflow=a_quick, stream=modes, session=sessions)
        def run(self, workflow: Workflow, stream: Any, session: str | None) -> int:
            return self.note(Run(workflow=workflow.id, stream=stream, session=session))

        @rule(target=runs, workflow=a_quick, stream=modes, before=runs)
        def run_in_its_session(self, workflow: Workflow, stream: Any, before: int) -> int:
            return self.note(Run(workflow=workflow.id, stream=stream, session=f"run:{before}"))

        @rule(target=beside, workflow=any_workflow, session=sessions)
        def run_beside(self, workflow: Workflow, session: str | None) -> int:
            return self.note(Run(workflow=workflow.id, session=session, beside=True))

        @rule(
            target=runs,
            workflow=a_quick,
            several=st.lists(modes, min_size=2, max_size=4),
            ids=st.sampled_from([SESSIONS[:1], SESSIONS[:1], SESSIONS[1:], ALIKE]),
        )
        def run_several(self, workflow: Workflow, several: list[Any], ids: tuple[str, ...]) -> Any:
            steps = [
                Run(workflow=workflow.id, stream=mode, session=ids[number % len(ids)])
                for number, mode in enumerate(several)
            ]
            return multiple(*map(self.note, steps))

        @rule(
            target=beside,
            workflow=any_workflow,
            several=st.lists(modes, min_size=3, max_size=6),
        )
        def run_many_at_once(self, workflow: Workflow, several: list[Any]) -> Any:
            steps = [Run(workflow=workflow.id, stream=one, beside=True) for one in several]
            return multiple(*map(self.note, steps))

        @rule(
            target=beside,
            workflow=any_workflow,
            other=st.sampled_from(SESSIONS),
            cancelled=st.booleans(),
            after=st.integers(1, 8),
        )
        def run_two_beside(
            self, workflow: Workflow, other: str, cancelled: bool, after: int
        ) -> Any:
            both = [
                self.note(Run(workflow=workflow.id, session=session, beside=True))
                for session in (SESSIONS[0], other)
            ]
            if cancelled and "cancel_workflow_run" in companions:
                self.note(Cancel(run=both[0], after=after))
            return multiple(*both)

        @rule(target=runs, one=consumes(beside))
        def read_out(self, one: int) -> int:
            self.note(Await(run=one))
            return one

        @rule(one=consumes(beside), after=st.integers(0, 8))
        def hang_up(self, one: int, after: int) -> None:
            self.note(Disconnect(run=one, after=after))

        @precondition(lambda self: "cancel_workflow_run" in companions)
        @rule(one=beside | runs, after=st.integers(1, 8))
        def cancel(self, one: int, after: int) -> None:
            self.note(Cancel(run=one, after=after))

        @precondition(lambda self: bool(reading))
        @rule(one=runs, read=st.sampled_from(reading or [ReadRun]))
        def read_back(self, one: int, read: type[ReadRun] | type[ReadSession]) -> None:
            self.note(read(run=one))

        @precondition(lambda self: bool(untyped))
        @rule(
            target=runs,
            workflow=st.sampled_from(untyped or quick),
            stream=modes,
            message=texts(),
            user=st.sampled_from(USERS) | short_texts(),
            session=sessions | named,
            extra=st.sampled_from(EXTRAS),
            headers=st.sampled_from(dictionary.ACCEPTS),
        )
        def run_with(self, workflow: Workflow, **said: Any) -> int:
            return self.note(Run(workflow=workflow.id, **said))

        @precondition(lambda self: bool(wrong))
        @rule(one=st.sampled_from(wrong or [("", "")]), stream=modes)
        def run_with_wrong_message(self, one: tuple[str, str], stream: Any) -> None:
            self.note(Run(workflow=one[0], stream=stream, message=one[1]))

        @rule(
            workflow=a_quick, form=forms() | positive | negative | odd_requests(context, quick[0])
        )
        def send_something_odd(
            self, workflow: Workflow, form: tuple[bytes, str | None] | Odd | None
        ) -> None:
            if form is None:
                return
            if isinstance(form, Odd):
                self.note(form)
                return
            content, content_type = form
            validity = context.forms.judge(content, content_type).validity
            # Whether a typed workflow takes what is no message made for it, nobody can say.
            if workflow.input_schema is None or validity is Validity.INVALID:
                self.note(Form(workflow=workflow.id, content=content, content_type=content_type))

        def teardown(self) -> None:
            # Where Hypothesis itself broke off there is no whole sequence.
            if not isinstance(sys.exc_info()[1], StopTest) and self.steps:
                carry_out(tuple(self.steps))

    return Sequences
