"""Django, as a WSGI application."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler

import django
from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.http.multipartparser import MultiPartParserError
from django.urls import path
from django.views.decorators.http import require_POST

from tests.contract_tests.servers.serving import HOST, threaded
from tests.contract_tests.servers.story import Refused, Story, Style

story = Story(Style())
urlpatterns: list[Any] = []


def answer(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(body, "application/json", status, headers=headers)


class Refusals:
    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            story.let_in(request.headers.get("authorization"))
        except Refused as refusal:
            return self.process_exception(request, refusal)
        response: HttpResponseBase = self.get_response(request)
        return response

    def process_exception(self, _: HttpRequest, error: Exception) -> HttpResponse:
        if isinstance(error, (BadRequest, MultiPartParserError)):
            error = Refused(400, "The body can't be read.")
        if not isinstance(error, Refused):
            raise error
        return answer(error.body, error.status, error.headers)


def listed(_: HttpRequest) -> HttpResponse:
    return answer(story.listed())


def described(_: HttpRequest, name: str) -> HttpResponse:
    return answer(story.described(name))


def run(request: HttpRequest, name: str) -> HttpResponseBase:
    ask = story.ask(name, request.headers.get("content-type", ""), request.POST.dict())
    if ask.stream:
        return StreamingHttpResponse(story.frames(ask), "text/event-stream")
    return answer(story.batch(ask))


def application(style: Style) -> WSGIHandler:
    story.style = style
    urlpatterns[:] = [
        path("workflows", listed),
        path("workflows/<str:name>", described),
        path("workflows/<str:name>/runs", require_POST(run)),
    ]
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"],
            ROOT_URLCONF=__name__,
            MIDDLEWARE=[f"{__name__}.Refusals"],
            LOGGING_CONFIG=None,
            SECRET_KEY="none is kept",
        )
        django.setup()
    return get_wsgi_application()


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def served(style: Style) -> AbstractContextManager[str]:
    server = ThreadedWSGIServer((HOST, 0), Quiet)
    server.set_app(application(style))
    return threaded(server)
