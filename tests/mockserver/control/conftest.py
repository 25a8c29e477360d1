"""A scope of the mock for each test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import httpx2
import jsonschema_rs
import pytest
from starlette.routing import compile_path

from agentos_contract.sse import EventStreamDecoder
from mockserver.client import MockClient
from mockserver.control.application import load_control_document

Start = Callable[..., "Answer"]


class Answer:
    """A run's answer, as it comes."""

    def __init__(self, mock: MockClient, workflow_id: str, form: dict[str, str]) -> None:
        self.status = 0
        self.text = ""
        self.is_whole = False
        self.error = ""
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(mock, workflow_id, form))
        self._thread.start()

    def _read(self, mock: MockClient, workflow_id: str, form: dict[str, str]) -> None:
        url = f"/workflows/{workflow_id}/runs"
        try:
            with mock.http.stream("POST", url, data=form) as answer:
                self.status = answer.status_code
                self._begun.set()
                for piece in answer.iter_text():
                    self.text += piece
            self.is_whole = True
        except httpx2.HTTPError as error:
            self.error = str(error)
        finally:
            self._begun.set()

    def begun(self) -> Answer:
        """Once its head has come."""
        assert self._begun.wait(20)
        return self

    def ended(self) -> Answer:
        """Once it is over."""
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self

    @property
    def events(self) -> list[str]:
        decoder = EventStreamDecoder()
        return [event.event for event in decoder.feed(self.text.encode())]


DOCUMENT = load_control_document()
ROUTES = [
    (compile_path(operation.path)[0], operation) for operation in DOCUMENT.operations.values()
]


def is_as_documented(answer: httpx2.Response) -> None:
    """Every answer of the control API that a test gets is one that its document has."""
    path = answer.url.path.removeprefix("/__mock__")
    method = answer.request.method.lower()
    for pattern, operation in ROUTES:
        if pattern.match(path) and operation.method == method:
            break
    else:
        raise AssertionError(f"{method} {path} is not in the document")
    answer.read()
    responses = operation.definition["responses"]
    assert answer.status_code < 300 or "default" in responses
    response = DOCUMENT.resolve(responses.get(str(answer.status_code), responses["default"]))
    assert answer.status_code >= 300 or str(answer.status_code) in responses
    if "content" in response:
        schema = response["content"]["application/json"]["schema"]
        validator = jsonschema_rs.Draft202012Validator(DOCUMENT.self_contained(schema))
        validator.validate(answer.json())


@pytest.fixture
def mock(mock_url: str, request: pytest.FixtureRequest) -> Iterator[MockClient]:
    """A scope of the mock."""
    client = MockClient(mock_url, f"{request.node.name}"[:100].replace(":", "."))
    client._control.event_hooks["response"] = [is_as_documented]
    yield client
    client.close()


@pytest.fixture
def start(mock: MockClient) -> Iterator[Start]:
    """Start a run in the scope of `mock`, beside the test."""
    started: list[Answer] = []

    def run(workflow_id: str = "content-pipeline", **form: str) -> Answer:
        answer = Answer(mock, workflow_id, {"message": "bees", **form})
        started.append(answer)
        return answer

    yield run
    mock.reset()
    for answer in started:
        answer.ended()
