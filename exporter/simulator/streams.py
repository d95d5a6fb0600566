"""``GET /auth/connections/{id}/events``: the event streams, as a plain ASGI application.

Server-Sent Events as the WHATWG HTML standard has them. Not a starlette StreamingResponse: a stream
here has to end in ways that a response must not, cut between two events or in the middle of one.
"""

import asyncio
import contextlib
import json
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from exporter.simulator.clock import rfc3339
from exporter.simulator.connection import Connection
from exporter.simulator.hub import Delivery, Hub, Subscriber, Then
from exporter.simulator.replies import ApiError, found
from exporter.simulator.world import World

DRIP_BYTES = 64
DRIP_SECONDS = 0.02
"""A slow stream's pace, in real time: about 3 kB a second."""

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"connection", b"close"),
]


class EventStreams:
    """Serves the event stream of any connection of the world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Streams until the flow's terminal event, or until the client goes away.

        Raises:
            ApiError: 404 for an unknown connection; what a flaky scenario refuses with.
        """
        connection = found(self._world.connections, scope["path_params"]["id"])
        flow = connection.running_flow
        if flow is not None and flow.refusals:
            status = flow.refusals.pop(0)
            headers = {"Retry-After": "1"} if status == 429 else {}
            raise ApiError(status, "try again", headers)
        last_event_id = Headers(scope=scope).get("last-event-id")
        subscriber = self._join(connection, last_event_id)
        watcher = asyncio.create_task(_watch(receive, subscriber))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._pump(connection.hub, subscriber, send)
        finally:
            connection.hub.leave(subscriber)
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher

    def _join(self, connection: Connection, last_event_id: str | None) -> Subscriber:
        """First what was missed, or else the present state; ended flows end the stream."""
        hub, flow, closed = connection.hub, connection.flow, self._world.is_closed
        if flow is None:
            return hub.join([], ended=closed)
        first = hub.missed(last_event_id)
        first = first or flow.snapshot(restamp=self._world.config.restamp_snapshots)
        return hub.join(first, ended=closed or flow.is_over)

    async def _pump(self, hub: Hub, subscriber: Subscriber, send: Send) -> None:
        """Sends deliveries and heartbeats until the stream is to end, is cut, or is left."""
        while True:
            delivery = await self._next(hub, subscriber)
            if delivery is None:
                return
            await _send_body(delivery, send)
            if delivery.then is Then.END:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            if delivery.then is Then.CUT:
                return  # without the last chunk, which the client knows for a broken response

    async def _next(self, hub: Hub, subscriber: Subscriber) -> Delivery | None:
        while True:
            try:
                async with asyncio.timeout(self._world.config.heartbeat_seconds):
                    return await subscriber.queue.get()
            except TimeoutError:
                if not hub.silent:
                    return Delivery(self._heartbeat())

    def _heartbeat(self) -> bytes:
        beat = {"event": "sse_heartbeat", "timestamp": rfc3339(self._world.clock.now_ns())}
        return b"event: sse_heartbeat\ndata: %b\n\n" % json.dumps(beat).encode()


async def _watch(receive: Receive, subscriber: Subscriber) -> None:
    """Tells the stream when its client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
    subscriber.queue.put_nowait(None)


async def _send_body(delivery: Delivery, send: Send) -> None:
    size = DRIP_BYTES if delivery.drip else max(1, len(delivery.chunk))
    for start in range(0, len(delivery.chunk), size):
        part = delivery.chunk[start : start + size]
        await send({"type": "http.response.body", "body": part, "more_body": True})
        if delivery.drip:
            await asyncio.sleep(DRIP_SECONDS)
