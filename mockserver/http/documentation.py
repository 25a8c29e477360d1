"""The document itself: GET /openapi.json, and GET /docs, which shows it by Swagger UI.

Both are there for everybody, as a real server has them; they are no operations of the document.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_contract.document import Document
from agentos_contract.json_values import to_json
from agentos_contract.views import document_view
from mockserver.http.errors import ApiError

PAGE = Path(__file__).parent / "docs_page"


class Documentation:
    """ASGI middleware that answers for the document's own addresses."""

    def __init__(self, application: ASGIApp, document: Document) -> None:
        self._application = application
        self._document = document
        self._encoded: dict[str, bytes] = {}
        self._page = StaticFiles(directory=PAGE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        is_read = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if is_read and path == "/openapi.json":
            await self._answer(scope)(scope, receive, send)
        elif is_read and path == "/docs":
            await self._page({**scope, "path": "/index.html", "root_path": ""}, receive, send)
        elif is_read and path.startswith("/docs/") and (PAGE / path[6:]).is_file():
            await self._page({**scope, "path": path[5:], "root_path": ""}, receive, send)
        else:
            await self._application(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        version = query.get("version", ["3.1"])[0]
        if version not in self._encoded:
            try:
                self._encoded[version] = to_json(document_view(self._document, version))
            except ValueError as error:
                refused = ApiError(422, f"query.version: {error}")
                body = {"detail": refused.detail, "error_code": "VALIDATION_ERROR"}
                return JSONResponse(body, refused.status)
        return Response(self._encoded[version], media_type="application/json")
