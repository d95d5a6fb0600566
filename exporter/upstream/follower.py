"""Follows one connection: opens its stream, feeds what it says, backs off, resumes."""

import asyncio
from collections.abc import AsyncIterable
from contextlib import aclosing
from typing import assert_never

import httpx

from exporter.core.decoding import decode
from exporter.core.events import (
    Event,
    Heartbeat,
    StateEvent,
    StreamError,
    UnknownEvent,
    WireError,
)
from exporter.core.observations import (
    Sink,
    StreamEnded,
    StreamEndReason,
    StreamEventKind,
    StreamMessage,
    StreamOpened,
)
from exporter.upstream.backoff import Backoff
from exporter.upstream.clock import Clock
from exporter.upstream.door import Door
from exporter.upstream.ends import Forget, Retry, Stop, StreamEnd, what_next
from exporter.upstream.idle import IdleLimit
from exporter.upstream.kernel_api import KernelApi, reason_of
from exporter.upstream.responses import ApiError
from exporter.upstream.sse import Cursor, messages


class Follower:
    """One connection's streams, one after the other, until there is nothing left to follow."""

    def __init__(
        self,
        connection_id: str,
        door: Door,
        *,
        api: KernelApi,
        sink: Sink,
        clock: Clock,
        idle: IdleLimit,
    ) -> None:
        self._connection_id = connection_id
        self._door = door
        self._api = api
        self._sink = sink
        self._clock = clock
        self._idle = idle
        self._cursor = Cursor()
        self._opened = False
        self._delivered = False
        self._had_flow = False
        self._heartbeat_ns: int | None = None

    async def run(self) -> Stop | Forget:
        """Follow the connection; returns when there is nothing to follow any more."""
        backoff = Backoff(self._clock.random)
        while True:
            self._had_flow |= self._door.in_progress
            end = await self._next_end()
            if end.delivered:
                backoff.reset()
            step = what_next(
                end,
                flow_open=self._door.in_progress,
                reconnection_seconds=self._cursor.retry_seconds,
                backoff=backoff,
            )
            if not isinstance(step, Retry):
                return step
            await self._clock.sleep(step.seconds)
            if self._had_flow and not self._door.in_progress:
                return Stop()  # The stream broke after the flow's end, or a listing has told of it.

    async def _next_end(self) -> StreamEnd:
        """Open a stream and read it to its end, which is told whatever the end is."""
        self._opened = self._delivered = False
        reason = StreamEndReason.STOPPED
        try:
            end = await self._stream()
            reason = end.reason
        finally:
            self._sink.observe(StreamEnded(self._connection_id, reason, self._opened))
        return end

    async def _stream(self) -> StreamEnd:
        try:
            async with self._api.events(self._connection_id, self._cursor.header()) as chunks:
                self._opened = True
                self._sink.observe(StreamOpened(self._connection_id))
                self._door.attach(self._clock.unix_ns())
                try:
                    reason = await self._read(chunks)
                finally:
                    self._door.detach(self._clock.unix_ns())
        except ApiError as error:
            return StreamEnd(
                error.reason,
                opened=False,
                retry_after_seconds=error.retry_after_seconds,
                should_retry=error.should_retry,
            )
        return StreamEnd(reason, opened=True, delivered=self._delivered)

    async def _read(self, chunks: AsyncIterable[bytes]) -> StreamEndReason:
        """Read a stream to its end. Silence is counted in whole messages, so a drip is silence."""
        now = asyncio.get_running_loop().time
        self._heartbeat_ns = None
        try:
            async with asyncio.timeout(self._idle.seconds) as deadline:
                stream = messages(
                    chunks,
                    self._cursor,
                    on_block=lambda: deadline.reschedule(now() + self._idle.seconds),
                    on_oversized=self._oversized,
                )
                async with aclosing(stream):
                    async for data in stream:
                        self._take(decode(data))
        except TimeoutError:
            return StreamEndReason.IDLE
        except (httpx.TransportError, OSError) as error:
            return reason_of(error)
        return StreamEndReason.TERMINAL if self._door.ended else StreamEndReason.EOF

    def _take(self, event: Event) -> None:
        received_ns = self._clock.unix_ns()
        at_ns: int | None = None
        match event:
            case StateEvent():
                kind, at_ns = StreamEventKind.STATE, event.at_ns
                self._delivered = True
            case Heartbeat():
                kind, at_ns = StreamEventKind.HEARTBEAT, event.at_ns
                self._beat(received_ns)
            case StreamError():
                kind, at_ns = StreamEventKind.ERROR, event.at_ns
            case UnknownEvent():
                kind = StreamEventKind.UNKNOWN
            case WireError():
                kind = StreamEventKind.MALFORMED
            case _:
                assert_never(event)
        lag_ns = None if at_ns is None else received_ns - at_ns
        self._sink.observe(StreamMessage(kind, received_ns, lag_ns))
        if isinstance(event, StateEvent):
            self._door.feed(event, received_ns)
            self._had_flow |= self._door.in_progress

    def _beat(self, received_ns: int) -> None:
        self._delivered = True
        if self._heartbeat_ns is not None:
            self._idle.learn((received_ns - self._heartbeat_ns) / 1e9)
        self._heartbeat_ns = received_ns

    def _oversized(self) -> None:
        self._sink.observe(StreamMessage(StreamEventKind.OVERSIZED, self._clock.unix_ns()))
