"""The routes of Kernel's auth connections API, over a simulated world."""

from typing import Annotated, Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter.simulator.clock import rfc3339
from exporter.simulator.connection import Connection
from exporter.simulator.control import control_routes
from exporter.simulator.gate import Gate
from exporter.simulator.prompts import Submission
from exporter.simulator.replies import ApiError, found, page_reply, read_body, reply
from exporter.simulator.streams import EventStreams
from exporter.simulator.world import FlowRunningError, NotAskedError, World

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_TIMELINE_TYPES = frozenset({"login", "reauth", "health_check"})


class _NewConnection(msgspec.Struct):
    """The body of ``POST /auth/connections``, as far as the simulator cares."""

    domain: _Text
    profile_name: _Text
    auto_reauth: bool = True
    health_checks: bool = True
    health_check_interval: int = 3600
    record_session: bool = False
    save_credentials: bool = True


class _Routes:
    """The handlers; each is one call of the API."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _found(self, request: Request) -> Connection:
        return found(self._world.connections, request.path_params["id"])

    async def list(self, request: Request) -> Response:
        query = request.query_params
        wanted = list(self._world.connections.values())
        if (domain := query.get("domain")) is not None:
            wanted = [each for each in wanted if each.domain == domain]
        if (profile_name := query.get("profile_name")) is not None:
            wanted = [each for each in wanted if each.profile_name == profile_name]
        if words := query.get("query", "").lower():
            wanted = [each for each in wanted if words in each.searchable]
        return page_reply(wanted, query, Connection.members)

    async def create(self, request: Request) -> Response:
        wish = await read_body(request, _NewConnection)
        for known in self._world.connections.values():
            if (known.domain, known.profile_name) == (wish.domain, wish.profile_name):
                raise ApiError(409, "an auth connection exists for this profile and domain")
        options: dict[str, Any] = msgspec.structs.asdict(wish)
        connection = self._world.create(wish.domain, wish.profile_name, options)
        return reply(connection.members(), status=201)

    async def retrieve(self, request: Request) -> Response:
        return reply(self._found(request).members())

    async def delete(self, request: Request) -> Response:
        self._world.delete(self._found(request))
        return Response(status_code=204)

    async def login(self, request: Request) -> Response:
        connection = self._found(request)
        await read_body(request, dict[str, Any])
        try:
            flow = self._world.login(connection)
        except FlowRunningError:
            raise ApiError(409, "a login flow is already in progress") from None
        return reply(
            {
                "id": connection.id,
                "flow_type": flow.record.flow_type,
                "flow_expires_at": rfc3339(flow.expires_ns),
                "hosted_url": flow.hosted_url,
                "handoff_code": flow.handoff_code,
                "live_view_url": flow.live_view_url,
            }
        )

    async def submit(self, request: Request) -> Response:
        connection = self._found(request)
        answer = await read_body(request, Submission)
        if not answer.values and answer.choice is None:
            raise ApiError(400, "nothing submitted: name fields or a choice")
        try:
            self._world.submit(connection, answer)
        except NotAskedError as error:
            raise ApiError(409, str(error)) from None
        return reply({"accepted": True})

    async def timeline(self, request: Request) -> Response:
        connection, query = self._found(request), request.query_params
        wanted = query.get("type")
        if wanted is not None and wanted not in _TIMELINE_TYPES:
            raise ApiError(400, "type must be login, reauth or health_check")
        newest_first = connection.timeline.newest_first(self._world.clock.now_ns())
        entries = [entry for entry in newest_first if wanted in {None, entry.type}]
        return page_reply(entries, query, msgspec.to_builtins)


def create_app(world: World) -> Gate:
    """The whole server as an ASGI application."""
    routes, streams = _Routes(world), EventStreams(world)
    connection = "/auth/connections/{id}"
    app = Starlette(
        routes=[
            Route("/auth/connections", routes.list, methods=["GET"]),
            Route("/auth/connections", routes.create, methods=["POST"]),
            Route(connection, routes.retrieve, methods=["GET"]),
            Route(connection, routes.delete, methods=["DELETE"]),
            Route(f"{connection}/login", routes.login, methods=["POST"]),
            Route(f"{connection}/submit", routes.submit, methods=["POST"]),
            Route(f"{connection}/timeline", routes.timeline, methods=["GET"]),
            Route(f"{connection}/events", streams, methods=["GET"]),
            *control_routes(world),
        ],
        exception_handlers={ApiError: _api_error, HTTPException: _http_error},
    )
    return Gate(app, world.config, world.requests, world.monotonic)


async def _api_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - registered for it alone
    return error.response()


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    return ApiError(error.status_code, error.detail, error.headers).response()
