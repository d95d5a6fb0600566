"""The routes: metrics, health, the status page and the JSON that it reads."""

import gzip
import html
from collections.abc import Awaitable, Callable
from pathlib import Path
from string import Template

import anyio
import msgspec
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.web.views import FlowsReport, FollowResult, Views, readiness_report

_STATIC = Path(__file__).parent / "static"
# Longer than any id that Kernel gives out; what is longer is not one.
_MAX_CONNECTION_ID = 200

# The page loads nothing from elsewhere, is no frame's content and sends nobody its address:
# W3C Content Security Policy Level 3, WHATWG Fetch (nosniff), W3C Referrer Policy.
_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

# 202: RFC 9110 section 15.3.3: accepted for processing; the stream opens meanwhile.
_FOLLOW_ANSWERS = {
    FollowResult.ACCEPTED: (202, "following"),
    FollowResult.UNKNOWN_CONNECTION: (404, "no such connection"),
    FollowResult.UPSTREAM_UNAVAILABLE: (503, "the Kernel API cannot be reached now: try again"),
    FollowResult.NO_ROOM: (503, "as many connections are followed as there is room for"),
}

_COMPRESSION = 1
"""The level of gzip: 1 costs a tenth of 9 for a third more bytes."""

Endpoint = Callable[[Request], Awaitable[Response]]


class _SecurityHeaders:
    """Puts the security headers on every answer, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_SECURITY_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def create_app(views: Views, *, version: str, telemetry_path: str = "/metrics") -> ASGIApp:
    """The web application over ``views``.

    Args:
        views: what there is to show.
        version: the exporter's version, shown on the page.
        telemetry_path: where the metrics are, beginning with a slash.
    """
    page = Template((_STATIC / "index.html").read_text("utf-8")).substitute(
        telemetry_path=html.escape(telemetry_path.lstrip("/")), version=html.escape(version)
    )

    async def index(_request: Request) -> Response:
        return HTMLResponse(page)

    async def healthy(_request: Request) -> Response:
        return PlainTextResponse("healthy\n")

    routes = [
        Route("/", index),
        Route(telemetry_path, _metrics(views)),
        Route("/-/healthy", healthy),
        Route("/-/ready", _ready(views)),
        Route("/-/follow/{connection_id}", _follow(views), methods=["POST"]),
        Route("/api/v1/flows", _flows(views, version)),
        Mount("/static", StaticFiles(directory=_STATIC)),
    ]
    compression = Middleware(GZipMiddleware, minimum_size=1024, compresslevel=_COMPRESSION)
    app = Starlette(
        routes=routes, middleware=[compression], exception_handlers={HTTPException: _error}
    )
    return _SecurityHeaders(app)


def _metrics(views: Views) -> Endpoint:
    # One at a time: rendering is pure computation, so two at once only stall the event loop twice.
    one_at_a_time = anyio.CapacityLimiter(1)

    async def metrics(request: Request) -> Response:
        accept = ",".join(request.headers.getlist("accept"))
        squeeze = "gzip" in request.headers.get("accept-encoding", "")
        body, content_type = await anyio.to_thread.run_sync(
            _rendered, views, accept, squeeze, limiter=one_at_a_time
        )
        # As it is: a media type of Starlette's would have a charset added to it.
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        return Response(body, headers=headers | ({"Content-Encoding": "gzip"} if squeeze else {}))

    return metrics


def _rendered(views: Views, accept: str, squeeze: bool) -> tuple[bytes, str]:  # noqa: FBT001 - of an encoding
    """The metrics, compressed in the same thread: ten megabytes would hold the event loop up."""
    body, content_type = views.render(accept)
    return (gzip.compress(body, _COMPRESSION) if squeeze else body), content_type


def _ready(views: Views) -> Endpoint:
    async def ready(_request: Request) -> Response:
        report = readiness_report(views.readiness())
        return _json(report, 200 if report.ready else 503)

    return ready


def _follow(views: Views) -> Endpoint:
    async def follow(request: Request) -> Response:
        connection_id = request.path_params["connection_id"]
        result = FollowResult.UNKNOWN_CONNECTION
        if len(connection_id) <= _MAX_CONNECTION_ID and connection_id.isprintable():
            result = await views.follow(connection_id)
        status, line = _FOLLOW_ANSWERS[result]
        return _json({"result": result, "message": line}, status)

    return follow


def _flows(views: Views, version: str) -> Endpoint:
    async def flows(_request: Request) -> Response:
        live = views.snapshot()
        report = FlowsReport(
            version=version,
            now_seconds=views.now_seconds(),
            readiness=readiness_report(views.readiness()),
            totals=live.totals,
            in_progress=live.in_progress,
            ended=live.ended,
        )
        return _json(report, 200)

    return flows


def _json(content: object, status: int) -> Response:
    return Response(msgspec.json.encode(content) + b"\n", status, media_type="application/json")


async def _error(_request: Request, error: Exception) -> Response:
    """One line for a person with curl."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    line = "no such page: / links to what there is" if error.status_code == 404 else error.detail
    return PlainTextResponse(
        f"{error.status_code}: {line}\n", error.status_code, headers=dict(error.headers or {})
    )
