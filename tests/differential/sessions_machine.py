"""Sequences of calls, drawn by Hypothesis: what workflows, runs and sessions come to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule

from mockserver.http.descriptions import DATABASE_ID
from tests.differential.sessions_calls import Both, Call

SESSIONS = ["s1", "s2", "Zürich s3"]
USERS = [None, "ada", "bob"]
TYPES = [None, "agent", "team", "workflow", "workflow"]
WORKFLOWS = [
    "counter",
    "plain",
    "writer",
    "team",
    "mapping",
    "listing",
    "doomed",
    "flawed",
    "typed",
    "boxed",
]
MESSAGES = ["hi", "cats", 'Zürich "東京" 😀', "  two\nlines ", "0", '{"sku": "é", "quantity": 2}']
NAMES = ["Monday", 'Zürich "q"', "100%", "", "a_b"]

session_ids = st.sampled_from(SESSIONS)
user_ids = st.sampled_from(USERS)
types = st.sampled_from(TYPES)
names = st.sampled_from(NAMES)
states = st.sampled_from(
    [
        {},
        {"count": 7},
        {"count": 1, "seen": {"by": "Zoë", "at": None}},
        {"seen": {"n": [1, 2]}, "workflow_id": "mine", "k": 1.5},
    ]
)
metadata = st.sampled_from([{}, {"a": 1}, {"tags": ["x", None]}])
summaries = st.sampled_from(
    [{"summary": "short", "topics": ["a"]}, {"summary": "s"}, {"topics": []}, {"x": 1}, {}]
)


def texts(**fields: Any) -> dict[str, str]:
    """The fields that have a value, as a query or a form has them."""
    return {name: str(value) for name, value in fields.items() if value is not None}


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of these members."""
    return st.fixed_dictionaries({}, optional=optional)


databases: st.SearchStrategy[dict[str, str]] = st.one_of(
    st.just({}),
    st.just({}),
    st.just({}),
    st.sampled_from(
        [
            {"db_id": DATABASE_ID},
            {"db_id": DATABASE_ID, "table": "agno_sessions"},
            {"db_id": DATABASE_ID, "table": "agno_knowledge"},
            {"db_id": DATABASE_ID, "table": "nope"},
            {"db_id": "nope"},
            {"db_id": "nope", "table": "nope"},
            {"table": "agno_sessions"},
            {"db_id": "", "table": ""},
        ]
    ),
)


def machine(both: Callable[[], Both]) -> type[RuleBasedStateMachine]:
    """The machine that asks these servers. Raises Differs where they answer differently."""

    class Sessions(RuleBasedStateMachine):
        has_made_ids = False
        """Some session has an id that the servers made, each its own."""
        runs = Bundle("runs")
        made = Bundle("made")

        @initialize()
        def start_afresh(self) -> None:
            both().forget()

        # -- runs

        @rule(
            target=runs,
            workflow=st.sampled_from(WORKFLOWS),
            message=st.sampled_from(MESSAGES),
            is_streamed=st.booleans(),
            session_id=st.one_of(session_ids, st.none()),
            user_id=user_ids,
            more=st.one_of(
                st.just({}),
                some(
                    session_state=st.one_of(
                        states.map(json.dumps),
                        st.sampled_from(["{", "null"]),
                    ),
                    additional_data=st.sampled_from(["more", '{"a": 1}']),
                    stream_events=st.sampled_from(["true", "false"]),
                    version=st.sampled_from(["1", "99"]),
                ),
            ),
        )
        def run(
            self,
            workflow: str,
            message: str,
            is_streamed: bool,
            session_id: str | None,
            user_id: str | None,
            more: dict[str, str],
        ) -> Any:
            if workflow == "typed" and not message.startswith("{"):
                message = '{"sku": "A-1", "quantity": 1}'
            form = texts(
                message=message,
                stream=str(is_streamed).lower(),
                session_id=session_id,
                user_id=user_id,
                **more,
            )
            return self._run(workflow, form)

        @rule(
            target=runs,
            workflow=st.sampled_from(["counter", "flawed"]),
            run=runs,
            session_id=session_ids,
            is_streamed=st.booleans(),
        )
        def run_again(
            self, workflow: str, run: tuple[int, Any], session_id: str, is_streamed: bool
        ) -> Any:
            """With the id of a run that there is."""
            names = both().called("run", run[0])
            if len(set(names)) > 1:  # a server's own id; the others would not know it
                return multiple()
            form = texts(
                message="again",
                run_id=names[0],
                session_id=session_id,
                stream=str(is_streamed).lower(),
            )
            return self._run(workflow, form)

        @rule(
            target=runs,
            number=st.sampled_from([1, 2]),
            workflow=st.sampled_from(["counter", "plain", "writer"]),
            session_id=session_ids,
            is_streamed=st.booleans(),
            cancelled=st.booleans(),
        )
        def run_as(
            self, number: int, workflow: str, session_id: str, is_streamed: bool, cancelled: bool
        ) -> Any:
            """With an id of the caller's, which may have been cancelled before."""
            # Servers remember cancelled ids beyond a sequence.
            run_id = f"own-{both().sequence}-{number}"
            if cancelled:
                both().ask(Call("POST", f"/workflows/{workflow}/runs/{run_id}/cancel"))
            stream = str(is_streamed).lower()
            form = texts(message="own", run_id=run_id, session_id=session_id, stream=stream)
            return self._run(workflow, form)

        def _run(self, workflow: str, form: dict[str, str]) -> Any:
            self.has_made_ids |= "session_id" not in form
            call = Call("POST", f"/workflows/{workflow}/runs", form=form)
            number = both().learn("run", "run_id", call)
            return multiple() if number is None else (number, form.get("session_id"))

        @rule(
            run=runs,
            session_id=st.one_of(st.none(), st.none(), session_ids),
            workflow=st.sampled_from(["counter", "counter", "nope"]),
        )
        def get_run(
            self, run: tuple[int, str | None], session_id: str | None, workflow: str
        ) -> None:
            """In its session, or another."""
            path = f"/workflows/{workflow}/runs/{{run:{run[0]}}}"
            both().ask(Call("GET", path, {"session_id": session_id or run[1] or "nope"}))

        @rule(session_id=st.sampled_from([*SESSIONS, "nope", "", None]))
        def get_unknown_run(self, session_id: str | None) -> None:
            query = texts(session_id=session_id)
            both().ask(Call("GET", "/workflows/plain/runs/nope", query))

        @rule(run=runs, workflow=st.sampled_from(["counter", "nope"]))
        def cancel_late(self, run: tuple[int, Any], workflow: str) -> None:
            path = f"/workflows/{workflow}/runs/{{run:{run[0]}}}/cancel"
            both().ask(Call("POST", path))

        # -- sessions

        @rule(
            target=made,
            as_type=types,
            body=st.one_of(
                st.none(),
                some(
                    session_id=session_ids,
                    session_name=names,
                    session_state=states,
                    metadata=metadata,
                    user_id=st.sampled_from(["ada", "bob"]),
                    agent_id=st.just("an-agent"),
                    team_id=st.just("a-team"),
                    workflow_id=st.sampled_from(["counter", "nope"]),
                    unknown=st.just(1),
                ),
            ),
            database=databases,
        )
        def create(
            self, as_type: str | None, body: dict[str, Any] | None, database: dict[str, str]
        ) -> Any:
            self.has_made_ids |= "session_id" not in (body or {})
            call = Call("POST", "/sessions", texts(type=as_type, **database), body=body)
            number = both().learn("session", "session_id", call)
            return multiple() if number is None else number

        @rule(
            as_type=types,
            paging=some(
                limit=st.sampled_from([1, 2, 3, 50, 0, "x"]),
                page=st.sampled_from([0, 1, 2, 3, 9, -1, ""]),
            ),
            sorting=some(
                sort_by=st.sampled_from(
                    ["created_at", "session_id", "user_id", "workflow_id", "session_data", "nope"]
                ),
                sort_order=st.sampled_from(["asc", "desc", "desc", "up"]),
            ),
            filters=some(
                component_id=st.sampled_from(["counter", "an-agent", "nope"]),
                user_id=st.sampled_from(["ada", "bob", ""]),
                session_name=st.sampled_from(
                    [*NAMES, "mon", "count", "state", "zoë", "u00", "%", '"', "\\", "nul", "null"]
                ),
            ),
            database=databases,
        )
        def list_sessions(
            self,
            as_type: str | None,
            paging: dict[str, Any],
            sorting: dict[str, str],
            filters: dict[str, str],
            database: dict[str, str],
        ) -> None:
            if self.has_made_ids and sorting.get("sort_by") == "session_id":
                sorting = {**sorting, "sort_by": "created_at"}
            query = texts(type=as_type, **paging, **sorting, **filters, **database)
            both().ask(Call("GET", "/sessions", query))

        @rule(session=session_ids, as_type=types, user_id=user_ids, database=databases)
        def get_session(
            self, session: str, as_type: str | None, user_id: str | None, database: dict[str, str]
        ) -> None:
            query = texts(type=as_type, user_id=user_id, **database)
            both().ask(Call("GET", f"/sessions/{session}", query))

        @rule(session=made, as_type=types)
        def get_made(self, session: int, as_type: str | None) -> None:
            both().ask(Call("GET", f"/sessions/{{session:{session}}}", texts(type=as_type)))

        @rule(
            session=session_ids,
            as_type=types,
            user_id=user_ids,
            database=databases,
            times=some(
                created_after=st.sampled_from([0, 1, 4102444800]),
                created_before=st.sampled_from([0, 1, 4102444800, "x"]),
            ),
        )
        def list_runs(
            self,
            session: str,
            as_type: str | None,
            user_id: str | None,
            database: dict[str, str],
            times: dict[str, Any],
        ) -> None:
            query = texts(type=as_type, user_id=user_id, **database, **times)
            both().ask(Call("GET", f"/sessions/{session}/runs", query))

        @rule(
            session=st.one_of(st.none(), st.none(), session_ids),
            run=runs,
            as_type=types,
            user_id=user_ids,
            database=databases,
        )
        def get_session_run(
            self,
            session: str | None,
            run: tuple[int, str | None],
            as_type: str | None,
            user_id: str | None,
            database: dict[str, str],
        ) -> None:
            query = texts(type=as_type, user_id=user_id, **database)
            path = f"/sessions/{session or run[1] or 'nope'}/runs/{{run:{run[0]}}}"
            both().ask(Call("GET", path, query))

        @rule(session=st.sampled_from([*SESSIONS, "nope"]), as_type=types)
        def get_unknown_session_run(self, session: str, as_type: str | None) -> None:
            both().ask(Call("GET", f"/sessions/{session}/runs/nope", texts(type=as_type)))

        @rule(
            session=session_ids,
            as_type=types,
            user_id=user_ids,
            database=databases,
            body=st.one_of(
                names.map(lambda name: {"session_name": name}),
                st.sampled_from([{}, {"session_name": 1}, {"session_name": None}]),
            ),
        )
        def rename(
            self,
            session: str,
            as_type: str | None,
            user_id: str | None,
            database: dict[str, str],
            body: dict[str, Any],
        ) -> None:
            query = texts(type=as_type, user_id=user_id, **database)
            both().ask(Call("POST", f"/sessions/{session}/rename", query, body=body))

        @rule(
            session=session_ids,
            as_type=types,
            user_id=user_ids,
            database=databases,
            body=some(
                session_name=names, session_state=states, metadata=metadata, summary=summaries
            ),
        )
        def patch(
            self,
            session: str,
            as_type: str | None,
            user_id: str | None,
            database: dict[str, str],
            body: dict[str, Any],
        ) -> None:
            query = texts(type=as_type, user_id=user_id, **database)
            both().ask(Call("PATCH", f"/sessions/{session}", query, body=body))

        @rule(session=session_ids, user_id=user_ids, database=databases)
        def delete(self, session: str, user_id: str | None, database: dict[str, str]) -> None:
            query = texts(user_id=user_id, **database)
            both().ask(Call("DELETE", f"/sessions/{session}", query))

        @rule(
            ids=st.lists(session_ids, max_size=2),
            kinds=st.lists(st.sampled_from(["agent", "workflow"]), max_size=2),
            user_id=user_ids,
            database=databases,
        )
        def delete_many(
            self, ids: list[str], kinds: list[str], user_id: str | None, database: dict[str, str]
        ) -> None:
            query = texts(user_id=user_id, **database)
            body = {"session_ids": ids, "session_types": kinds}
            both().ask(Call("DELETE", "/sessions", query, body=body))

        # -- the server and its workflows

        @rule(
            path=st.sampled_from(
                ["/", "/health", "/config", "/workflows", "/workflows/", "/workflows/nope"]
                + [f"/workflows/{workflow}" for workflow in WORKFLOWS]
            )
        )
        def describe(self, path: str) -> None:
            both().ask(Call("GET", path))

    return Sessions
