"""A whole upstream on a raw server, and the exporter's side of it ready to be set in motion."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from exporter.stores.keeper import Keeper
from exporter.upstream.discovery import Discovery
from exporter.upstream.health import SourceHealth
from exporter.upstream.kernel_api import KernelApi
from exporter.upstream.roster import MAX_CONNECTIONS, Roster
from exporter.upstream.timeline import INTERVAL_SECONDS, Timeline
from tests.upstream.raw_server import Exchange, RawServer, raw_server
from tests.upstream.recorder import FakeTime, Recorder
from tests.upstream.wire import START_SECONDS


@dataclass
class Upstream:
    """Lists ``connections``; a stream sends what a test puts into ``say`` and ends at None."""

    connections: list[dict[str, object]] = field(default_factory=list)
    unlisted: list[dict[str, object]] = field(default_factory=list)
    """What can be retrieved besides, though no list shows it."""
    page_size: int = 100
    list_status: int = 200
    list_headers: dict[str, str] = field(default_factory=dict)
    events_status: int = 200
    statuses: dict[str, int] = field(default_factory=dict)
    """What a connection that is retrieved is answered with, by its id."""
    streams: dict[str, asyncio.Queue[bytes | None]] = field(default_factory=dict)
    timelines: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    """The entries of each connection's timeline, the newest first."""
    timeline_status: int = 200
    timeline_hangs: bool = False
    timelines_read: list[tuple[str, int]] = field(default_factory=list)
    """Whose timeline was asked for, and from which offset on."""
    retrieved: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    def say(self, connection_id: str, *chunks: bytes | None) -> None:
        queue = self.streams.setdefault(connection_id, asyncio.Queue())
        for chunk in chunks:
            queue.put_nowait(chunk)

    async def __call__(self, exchange: Exchange) -> None:
        url = httpx.URL(exchange.target)
        match url.path.split("/")[3:]:
            case []:
                await self._list(exchange, url)
            case [connection_id]:
                await self._retrieve(exchange, connection_id)
            case [connection_id, "events"]:
                await self._stream(exchange, connection_id)
            case [connection_id, "timeline"]:
                await self._timeline(exchange, connection_id, int(url.params["offset"]))
            case _:
                await exchange.answer(404)

    async def _list(self, exchange: Exchange, url: httpx.URL) -> None:
        if self.list_status != 200:
            await exchange.answer(self.list_status)
            return
        await self._page(exchange, self.connections, int(url.params["offset"]))

    async def _timeline(self, exchange: Exchange, connection_id: str, offset: int) -> None:
        self.timelines_read.append((connection_id, offset))
        if self.timeline_hangs:
            await exchange.gone()
        elif self.timeline_status != 200:
            await exchange.answer(self.timeline_status)
        else:
            await self._page(exchange, self.timelines.get(connection_id, []), offset)

    async def _page(self, exchange: Exchange, all_: list[dict[str, object]], start: int) -> None:
        end = start + self.page_size
        more = end < len(all_)
        await exchange.answer(
            200,
            json.dumps(all_[start:end]).encode(),
            **{
                "X_Has_More": str(more).lower(),
                "X_Next_Offset": str(end if more else 0),
                **self.list_headers,
            },
        )

    async def _retrieve(self, exchange: Exchange, connection_id: str) -> None:
        self.retrieved.append(connection_id)
        found = [each for each in self.connections + self.unlisted if each["id"] == connection_id]
        status = self.statuses.get(connection_id, self.list_status)
        if status != 200:
            await exchange.answer(status)
        elif found:
            await exchange.answer(200, json.dumps(found[0]).encode())
        else:
            await exchange.answer(404)

    async def _stream(self, exchange: Exchange, connection_id: str) -> None:
        self.opened.append(connection_id)
        if self.events_status != 200:
            await exchange.answer(self.events_status)
            return
        await exchange.open_stream()
        queue = self.streams.setdefault(connection_id, asyncio.Queue())
        closed = asyncio.create_task(exchange.gone())
        while not closed.done():
            following = asyncio.create_task(queue.get())
            await asyncio.wait({closed, following}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done() or (chunk := following.result()) is None:
                following.cancel()
                break
            await exchange.send(chunk)
        closed.cancel()


@dataclass
class Stage:
    upstream: Upstream
    server: RawServer
    sink: Recorder
    time: FakeTime
    api: KernelApi
    health: SourceHealth
    roster: Roster

    def discovery(
        self,
        connection_ids: tuple[str, ...] = (),
        domain: str | None = None,
        profile_name: str | None = None,
        timeline: Timeline | None = None,
    ) -> Discovery:
        return Discovery(
            self.api,
            self.roster,
            self.sink,
            health=self.health,
            timeline=timeline,
            clock=self.time.clock(),
            connection_ids=connection_ids,
            domain=domain,
            profile_name=profile_name,
        )

    def timeline(self, interval_seconds: float = INTERVAL_SECONDS) -> Timeline:
        return Timeline(
            self.api,
            self.roster,
            self.sink,
            clock=self.time.clock(),
            interval_seconds=interval_seconds,
        )

    async def until(self, condition: Callable[[], object]) -> None:
        """Return when the condition holds; five seconds are a failure."""
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.001)


@asynccontextmanager
async def stage(
    max_connections: int = MAX_CONNECTIONS,
    keeper: Keeper | None = None,
    time: FakeTime | None = None,
) -> AsyncIterator[Stage]:
    upstream, sink, time = Upstream(), Recorder(), time or FakeTime(START_SECONDS + 10)
    health, clock = SourceHealth(), time.clock()
    async with raw_server(upstream) as server:
        api = KernelApi(server.url, lambda: "sk", sink, clock=clock, health=health)
        roster = Roster(
            api,
            sink,
            classify=lambda _: "other",
            clock=clock,
            max_connections=max_connections,
            keeper=keeper,
        )
        yield Stage(upstream, server, sink, time, api, health, roster)
        await roster.stop()
        await api.aclose()
