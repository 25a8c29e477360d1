"""The reader's front end: a client that asks again, and a page with a spinner."""

from __future__ import annotations

import threading

import httpx2


class Client:
    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._http = httpx2.Client(base_url=url, headers=headers)

    def run(self, workflow: str, message: str) -> None:
        for _ in range(2):
            if self._http.post(f"/workflows/{workflow}/runs", data={"message": message}).is_success:
                return
        raise AssertionError("refused twice")


class Page:
    def __init__(self, url: str, session_id: str) -> None:
        self._url = url
        self._session_id = session_id
        self._writing = threading.Thread()

    def write(self, message: str) -> None:
        self._writing = threading.Thread(target=self._read, args=(message,), daemon=True)
        self._writing.start()

    def _read(self, message: str) -> None:
        form = {"message": message, "session_id": self._session_id}
        httpx2.post(f"{self._url}/workflows/article-writer/runs", data=form, timeout=60)

    def expect_spinner(self) -> None:
        assert self._writing.is_alive()

    def expect_no_spinner(self) -> None:
        self._writing.join()
