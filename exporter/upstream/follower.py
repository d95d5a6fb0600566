"""Follows one connection: opens its stream, feeds what it says, backs off, resumes."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Final, assert_never

import httpx
import msgspec

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
    FlowEnded,
    FlowStarted,
    Sink,
    StepEntered,
    StreamEnded,
    StreamEndReason,
    StreamEventKind,
    StreamMessage,
    StreamOpened,
)
from exporter.core.vocabulary import TERMINAL_STATUSES
from exporter.upstream.backoff import Backoff
from exporter.upstream.client import reason_of
from exporter.upstream.clock import Clock
from exporter.upstream.door import Door
from exporter.upstream.ends import Forget, Next, Retry, Stop, StreamEnd, what_next
from exporter.upstream.idle import IdleLimit
from exporter.upstream.kernel_api import KernelApi
from exporter.upstream.responses import ApiError
from exporter.upstream.sse import Cursor, messages
from exporter.upstream.wish import Wish

LONG_SECONDS: Final = 30.0
"""A stream that lasted so long may be opened again at once: two requests a minute hurt nobody."""


class _Stream(msgspec.Struct):
    """What a stream, or the attempt to open one, has come to so far.

    ``moved``: it brought a state that changed the flow. ``over``: its last state was the flow's
    end. A snapshot of what is known already is neither.
    """

    opened: bool = False
    opened_seconds: float = 0.0
    states: int = 0
    moved: bool = False
    over: bool = False
    heartbeat_ns: int | None = None


class Follower:
    """One connection's streams, one after the other, until there is nothing left to follow.

    ``wish`` is made by whoever wants the stream while it is followed already: it cuts a back-off
    short, and where it could not be met by the stream that was open, that stream is not the last.
    ``settle`` reads the connection's timeline, so that a flow which ended unwatched is known to be
    over before a new stream shows what may be the next one.
    """

    def __init__(
        self,
        connection_id: str,
        door: Door,
        *,
        api: KernelApi,
        sink: Sink,
        clock: Clock,
        idle: IdleLimit,
        wish: Wish,
        settle: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._connection_id = connection_id
        self._door = door
        self._api = api
        self._sink = sink
        self._clock = clock
        self._idle = idle
        self._wish = wish
        self._settle = settle
        self._cursor = Cursor()
        self._stream = _Stream()
        self._had_flow = False

    async def run(self) -> Stop | Forget:
        """Follow the connection; returns when there is nothing to follow any more."""
        backoff = Backoff(self._clock.random)
        while True:
            step = await self._next_step(backoff)
            if isinstance(step, Retry):
                await self._wish.sleep(self._clock, step.seconds)
                if self._had_flow and not self._door.in_progress:
                    step = Stop()  # It broke after the flow's end, or a listing has told of it.
            elif (self._door.in_progress or isinstance(step, Forget)) and await self._ask():
                step = Stop()
            if not isinstance(step, Retry) and not self._wish.made:
                return step

    async def _next_step(self, backoff: Backoff) -> Next:
        self._had_flow |= self._door.in_progress
        self._wish.made = False
        end = await self._next_end()
        if end.worthwhile:
            backoff.reset()
        return what_next(
            end,
            flow_open=self._door.in_progress,
            reconnection_seconds=self._cursor.retry_seconds,
            backoff=backoff,
        )

    async def _ask(self) -> bool:
        """Ask how things stand that no stream shows any more; false where the connection is gone.

        In doubt it is there: to forget it would end a flow that may be well, and that the list then
        shows once more, and would leave uncounted what ended unseen.
        """
        flow_open = self._door.in_progress
        if flow_open and self._settle:
            await self._settle(self._connection_id)
        if flow_open and not self._door.in_progress:
            return True
        try:
            listing = await self._api.retrieve(self._connection_id)
        except ApiError as error:
            return error.status != 404  # The next poll asks again.
        self._door.feed(listing, listing.received_ns)
        return True

    async def _next_end(self) -> StreamEnd:
        """Open a stream and read it to its end, which is told whatever the end is."""
        self._stream = _Stream()
        reason = StreamEndReason.STOPPED
        try:
            end = await self._open()
            reason = end.reason
        finally:
            self._sink.observe(StreamEnded(self._connection_id, reason, self._stream.opened))
        return end

    async def _open(self) -> StreamEnd:
        stream = self._stream
        self._cursor.last_event_id = self._door.last_event_id
        try:
            async with self._api.events(self._connection_id, self._cursor.header()) as chunks:
                stream.opened, stream.opened_seconds = True, self._clock.monotonic()
                self._sink.observe(StreamOpened(self._connection_id))
                unsettled = self._door.is_unsettled()
                self._door.attach(self._clock.unix_ns())
                try:
                    if unsettled and self._settle:
                        await self._settle(self._connection_id)
                    reason = await self._read(chunks)
                finally:
                    self._door.detach(self._clock.unix_ns())
        except ApiError as error:
            return StreamEnd(
                error.reason,
                opened=False,
                session_over=error.status == 410,
                retry_after_seconds=error.retry_after_seconds,
                should_retry=error.should_retry,
            )
        lasted = self._clock.monotonic() - stream.opened_seconds
        return StreamEnd(reason, opened=True, worthwhile=stream.moved or lasted >= LONG_SECONDS)

    async def _read(self, chunks: AsyncIterable[bytes]) -> StreamEndReason:
        """Read a stream to its end. Silence is counted in whole messages, so a drip is silence."""
        stream, wish = self._stream, self._wish
        try:
            async with asyncio.timeout(self._idle.seconds) as deadline:
                texts = messages(
                    chunks,
                    self._cursor,
                    on_block=partial(self._postpone, deadline),
                    on_oversized=self._oversized,
                )
                async with aclosing(texts):
                    async for data in texts:
                        self._door.last_event_id = self._cursor.last_event_id
                        self._take(decode(data))
                        if stream.over and wish.made:
                            break  # The next flow is wanted, and another stream shows it sooner.
                        wish.interrupt = partial(_expire, deadline) if stream.over else None
        except TimeoutError:
            return StreamEndReason.TERMINAL if stream.over else StreamEndReason.IDLE
        except (httpx.TransportError, OSError) as error:
            return reason_of(error)
        finally:
            wish.interrupt = None
        return StreamEndReason.TERMINAL if stream.over else StreamEndReason.EOF

    def _postpone(self, deadline: asyncio.Timeout) -> None:
        if not (self._stream.over and self._wish.made):
            now = asyncio.get_running_loop().time()
            deadline.reschedule(now + self._idle.seconds)

    def _take(self, event: Event) -> None:
        received_ns = self._clock.unix_ns()
        at_ns: int | None = None
        match event:
            case StateEvent():
                kind = StreamEventKind.STATE
                # The first may repeat a state of any age: its time says nothing of the way here.
                at_ns = event.at_ns if self._stream.states else None
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
            self._feed(event, received_ns)

    def _feed(self, event: StateEvent, received_ns: int) -> None:
        observed = self._door.feed(event, received_ns)
        stream = self._stream
        stream.states += 1
        stream.moved |= any(isinstance(each, StepEntered | FlowEnded) for each in observed)
        stream.over = event.flow_status in TERMINAL_STATUSES and self._door.ended
        if any(isinstance(each, FlowStarted) for each in observed):
            self._wish.made = False  # This is the flow that was wished for.
        self._had_flow |= self._door.in_progress

    def _beat(self, received_ns: int) -> None:
        before, self._stream.heartbeat_ns = self._stream.heartbeat_ns, received_ns
        if before is not None:
            self._idle.learn((received_ns - before) / 1e9)

    def _oversized(self) -> None:
        self._sink.observe(StreamMessage(StreamEventKind.OVERSIZED, self._clock.unix_ns()))


def _expire(deadline: asyncio.Timeout) -> None:
    if not deadline.expired():
        deadline.reschedule(0)
