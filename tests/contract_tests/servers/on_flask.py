"""Flask by Werkzeug's own server: HTTP/1.1, chunked."""

from __future__ import annotations

from contextlib import AbstractContextManager

from flask import Flask, Response, request
from werkzeug.serving import make_server

from tests.contract_tests.servers.serving import HOST, threaded
from tests.contract_tests.servers.story import Refused, Story, Style


def served(style: Style) -> AbstractContextManager[str]:
    app, story = Flask("tale"), Story(style)

    @app.before_request
    def let_in() -> None:
        story.let_in(request.headers.get("authorization"))

    @app.errorhandler(Refused)
    def refused(refusal: Refused) -> Response:
        return Response(refusal.body, refusal.status, refusal.headers, "application/json")

    @app.get("/workflows")
    def listed() -> Response:
        return Response(story.listed(), mimetype="application/json")

    @app.get("/workflows/<name>")
    def described(name: str) -> Response:
        return Response(story.described(name), mimetype="application/json")

    @app.post("/workflows/<name>/runs")
    def run(name: str) -> Response:
        ask = story.ask(name, request.content_type or "", request.form)
        if ask.stream:
            return Response(story.frames(ask), mimetype="text/event-stream")
        return Response(story.batch(ask), mimetype="application/json")

    return threaded(make_server(HOST, 0, app, threaded=True))
