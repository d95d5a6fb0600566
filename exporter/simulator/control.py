"""The simulator's own calls, outside the API: what really happened, and what shall happen next."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter.simulator.catalogue import ALL_SCENARIOS, Mix
from exporter.simulator.connection import Connection
from exporter.simulator.replies import ApiError, found, read_body, reply
from exporter.simulator.world import FlowRunningError, World


class _Wish(msgspec.Struct):
    """The body of ``POST /_simulator/start``."""

    scenario: str
    connection_id: str | None = None
    domain: str | None = None
    flow_type: str | None = None


class _Control:
    """The handlers."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def ledger(self, _request: Request) -> Response:
        return Response(self._world.ledger.to_json(), media_type="application/json")

    async def requests(self, _request: Request) -> Response:
        return reply(list(self._world.requests.entries))

    async def scenarios(self, _request: Request) -> Response:
        weights = self._world.mix.weights
        listed = [
            {
                "name": name,
                "flow_type": scenario.flow_type,
                "misbehaves": scenario.misbehaves,
                "weight": weights.get(name, 0),
            }
            for name, scenario in ALL_SCENARIOS.items()
        ]
        return reply(listed)

    async def mix(self, request: Request) -> Response:
        weights = await read_body(request, dict[str, float])
        try:
            self._world.mix = Mix(weights)
        except ValueError as error:
            raise ApiError(400, str(error)) from None
        return reply(self._world.mix.weights)

    async def start(self, request: Request) -> Response:
        wish = await read_body(request, _Wish)
        if wish.scenario not in ALL_SCENARIOS:
            raise ApiError(400, f"unknown scenario; known: {', '.join(ALL_SCENARIOS)}")
        if wish.flow_type not in {None, "LOGIN", "REAUTH"}:
            raise ApiError(400, "flow_type must be LOGIN or REAUTH")
        connection = self._choose(wish)
        try:
            flow = self._world.start(connection, wish.scenario, flow_type=wish.flow_type)
        except FlowRunningError:
            raise ApiError(409, "a flow is in progress on that connection") from None
        return reply({"flow_id": flow.id, "connection_id": connection.id}, status=201)

    def _choose(self, wish: _Wish) -> Connection:
        """The connection named, else an idle one (of the domain, made where there is none)."""
        world = self._world
        if wish.connection_id is not None:
            return found(world.connections, wish.connection_id)
        if wish.domain is None:
            connection = world.pick(wish.scenario)
            if connection is None:
                raise ApiError(409, "every connection of the population has a flow in progress")
            return connection
        there = [each for each in world.connections.values() if each.domain == wish.domain]
        idle = (each for each in there if each.running_flow is None)
        spare = next(idle, None)
        return spare or world.create(wish.domain, f"profile-{len(there):05d}", {})


def control_routes(world: World) -> list[Route]:
    """The routes under ``/_simulator/``."""
    control = _Control(world)
    return [
        Route("/_simulator/ledger", control.ledger, methods=["GET"]),
        Route("/_simulator/requests", control.requests, methods=["GET"]),
        Route("/_simulator/scenarios", control.scenarios, methods=["GET"]),
        Route("/_simulator/mix", control.mix, methods=["POST"]),
        Route("/_simulator/start", control.start, methods=["POST"]),
    ]
